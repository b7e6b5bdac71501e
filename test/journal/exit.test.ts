import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'

import { openReader } from 'fsys'

import type { Known } from '../fixtures/endings.js'
import { type Ending, startChild } from '../support/children.js'
import { openJournal } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'

const quick = { timeout: 180_000 }

/** Ways for a process to end itself, with the exit code that they lead to. */
const ORDERLY: Readonly<Record<string, number>> = {
  'by itself': 0,
  'by itself, blocking': 0,
  'by process.exit': 3,
  'by process.exit in a callback': 3,
  'by an uncaught error': 1,
  'by an unhandled rejection': 1,
  'while commits are pending': 0,
  'while a sync is in flight': 0,
  'while it closes': 0,
  'while it closes, a little later': 0,
  'closed by the blocking twin in mid-flight': 0,
}

suite('a process that ends itself hands over what is staged', { concurrency: 4 }, () => {
  for (const [way, code] of Object.entries(ORDERLY)) {
    test(`D10: ${way}`, quick, async (context) => {
      const { path, ending } = await endedBy(context, way)
      assert.equal(ending.code, code, ending.stderr)
      await holds(path, 1000)
    })
  }

  for (const [way, code] of Object.entries(ORDERLY)) {
    test(`D10: in a worker thread: ${way}`, quick, async (context) => {
      const { path, ending } = await endedBy(context, `in a worker: ${way}`)
      assert.equal(ending.code, code, ending.stderr)
      await holds(path, 1000)
    })
  }

  test('D10: by process.exit in a signal handler', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const child = startChild(context, 'endings', [path, 'by process.exit in a signal handler'])
    await child.hear<Known>()
    // The handler is there right behind the line that was heard.
    await new Promise((resolve) => setTimeout(resolve, 50))
    child.process.kill('SIGTERM')
    assert.equal((await child.ended).code, 3)
    await holds(path, 1000)
  })

  const LARGE: Readonly<Record<string, number>> = {
    'while a large write is queued': 150_000,
    'while a large write is in flight': 150_000,
    'while a large write of a full buffer is in flight': 60_000,
    // All it does is append: the write is one that appending has begun.
    'while appending has a write in flight': 60_000,
  }
  for (const [way, records] of Object.entries(LARGE)) {
    test(`D10 D4b: ${way}`, quick, async (context) => {
      for (let round = 0; round < 3; round++) {
        const { path, known, ending } = await endedBy(context, way)
        assert.equal(ending.code, 0, ending.stderr)
        // Where it cannot be waited for, and is still in the pool's queue, it may land after the exit handlers: until then,
        // the lock stays.
        if (known?.engine !== 'portable') assert.equal(existsSync(`${path}.lock`), false)
        else if (way === 'while a large write is queued') assert.ok(existsSync(`${path}.lock`))
        await holds(path, records)
      }
    })
  }

  test('D10: the lock goes with a process that has nothing under way', quick, async (context) => {
    for (const way of ['by itself', 'by process.exit', 'by an uncaught error', 'in a worker: by process.exit']) {
      const { path } = await endedBy(context, way)
      assert.equal(existsSync(`${path}.lock`), false, way)
    }
  })

  test('D10: of many journals, each', quick, async (context) => {
    const { path, ending } = await endedBy(context, 'with many journals')
    assert.equal(ending.code, 0, ending.stderr)
    assert.doesNotMatch(ending.stderr, /MaxListeners/u)
    for (let number = 0; number < 30; number++) await holds(`${path}.${number}`, 20)
  })

  test(
    'D10: an exit handler of the program may still append, if it was there before the journal',
    quick,
    async (context) => {
      const { path, known, ending } = await endedBy(context, 'with work for the exit handlers')
      assert.equal(ending.code, 0, ending.stderr)
      assert.equal(known?.code, 'ERR_FSYS_CLOSED', 'afterwards it is told that this is too late')
      await holds(path, 2)
    },
  )
})

