import { FsysError } from '#src/errors.js'
import { createHandle } from '#src/handle/handle.js'
import type { Journal } from '#src/journal/journal.js'
import { openJournal, openJournalSync } from '#src/journal/open-journal.js'
import type { JournalOptions } from '#src/journal/options.js'
import type { Lsn } from '#src/lsn.js'
import type { SimStorage } from '#src/storage/sim-storage.js'
import type { SimDisk } from '#src/storage/sim/sim-disk.js'
import { PowerLossError, ProcessDeathError } from '#src/storage/sim/sim-errors.js'

import { type Counts, noCounts } from './counts.js'
import { Model, Violation, must } from './model.js'

export const PATH = '/data/app.wal'

/** A disk with one journal on it, the model of what it must hold, and what is checked wherever it is used. */
export class World {
  readonly disk: SimDisk
  readonly model = new Model()
  readonly counts: Counts = noCounts()
  readonly options: JournalOptions
  /** False: the file system keeps no birth times, so there is no mark. */
  readonly hasMark: boolean
  /** A write and its sync are one call, which can be waited for. */
  readonly isOneTrip: boolean
  /** The journal is opened in the root of a handle. */
  readonly isRooted: boolean
  /** Something has been made to go wrong: calls may fail, with the codes that there are for it. */
  isFaulty = false
  /** Somebody has closed the journal, or lets go of it: calls may be refused. */
  isClosing = false
  #stamp = 0

  constructor(disk: SimDisk, options: JournalOptions, hasMark: boolean, isOneTrip = false, isRooted = false) {
    this.disk = disk
    this.options = options
    this.hasMark = hasMark
    this.isOneTrip = isOneTrip
    this.isRooted = isRooted
    disk.makeDirectory('/data')
  }

  /** Opens the journal in a process, waiting. */
  async open(storage: SimStorage): Promise<Journal> {
    if (!this.isRooted) return openJournal(PATH, { storage, ...this.options })
    using handle = createHandle({ storage, root: '/' })
    return await handle.journal(PATH.slice(1), this.options)
  }

  /** The same, blocking. */
  openSync(storage: SimStorage): Journal {
    if (!this.isRooted) return openJournalSync(PATH, { storage, ...this.options })
    using handle = createHandle({ storage, root: '/' })
    return handle.journalSync(PATH.slice(1), this.options)
  }

