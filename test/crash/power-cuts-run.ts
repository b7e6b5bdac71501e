import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Engine } from '#src/platform/engine.js'

import { must } from '../sim/model.js'
import { engineStorage } from '../support/engines.js'
import type { LoopDisk } from '../support/loop-disk.js'
import { seededRandom } from '../support/random.js'
import { CutProcess, type Moment } from './cut-process.js'
import { JournalHistory, type Standing } from './power-cuts-history.js'
import type { WriterFault, WriterMessage, WriterPlan } from './power-cuts-messages.js'

const WRITER = fileURLToPath(new URL('power-cuts-writer.js', import.meta.url))

/** Beyond this, another journal is begun. */
const JOURNAL_BYTES_MAX = 4 * 2 ** 20

/** Everything that a run came to, to show that it has been through everything. */
export interface CutCounts {
  lives: number
  /** How many of them ended in a power cut; the others just died. */
  cuts: number
  /** How many lives each engine had. */
  engines: Record<Engine, number>
  journals: number
  /** Cuts before an open had returned: of a new journal, or during the recovery from the cut before. */
  duringCreation: number
  duringRecovery: number
  /** Cuts at which the kernel was in the middle of something for the writer. */
  inFlight: number
  /** Cuts that took with them what was written, but never synced. */
  withLoss: number
  /** Cuts that left something behind the last record. */
  withTail: number
  confirmations: number
  /** Looked at, byte for byte. */
  recordsChecked: number
}

const PAGE_BYTES = 4096

/** Those that are here. */
const ENGINES = (['portable', 'pool', 'uring'] as const).filter((engine) => typeof engineStorage(engine) !== 'string')

/**
 * Power cuts on one disk, one after the other, the writer's journal going through as many as it can.
 *
 * The writer is frozen before the power goes, and only what it had confirmed by then counts: on ext4, a sync that is under
 * way when the file system is shut down can return 0 though its data is lost, which no power cut does.
 */
export class PowerCuts {
  readonly counts: CutCounts = {
    lives: 0,
    cuts: 0,
    engines: { portable: 0, pool: 0, uring: 0 },
    journals: 0,
    duringCreation: 0,
    duringRecovery: 0,
    inFlight: 0,
    withLoss: 0,
    withTail: 0,
    confirmations: 0,
    recordsChecked: 0,
  }
  readonly #disk: LoopDisk
  /** Where the power never goes. */
  readonly #directory: string
  readonly #seed: number
  readonly #fault: WriterFault | undefined
  readonly #random: () => number
  #journal: JournalHistory | undefined

  constructor(disk: LoopDisk, directory: string, seed: number, fault?: WriterFault) {
    this.#disk = disk
    this.#directory = directory
    this.#seed = seed
    this.#fault = fault
    this.#random = seededRandom(seed)
  }

