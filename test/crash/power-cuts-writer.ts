import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'

import type { Journal, JournalOptions, Lsn } from 'fsys'

import { NodeStorage } from '#src/storage/node-storage.js'

import { interposed } from '../support/interposed.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { seededRandom } from '../support/random.js'
import { MESSAGES_FD, type WriterMessage, type WriterPlan } from './power-cuts-messages.js'
import { recordAt } from './power-cuts-records.js'

/** It never goes further than this, but stops by itself. */
const APPENDED_BYTES_MAX = 4 * 2 ** 20

class CutWriter {
  readonly #plan: WriterPlan
  readonly #random: () => number
  /** How often it writes without a sync, so that there is more written than is durable, and more during a sync than before. */
  readonly #restlessness: number
  #records: number
  #appendedBytes = 0
  #saidLsn = -1

  constructor(plan: WriterPlan) {
    this.#plan = plan
    this.#random = seededRandom(Math.imul(plan.seed, 17) + plan.life)
    this.#restlessness = this.#random() < 0.5 ? 0.05 : 0.4
    this.#records = plan.records
  }

  /** Works on the journal, closing and opening it again now and then, until the power goes. */
  async run(): Promise<void> {
    const options = this.#options()
    for (;;) {
      const { path } = this.#plan
      const journal = this.#random() < 0.5 ? openJournalSync(path, options) : await openJournal(path, options)
      say({ opened: journal.info.recovery })
      this.#confirm(journal.durableLsn)
      for (let rounds = 1 + this.#random() * 10; rounds > 0; rounds--) await this.#work(journal)
      const end = journal.nextLsn
      if (this.#random() < 0.5) this.#block(() => journal.closeSync())
      await journal.close()
      if (this.#plan.fault === undefined) this.#confirm(end)
    }
  }

  #options(): JournalOptions {
    const { logBufferBytes, direct, stopAtCall, fault } = this.#plan
    if (fault === 'no-directory-sync') return { logBufferBytes, direct, storage: new ForgetfulStorage() }
    if (stopAtCall === undefined) return { logBufferBytes, direct }
    let calls = 0
    const storage = interposed(() => {
      if (++calls === stopAtCall) process.kill(process.pid, 'SIGSTOP')
    })
    return { logBufferBytes, direct, storage }
  }

  /** Several at the same time, each for a few steps. */
  async #work(journal: Journal): Promise<void> {
    const steps = 1 + Math.floor(this.#random() * 20)
    const committer = async (): Promise<void> => {
      for (let step = 0; step < steps; step++) {
        if (this.#appendedBytes > APPENDED_BYTES_MAX) process.kill(process.pid, 'SIGSTOP')
        await this.#step(journal)
        // So that they do not all wait for the same sync, but some write and join while it is under way.
        if (this.#random() < 0.3) await setImmediate()
      }
    }
    await Promise.all(Array.from({ length: this.#plan.committers }, committer))
  }

  async #step(journal: Journal): Promise<void> {
    const kind = this.#random()
    if (this.#plan.fault === 'unsynced') {
      const lsn = journal.append(this.#next())
      await journal.flush()
      this.#confirm(lsn)
    } else if (this.#random() < this.#restlessness) {
      journal.append(this.#next())
      await journal.flush()
    } else if (kind < 0.5) {
      this.#confirm(await journal.commit(this.#next()))
    } else if (kind < 0.65) {
      this.#confirm(await journal.syncThrough(journal.append(this.#next())))
    } else if (kind < 0.75) {
      const batch = Array.from({ length: Math.floor(this.#random() * 8) }, () => this.#next())
      this.#confirm(await journal.syncThrough(journal.appendBatch(batch)))
    } else if (kind < 0.78) {
      const lsn = journal.append(this.#next())
      this.#block(() => this.#confirm(journal.syncThroughSync(lsn)))
    } else if (kind < 0.82) {
      // Many pages that nobody syncs: what a power cut tears.
      for (let count = this.#random() * 30; count > 0; count--) journal.append(this.#next())
      this.#block(() => journal.flushSync())
    } else {
      journal.append(this.#next())
    }
  }

  /** In direct mode a blocking call is refused while a write is under way, and has done nothing then. */
  #block(call: () => void): void {
    try {
      call()
    } catch (error) {
      if (!this.#plan.direct || (error as { code?: unknown }).code !== 'ERR_FSYS_BUSY') throw error
    }
  }

  #next(): Buffer {
    const { seed, life } = this.#plan
    const record = recordAt(seed, life, this.#records++)
    this.#appendedBytes += record.length
    return record
  }

  #confirm(lsn: Lsn): void {
    if (lsn <= this.#saidLsn) return
    say({ durable: lsn })
    this.#saidLsn = lsn
  }
}

class ForgetfulStorage extends NodeStorage {
  override syncDirectory(): Promise<boolean> {
    return Promise.resolve(true)
  }

  override syncDirectorySync(): boolean {
    return true
  }
}

function say(message: WriterMessage): void {
  writeSync(MESSAGES_FD, `${JSON.stringify(message)}\n`)
}

// The program: its plan is its one word, as JSON.
try {
  await new CutWriter(JSON.parse(process.argv[2] ?? '') as WriterPlan).run()
} catch (error) {
  say({ failed: String((error as Error).stack) })
  process.exit(1)
}