suite('what cannot hand over loses what is staged, and nothing else', { concurrency: 4 }, () => {
  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const) {
    test(`D10 D2: ${signal} without a handler`, quick, async (context) => {
      const path = join(temporaryDirectory(context), 'a.wal')
      const child = startChild(context, 'endings', [path, 'by a signal'])
      const known = await child.hear<Known>()
      child.process.kill(signal)
      assert.equal((await child.ended).signal, signal)
      await endsAtWritten(path, known)
    })
  }

  test('D10 D2: abort', quick, async (context) => {
    const { path, known, ending } = await endedBy(context, 'by abort', ['/bin/sh', '-c', 'ulimit -c 0; exec "$0" "$@"'])
    assert.equal(ending.signal, 'SIGABRT')
    await endsAtWritten(path, known)
  })

  test('D10 D2: the end of the main thread, for a journal of a worker thread', quick, async (context) => {
    const { path, known, ending } = await endedBy(context, 'of the process, of which it does not hear')
    assert.equal(ending.code, 0, ending.stderr)
    await endsAtWritten(path, known)
  })
})

suite('a process is kept alive by nothing', () => {
  for (const way of ['with an idle journal', 'with an armed mark timer']) {
    test(`D10: ${way}`, quick, async (context) => {
      const { path, known, ending } = await endedBy(context, way)
      assert.equal(ending.code, 0, ending.stderr)
      assert.deepEqual(
        known?.resources?.filter((name) => /timeout|immediate|fsreq/iu.test(name)),
        [],
      )
      await holds(path, 1000)
    })
  }
})

suite('a journal that has failed', () => {
  test('D5 D10: writes nothing at exit, when a sync has failed', quick, async (context) => {
    const { path, known, ending } = await endedBy(context, 'poisoned by a sync')
    assert.equal(ending.code, 0, ending.stderr)
    assert.equal(known?.code, 'ERR_FSYS_IO')
    // Ten records and the commit were written; the nine that were staged behind them were not.
    await holds(path, 11)
  })

  test('D5 D10: writes nothing at exit, when a write has failed', quick, async (context) => {
    const { path, known, ending } = await endedBy(context, 'poisoned by a write')
    assert.equal(ending.code, 0, ending.stderr)
    assert.equal(known?.code, 'ERR_FSYS_NO_SPACE')
    await holds(path, 10)
  })

  test('D5 D10: lets the process end with its own code, when the last write fails', quick, async (context) => {
    const { path, ending } = await endedBy(context, 'on a disk that is full by then')
    assert.equal(ending.code, 3, ending.stderr)
    await holds(path, 1)
  })
})

interface Ended {
  readonly path: string
  readonly known: Known | undefined
  readonly ending: Ending
}

/** Runs a process until it ends in this way. */
async function endedBy(context: TestContext, way: string, through: readonly string[] = []): Promise<Ended> {
  const path = join(temporaryDirectory(context), 'a.wal')
  const child = startChild(context, 'endings', [path, way], { through })
  child.process.stdin?.end()
  const known = await child.hear<Known>().catch(() => undefined)
  return { path, known, ending: await child.ended }
}

/** The journal ends cleanly behind so many records, and the next writer finds nothing to mend. */
async function holds(path: string, records: number): Promise<void> {
  const reader = openReader(path)
  let count = 0
  reader.scan((buffer, start, end) => {
    assert.equal(buffer.toString('utf8', start, end), `record ${count++}`)
  })
  const { tailState } = reader
  reader.close()
  assert.equal(count, records)
  assert.equal(tailState, 'clean-end')
  const journal = await openJournal(path)
  const { recovery } = journal.info
  await journal.close()
  assert.equal(recovery.records, records)
  assert.equal(recovery.bytesCut, 0)
  assert.deepEqual(
    readdirSync(join(path, '..')).filter((name) => /corrupt|lock/u.test(name)),
    [],
  )
}

async function endsAtWritten(path: string, known: Known | undefined): Promise<void> {
  assert.ok(known && known.writtenLsn > 0 && known.writtenLsn < known.nextLsn)
  const journal = await openJournal(path)
  const { recovery } = journal.info
  await journal.close()
  assert.equal(recovery.cleanEnd, known.writtenLsn)
  assert.equal(recovery.records, 500)
  await holds(path, 500)
}