  /**
   * One life of a writer, a power cut, and a look at what is there. Before it, others may just die: what they have written
   * and not synced is still there then, but in the page cache only. Throws a Violation.
   */
  async cycle(): Promise<void> {
    while (this.#random() < 0.3) await this.#live('kill')
    await this.#live('power cut')
  }

  async #live(end: 'kill' | 'power cut'): Promise<void> {
    const journal = this.#chooseJournal()
    const moment = this.#chooseMoment()
    const life = ++this.counts.lives
    journal.begin(life)
    const plan = this.#planWriter(journal, life, moment)
    this.counts.engines[plan.engine]++
    const messages = join(this.#directory, 'messages')
    const writer = new CutProcess<WriterMessage>(WRITER, messages, plan, { FSYS_ENGINE: plan.engine })
    let writtenBytes = 0
    try {
      await writer.reach(moment)
      await writer.freeze()
      const isOpened = this.#listen(journal, writer.messages())
      writtenBytes = statSync(journal.path, { throwIfNoEntry: false })?.size ?? 0
      if (end === 'power cut') {
        if (writer.wasBusy) this.counts.inFlight++
        if (!isOpened && journal.found.records > 0) this.counts.duringRecovery++
        if (!isOpened && journal.found.records === 0) this.counts.duringCreation++
        this.#cut(journal, writtenBytes)
      }
    } finally {
      await writer.kill()
    }
    if (end === 'power cut') {
      this.#disk.remount()
      this.counts.cuts++
    }
    this.#count(journal.check(end), writtenBytes)
  }

  #chooseJournal(): JournalHistory {
    const last = this.#journal
    if (last !== undefined && last.found.end < JOURNAL_BYTES_MAX && this.#random() < 0.8) return last
    for (const name of readdirSync(this.#disk.path).filter((found) => found.startsWith('journal-'))) {
      rmSync(join(this.#disk.path, name))
    }
    // What is removed is not to come back.
    this.#disk.sync()
    const path = join(this.#disk.path, `journal-${++this.counts.journals}.wal`)
    return (this.#journal = new JournalHistory(path, this.#seed))
  }

  #chooseMoment(): Moment {
    const random = this.#random
    // A writer at fault has a storage of its own, which does not count.
    const kind = this.#fault === undefined ? random() : 1
    if (kind < 0.3) return { call: 1 + Math.floor(random() * 40), messages: 0, delayMs: 0 }
    if (kind < 0.7) return { call: 1 + Math.floor(random() * 500), messages: 0, delayMs: 0 }
    return { messages: Math.floor(random() * 200), delayMs: random() * 5 }
  }

  #planWriter(journal: JournalHistory, life: number, { call }: Moment): WriterPlan {
    const random = this.#random
    return {
      path: journal.path,
      seed: this.#seed,
      life,
      records: journal.found.records,
      committers: [1, 2, 8, 64][Math.floor(random() * 4)] ?? 1,
      logBufferBytes: [4096, 2 ** 16, 2 ** 20][Math.floor(random() * 3)] ?? 4096,
      engine: ENGINES[Math.floor(random() * ENGINES.length)] ?? 'portable',
      // What is written past the page cache is on the disk, which loses nothing here: it hides that nobody has synced it.
      direct: random() < 0.4 && this.#fault !== 'unsynced',
      ...(call === undefined ? {} : { stopAtCall: call }),
      ...(this.#fault === undefined ? {} : { fault: this.#fault }),
    }
  }

  /** Takes down what the writer has said. Returns whether it had opened the journal. */
  #listen(journal: JournalHistory, messages: readonly WriterMessage[]): boolean {
    let opens = 0
    for (const message of messages) {
      if ('failed' in message) must(false, 'D10', () => `the writer has failed: ${message.failed}`)
      if ('durable' in message) {
        journal.confirmed(message.durable)
        this.counts.confirmations++
      }
      if ('opened' in message) {
        if (opens++ === 0) journal.opened(message.opened)
        else must(message.opened.bytesCut === 0, 'D6', () => 'a journal that was closed has a tail')
      }
    }
    return opens > 0
  }

  #cut({ path, confirmedLsn }: JournalHistory, writtenBytes: number): void {
    const random = this.#random
    const before: string[] = []
    const isTorn = writtenBytes > Math.max(confirmedLsn, 0) && random() < 0.7
    if (isTorn) {
      // The system has begun to write back what nobody has synced, here and there.
      const [first, end] = [Math.floor(Math.max(confirmedLsn, 0) / PAGE_BYTES), Math.ceil(writtenBytes / PAGE_BYTES)]
      for (let count = 1 + random() * 3; count > 0; count--) {
        const page = first + Math.floor(random() * (end - first))
        const pages = 1 + Math.floor(random() * (end - page))
        const range = `${page * PAGE_BYTES} ${pages * PAGE_BYTES}`
        // In two commands: of several options, xfs_io heeds the last.
        before.push(`sync_range -w ${range}`, `sync_range -a ${range}`)
      }
    }
    // Without its log, the file system knows nothing of what it has written back.
    this.#disk.cut(random() < (isTorn ? 0.8 : 0.2) ? 'written' : 'lost', isTorn ? path : this.#disk.path, before)
  }

  #count({ records, end, tail }: Standing, writtenBytes: number): void {
    this.counts.recordsChecked += records
    if (tail.length > 0) this.counts.withTail++
    if (end < writtenBytes) this.counts.withLoss++
  }
}
