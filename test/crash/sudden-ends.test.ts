import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'

import type { Known } from '../fixtures/committing.js'
import { type Child, fixturePath, startChild } from '../support/children.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { seededRandom } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'
import { JournalHistory } from './power-cuts-history.js'

// Writers that end while writes and syncs of theirs are under way, at any moment, and the next open right behind them.

const SEED = Number(process.env['FSYS_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const THREADS = Number(process.env['FSYS_TEST_ROUNDS'] ?? 6)
const PROCESSES = Number(process.env['FSYS_TEST_ROUNDS'] ?? 2)
/** From when the journal is open. On a slow machine nothing is written in a short one. */
const LIFE_MS_MAX = 12
/** Another journal is begun when one is longer. */
const JOURNAL_BYTES_MAX = 2 ** 20

const onLinux = {
  timeout: 180_000,
  skip: process.platform === 'linux' ? false : 'needs the process file system of Linux to tell threads apart',
}

for (const mode of ['cached', 'direct'] as const) {
  suite(`a writer that ends in mid-sync, ${mode}; FSYS_TEST_SEED=${SEED} repeats the records`, () => {
    test('D1 D2 D6 D8 D10: a thread that is terminated', onLinux, async (context) => {
      const lives = await Lives.in(context, mode)
      if (lives === undefined) return
      // At least one must leave something that was under way; not every seed gives a long life to one of the first.
      for (let round = 1; round <= THREADS || (lives.withUnconfirmed === 0 && round <= 20 * THREADS); round++) {
        const before = descriptorsBeforeThread()
        const thread = startThread(lives.begin())
        // Every fourth ends while it opens its journal, if not earlier or later.
        const isEarly = round % 4 === 0
        if (isEarly) await sleep(lives.random() * 80)
        else lives.history.opened(await thread.opened)
        await sleep(lives.random() * LIFE_MS_MAX)
        await thread.worker.terminate()
        await thread.ended
        await lives.goOn(thread.confirmedLsn)
        // Node leaves open what it is asked to open when a thread is terminated.
        if (!isEarly) assert.deepEqual(openDescriptors(), before ?? openDescriptors())
      }
      assert.ok(lives.withUnconfirmed > 0, 'nothing was ever under way')
    })

    test('D1 D2 D6 D8 D10: a thread that calls process.exit', onLinux, async (context) => {
      const lives = await Lives.in(context, mode)
      if (lives === undefined) return
      for (let round = 1; round <= THREADS / 2; round++) {
        const before = descriptorsBeforeThread()
        const thread = startThread(lives.begin(), lives.random() * LIFE_MS_MAX)
        lives.history.opened(await thread.opened)
        await thread.ended
        await lives.goOn(thread.confirmedLsn, thread.nextLsn)
        assert.deepEqual(openDescriptors(), before ?? openDescriptors())
      }
    })

    for (const end of ['SIGKILL', 'process.exit'] as const) {
      test(`D1 D2 D6 D8 D10: a process, by ${end}`, onLinux, async (context) => {
        const lives = await Lives.in(context, mode)
        if (lives === undefined) return
        for (let round = 1; round <= PROCESSES; round++) {
          const delayMs = lives.random() * LIFE_MS_MAX
          const words = end === 'SIGKILL' ? [] : [String(delayMs)]
          const child = startChild(context, 'committing', [...lives.begin(), ...words])
          lives.history.opened((await child.hear<Known>()).opened!)
          if (end === 'SIGKILL') setTimeout(() => child.process.kill('SIGKILL'), delayMs)
          const { confirmed, next } = await lastWords(child)
          const { code, signal, stderr } = await child.ended
          assert.deepEqual([code, signal], end === 'SIGKILL' ? [null, 'SIGKILL'] : [0, null], stderr)
          await lives.goOn(confirmed, next)
        }
      })
    }
  })
}

/** By then, all is open that the journals of a process share. */
const WARM_UP_THREADS = 3
let threads = 0

/** What is open before one more thread; undefined as long as that still grows. */
function descriptorsBeforeThread(): string[] | undefined {
  threads += 1
  return threads > WARM_UP_THREADS ? openDescriptors() : undefined
}

/** All that this process has open, but for modules, which Node may be about to load. */
function openDescriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .map((descriptor) => linkOf(`/proc/self/fd/${descriptor}`))
    .filter((name) => !name.endsWith('.js') && !name.endsWith('.node') && !name.endsWith('.json'))
    .toSorted()
}

/** The directory that is being read is there no more. */
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

interface RunningThread {
  readonly worker: Worker
  readonly opened: Promise<NonNullable<Known['opened']>>
  readonly ended: Promise<unknown>
  readonly confirmedLsn: number
  readonly nextLsn: number
}

function startThread(words: readonly string[], exitAfterMs?: number): RunningThread {
  const known = new Int32Array(new SharedArrayBuffer(8))
  const argv = exitAfterMs === undefined ? [...words] : [...words, String(exitAfterMs)]
  const worker = new Worker(fixturePath('committing'), { argv, workerData: known })
  const ended = once(worker, 'exit')
  const opened = once(worker, 'message').then(([message]) => (message as Required<Known>).opened)
  // Nobody waits for a thread to open its journal that is to be terminated before.
  for (const promise of [opened, ended]) promise.catch(() => {})
  return {
    worker,
    opened,
    ended,
    get confirmedLsn() {
      return Atomics.load(known, 0)
    },
    get nextLsn() {
      return Atomics.load(known, 1)
    },
  }
}

/** All that a process has said up to its end. */
async function lastWords(child: Child): Promise<{ confirmed: number; next: number }> {
  const last = { confirmed: 0, next: 0 }
  for await (const line of child.lines) Object.assign(last, JSON.parse(line))
  return last
}

/** The lives of some journals, one writer after the other. */
class Lives {
  history: JournalHistory
  readonly random: () => number = seededRandom(SEED)
  /** How many left more than was confirmed. */
  withUnconfirmed = 0
  readonly #directory: string
  readonly #isDirect: boolean
  #journals = 1
  #lives = 0

  /** Undefined, and the test skipped, where there is no direct I/O. */
  static async in(context: TestContext, mode: 'cached' | 'direct'): Promise<Lives | undefined> {
    const lives = new Lives(temporaryDirectory(context), mode === 'direct')
    const journal = await openJournal(join(lives.#directory, 'trial.wal'), { direct: lives.#isDirect })
    await journal.close()
    if (journal.info.isDirect === lives.#isDirect) return lives
    unavailable(context, 'this file system has no direct I/O')
    return undefined
  }

  private constructor(directory: string, isDirect: boolean) {
    this.#directory = directory
    this.#isDirect = isDirect
    this.history = new JournalHistory(join(directory, '1.wal'), SEED)
  }

  /** The next one begins, and is told so with these words. */
  begin(): string[] {
    if (this.history.found.end > JOURNAL_BYTES_MAX) {
      this.history = new JournalHistory(join(this.#directory, `${++this.#journals}.wal`), SEED)
    }
    this.history.begin(++this.#lives)
    const { path, found } = this.history
    return [path, this.#isDirect ? 'direct' : 'cached', SEED, this.#lives, found.records].map(String)
  }

  /** It has ended. All that it confirmed is there, and this process goes on where it stopped, without waiting for anything. */
  async goOn(confirmedLsn: number, handedOverLsn = 0): Promise<void> {
    const { history } = this
    if (confirmedLsn > 0) history.confirmed(confirmedLsn)
    const { end } = history.check('kill')
    if (end > confirmedLsn) this.withUnconfirmed++
    // In direct mode a record can stay behind that shares a sector with an unfinished write.
    if (!this.#isDirect && handedOverLsn > 0) assert.equal(end, handedOverLsn)
    const options = { direct: this.#isDirect }
    const journal = end % 2 === 0 ? await openJournal(history.path, options) : openJournalSync(history.path, options)
    history.opened(journal.info.recovery)
    history.confirmed(journal.durableLsn)
    await journal.close()
    history.check('kill')
    assert.equal(existsSync(`${history.path}.lock`), false)
  }
}