  /** No two records are alike, so that a stale one cannot pass for another; but for empty ones. */
  payload(length: number): Uint8Array {
    const payload = new Uint8Array(length)
    payload.fill(this.#stamp & 0xff)
    for (let index = 0, stamp = ++this.#stamp; index < Math.min(4, length); index++, stamp >>>= 8) {
      payload[index] = stamp & 0xff
    }
    const { counts } = this
    counts.records++
    if (length === 0) counts.emptyRecords++
    if (length > 512) counts.multiSectorRecords++
    if (length > (this.options.logBufferBytes ?? 0)) counts.oversizeRecords++
    if (length > 2 ** 20) counts.hugeRecords++
    return payload
  }

  append(journal: Journal, length: number): Lsn {
    const payload = this.payload(length)
    const lsn = this.model.appending(payload)
    const found = journal.append(payload)
    must(found === lsn, 'D4', () => `an append returns ${found}, not ${lsn}`)
    // D3: the journal keeps its own copy.
    payload.fill(0xee)
    return found
  }

  async commit(journal: Journal, length: number): Promise<void> {
    const payload = this.payload(length)
    const lsn = this.model.appending(payload)
    const committing = journal.commit(payload)
    payload.fill(0xee)
    const found = await committing
    must(found === lsn, 'D1', () => `a commit resolves to ${found}, not to its own LSN ${lsn}`)
    this.confirm(lsn, lsn)
    this.counts.commits++
  }

  confirm(durable: number, lsn: number): void {
    must(durable >= lsn, 'D1', () => `${durable} is confirmed for ${lsn}`)
    this.model.confirmed(durable)
  }

  /**
   * A blocking call. In direct mode it may be refused while a write is unfinished that cannot be waited for; then nothing has
   * happened.
   */
  block<Value>(work: () => Value): Value | undefined {
    try {
      return work()
    } catch (error) {
      if (this.options.direct !== true || this.isOneTrip || codeOf(error) !== 'ERR_FSYS_BUSY') throw error
      this.counts.busyCalls++
      return undefined
    }
  }

  /** Closes it, blocking if that can be. */
  async close(journal: Journal, isBlocking: boolean): Promise<void> {
    const isClosed = isBlocking && this.block(() => (journal.closeSync(), true)) === true
    if (!isClosed) await mustEnd(this.disk, journal.close())
  }

  observe(journal: Journal): void {
    this.model.frontiers(journal.durableLsn, journal.writtenLsn, journal.nextLsn)
  }

  /** D5: from the first failure on, nothing is taken, and nothing that is not durable is confirmed. */
  refusesAfterwards(journal: Journal, failure: unknown): void {
    if (isCrash(failure)) return
    try {
      journal.append('too late')
    } catch (error) {
      const code = codeOf(error)
      const isRight = code === 'ERR_FSYS_POISONED' || (this.isClosing && code === 'ERR_FSYS_CLOSED')
      must(isRight, 'D5', () => `an append after a failure says ${code}`)
      return
    }
    throw new Violation('D5: an append after a failure is taken')
  }

  /** Only what was made to go wrong may go wrong, and it has its code. */
  expectedFailure(error: unknown, where: 'open' | 'work' | 'read'): void {
    if (error instanceof Violation) throw error
    const code = codeOf(error)
    if (this.isClosing && where === 'work' && code === 'ERR_FSYS_CLOSED') return
    const cause = error instanceof FsysError && code === 'ERR_FSYS_POISONED' ? error.cause : error
    if (this.isFaulty && isCrash(cause)) return
    if (where === 'open' && this.model.isCacheDropped && code === 'ERR_FSYS_CHANGED') return
    if (this.isFaulty && FAILURES[where].includes(codeOf(cause))) {
      if (where === 'work') this.#countFailure((cause as Error).cause as NodeJS.ErrnoException)
      return
    }
    throw new Violation(`D7: ${where} fails with ${String((error as Error).stack)}`)
  }

  /**
   * Without a mark, a journal whose first page was lost before anything was confirmed looks like no journal at all, and is
   * left alone.
   */
  hasLostItsBeginning(error: unknown, least: number = this.model.confirmedLsn): boolean {
    return !this.hasMark && least === 0 && codeOf(error) === 'ERR_FSYS_NOT_A_JOURNAL'
  }

  #countFailure({ syscall }: NodeJS.ErrnoException): void {
    if (syscall === 'write') this.counts.failedWrites++
    else if (syscall === 'fdatasync') this.counts.failedSyncs++
  }
}

/** D10: when nothing is under way any more, everybody has an answer. A few turns are for those who are just being told. */
export async function mustEnd(disk: SimDisk, working: Promise<unknown>): Promise<void> {
  const state = { isOver: false }
  const ending = working.finally(() => (state.isOver = true))
  const watching = (async () => {
    for (let turn = 0; turn < 50 && !state.isOver; turn++) await disk.settle()
    if (!state.isOver) throw new Violation('D10: somebody waits, and nothing is under way')
  })()
  await Promise.race([ending, watching])
  await ending
}

const FAILURES: Readonly<Record<'open' | 'work' | 'read', readonly string[]>> = {
  open: ['ERR_FSYS_IO', 'ERR_FSYS_NO_SPACE', 'ERR_FSYS_TAIL_NOT_SAVED'],
  work: ['ERR_FSYS_IO', 'ERR_FSYS_NO_SPACE'],
  read: ['ERR_FSYS_IO', 'ERR_FSYS_NO_SPACE'],
}

export function isCrash(error: unknown): boolean {
  return error instanceof PowerLossError || error instanceof ProcessDeathError
}

export function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code)
}
