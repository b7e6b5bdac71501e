import { FsysError } from '#src/errors.js'
import { type Journal, openJournal, openJournalSync } from '#src/journal/journal.js'
import type { JournalOptions } from '#src/journal/options.js'
import { openReader } from '#src/journal/reader.js'
import type { Lsn } from '#src/lsn.js'
import type { SimStorage } from '#src/storage/sim-storage.js'
import { type FaultHook, anyFault, faultAt, faultOnNth, writeBudget } from '#src/storage/sim/faults.js'
import { Random } from '#src/storage/sim/random.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { PowerLossError, ProcessDeathError } from '#src/storage/sim/sim-errors.js'

import { Model, Violation, must } from './model.js'

const PATH = '/data/app.wal'

/** What one schedule came to, to show that a run has been through everything. */
export interface Outcome {
  readonly operations: number
  readonly commits: number
  readonly powerCuts: number
  readonly kills: number
  readonly crashesInRecovery: number
  readonly failedSyncs: number
  readonly failedWrites: number
  readonly failedOpens: number
  readonly tailsSaved: number
}

/**
 * One life after another of a journal on a simulated disk, all of it by the seed: concurrent committers, faults, a power cut
 * or a kill at any operation, and another during the recovery from it. Throws a Violation, or resolves.
 */
export async function runSchedule(seed: number, traceLines = 0): Promise<Outcome> {
  const schedule = new Schedule(seed, traceLines)
  try {
    await schedule.run()
  } catch (error) {
    if (traceLines > 0 && error instanceof Error) error.message += `\n${schedule.disk.trace.join('\n')}`
    throw error
  }
  return schedule.counts
}

class Schedule {
  readonly disk: SimDisk
  readonly counts = {
    operations: 0,
    commits: 0,
    powerCuts: 0,
    kills: 0,
    crashesInRecovery: 0,
    failedSyncs: 0,
    failedWrites: 0,
    failedOpens: 0,
    tailsSaved: 0,
  }
  readonly #random: Random
  readonly #model = new Model()
  readonly #hasMark: boolean
  readonly #options: JournalOptions
  readonly #sizes: () => number
  #stamp = 0
  #hasLostPower = false

  constructor(seed: number, traceLines: number) {
    this.#random = new Random(seed ^ 0x5eed)
    const random = this.#random
    this.#hasMark = random.chance(0.9)
    this.disk = new SimDisk({
      seed,
      traceLines,
      sectorBytes: random.chance(0.3) ? 4096 : 512,
      birthTimes: this.#hasMark,
    })
    this.disk.makeDirectory('/data')
    this.#options = {
      logBufferBytes: random.chance(0.5) ? 4096 : 65_536,
      // Without a mark, a hole that a power cut left cannot be told from a gap of an older writer.
      gaps: this.#hasMark ? 'refuse' : 'cut',
    }
    this.#sizes = sizeGenerator(random)
  }

  async run(): Promise<void> {
    const lives = this.#random.chance(0.7) ? 1 : 2
    for (let life = 0; life < lives; life++) await this.#live()
    // What has survived is checked after each life anyway; opening it once more is half of the work.
    if (this.#random.chance(0.5))
      await this.#verify().catch((error: unknown) => {
        if (!this.#hasLostItsBeginning(error)) throw error
      })
    this.counts.operations = this.disk.operationCount
    must(this.disk.violations.length === 0, 'D4b', () => this.disk.violations.join('; '))
  }

  /** A process opens the journal, works on it, and ends in one way or another. */
  async #live(): Promise<void> {
    const storage = this.disk.process()
    const cleanEnd = this.#model.survived(this.disk.image(PATH), 'kill')
    const faults = this.#plan()
    this.#hasLostPower = false
    this.disk.faults = (operation, choices) => {
      const fault = faults?.(operation, choices)
      if (fault === 'power-cut') this.#hasLostPower = true
      return fault
    }
    let journal: Journal | undefined
    try {
      journal = await this.#open(storage)
    } catch (error) {
      if (this.#hasLostItsBeginning(error)) {
        // Its lock may still be there, if letting go of it failed too.
        this.disk.killProcess(storage)
        await this.disk.settle()
        return
      }
      this.#expectedFailure(error, faults !== undefined, 'open')
      if (isCrash(error)) this.counts.crashesInRecovery++
      else this.counts.failedOpens++
    }
    if (journal !== undefined) {
      this.#model.opened(journal.nextLsn, cleanEnd)
      this.#observe(journal)
      if (journal.info.recovery.savedTail !== undefined) this.counts.tailsSaved++
      await this.#work(journal, faults !== undefined)
    }
    await this.#end(storage, journal)
  }

  /** What will go wrong in this life. */
  #plan(): FaultHook | undefined {
    const random = this.#random
    const soon = this.disk.operationCount + random.below(random.chance(0.5) ? 40 : 100)
    switch (random.below(10)) {
      case 0:
        return undefined
      case 1:
        return faultOnNth('dataSync', 1 + random.below(4), { error: 'EIO' })
      case 2:
        return faultOnNth('sync', 1 + random.below(4), { error: 'EIO' })
      case 3:
        return writeBudget(random.below(6000), random.chance(0.5) ? 'ENOSPC' : 'EDQUOT')
      case 4:
        return faultOnNth('write', 1 + random.below(8), { short: random.below(20) })
      case 5:
        return faultAt(soon, { error: 'EIO' })
      case 6:
        return anyFault(faultOnNth('dataSync', 1 + random.below(3), { error: 'EIO' }), faultAt(soon, 'power-cut'))
      case 7:
        return faultAt(soon, 'kill')
      default:
        return faultAt(soon, 'power-cut')
    }
  }

  async #open(storage: SimStorage): Promise<Journal> {
    const options = { ...this.#options, storage }
    return this.#random.chance(0.7) ? openJournalSync(PATH, options) : openJournal(PATH, options)
  }

  /** Several tasks at the same time, until they are done or the journal fails under them. */
  async #work(journal: Journal, isFaulty: boolean): Promise<void> {
    const state = { isOver: false }
    const tasks = Array.from({ length: 1 + this.#random.below(4) }, () => this.#task(journal, isFaulty))
    const working = Promise.all(tasks).finally(() => (state.isOver = true))
    // D10: when nothing is under way any more, everybody has an answer. A few turns are for those who are just being told.
    const watching = (async () => {
      for (let turn = 0; turn < 50 && !state.isOver; turn++) await this.disk.settle()
      if (!state.isOver) throw new Violation('D10: somebody waits, and nothing is under way')
    })()
    await Promise.race([working, watching])
    await working
  }

  async #task(journal: Journal, isFaulty: boolean): Promise<void> {
    const steps = 1 + this.#random.below(6)
    for (let step = 0; step < steps; step++) {
      try {
        await this.#step(journal)
      } catch (error) {
        this.#expectedFailure(error, isFaulty, 'work')
        this.#refusesAfterwards(journal, error)
        return
      }
      this.#observe(journal)
    }
  }

  async #step(journal: Journal): Promise<void> {
    switch (this.#random.below(12)) {
      case 0:
        this.#append(journal)
        return
      case 1:
        journal.flushSync()
        return
      case 2:
        await journal.flush()
        return
      case 3: {
        const lsn = this.#append(journal)
        this.#confirm(journal.syncThroughSync(lsn), lsn)
        return
      }
      case 4: {
        const payloads = Array.from({ length: this.#random.below(5) }, () => this.#payload())
        let lsn = this.#model.endLsn
        for (const payload of payloads) lsn = this.#model.appending(payload)
        const found = journal.appendBatch(payloads)
        must(found === lsn, 'D4', () => `a batch ends at ${found}, not at ${lsn}`)
        return
      }
      case 5:
      case 6: {
        const lsn = this.#append(journal)
        this.#confirm(await journal.syncThrough(lsn), lsn)
        return
      }
      case 7: {
        const lsn = this.#random.below(journal.nextLsn + 1) as Lsn
        this.#confirm(await journal.syncThrough(lsn), lsn)
        return
      }
      default: {
        const payload = this.#payload()
        const lsn = this.#model.appending(payload)
        const found = await journal.commit(payload)
        must(found === lsn, 'D1', () => `a commit resolves to ${found}, not to its own LSN ${lsn}`)
        this.#confirm(lsn, lsn)
        this.counts.commits++
      }
    }
  }

  /** What a power cut tears: many pages that nobody has synced. The journal may have failed already. */
  #burst(journal: Journal): void {
    try {
      for (let count = 4 + this.#random.below(20); count > 0; count--) this.#append(journal)
      journal.flushSync()
      this.#observe(journal)
    } catch (error) {
      this.#expectedFailure(error, true, 'work')
    }
  }

  #append(journal: Journal): Lsn {
    const payload = this.#payload()
    const lsn = this.#model.appending(payload)
    const found = journal.append(payload)
    must(found === lsn, 'D4', () => `an append returns ${found}, not ${lsn}`)
    // D3: the journal keeps its own copy.
    payload.fill(0xee)
    return found
  }

  #payload(): Uint8Array {
    const payload = new Uint8Array(this.#sizes())
    // No two records are alike, so that a stale one cannot pass for another.
    payload.fill(this.#stamp & 0xff)
    for (let index = 0, stamp = ++this.#stamp; index < Math.min(4, payload.length); index++, stamp >>>= 8) {
      payload[index] = stamp & 0xff
    }
    return payload
  }

  #confirm(durable: number, lsn: number): void {
    must(durable >= lsn, 'D1', () => `${durable} is confirmed for ${lsn}`)
    this.#model.confirmed(durable)
  }

  #observe(journal: Journal): void {
    this.#model.frontiers(journal.durableLsn, journal.writtenLsn, journal.nextLsn)
  }

  /** D5: from the first failure on, nothing is taken, and nothing that is not durable is confirmed. */
  #refusesAfterwards(journal: Journal, failure: unknown): void {
    if (isCrash(failure)) return
    try {
      journal.append('too late')
    } catch (error) {
      must(codeOf(error) === 'ERR_FSYS_POISONED', 'D5', () => `an append after a failure says ${codeOf(error)}`)
      return
    }
    throw new Violation('D5: an append after a failure is taken')
  }

  /** Only what was made to go wrong may go wrong, and it has its code. */
  #expectedFailure(error: unknown, isFaulty: boolean, where: 'open' | 'work'): void {
    if (error instanceof Violation) throw error
    const cause = error instanceof FsysError && error.code === 'ERR_FSYS_POISONED' ? error.cause : error
    if (isFaulty && isCrash(cause)) return
    const code = codeOf(cause)
    const codes = ['ERR_FSYS_IO', 'ERR_FSYS_NO_SPACE', ...(where === 'open' ? ['ERR_FSYS_TAIL_NOT_SAVED'] : [])]
    if (isFaulty && codes.includes(code)) {
      if (where === 'work') {
        const syscall = ((cause as Error).cause as NodeJS.ErrnoException).syscall
        if (syscall === 'write') this.counts.failedWrites++
        else this.counts.failedSyncs++
      }
      return
    }
    throw new Violation(`D7: ${where} fails with ${String((error as Error).stack)}`)
  }

  /**
   * Without a mark, a journal whose first page was lost before anything was confirmed looks like no journal at all, and is
   * left alone.
   */
  #hasLostItsBeginning(error: unknown): boolean {
    return !this.#hasMark && this.#model.confirmedLsn === 0 && codeOf(error) === 'ERR_FSYS_NOT_A_JOURNAL'
  }

  /** The process ends: closed, killed, or without power. */
  async #end(storage: SimStorage, journal: Journal | undefined): Promise<void> {
    this.disk.faults = undefined
    const way = this.#random.below(3)
    if (way === 2 && journal !== undefined && this.#random.chance(0.5)) this.#burst(journal)
    if (way === 0 && journal !== undefined) {
      await (this.#random.chance(0.5) ? journal.close() : (async () => journal.closeSync())()).catch(
        (error: unknown) => {
          if (!isCrash(error) && codeOf(error) !== 'ERR_FSYS_POISONED') throw error
        },
      )
      this.#observe(journal)
    }
    if (way === 1) {
      this.counts.kills++
      this.disk.killProcess(storage)
    } else if (way === 2) {
      this.#hasLostPower = true
      this.disk.cutPower()
    }
    if (this.#hasLostPower) this.counts.powerCuts++
    // What is left of the dead process lets go of its memory; nothing of it reaches the disk.
    await journal?.close().catch(() => {})
    await this.disk.settle()
    this.#model.survived(this.disk.image(PATH), this.#hasLostPower ? 'power-cut' : 'kill')
  }

  /** In the end everything is well: it opens, and a reader gives what the model says. */
  async #verify(): Promise<void> {
    this.disk.faults = undefined
    const cleanEnd = this.#model.survived(this.disk.image(PATH), 'power-cut')
    const storage = this.disk.process()
    const journal = openJournalSync(PATH, { ...this.#options, storage })
    this.#model.opened(journal.nextLsn, cleanEnd)
    if (journal.info.recovery.savedTail !== undefined) this.counts.tailsSaved++
    // D6: what was found at open is durable now, whatever the page cache believes.
    this.#model.survived(this.disk.durableImage(PATH), 'power-cut')
    using reader = openReader(PATH, { storage })
    this.#model.reads(Array.from(reader, ({ payload }) => payload))
    journal.closeSync()
  }
}

/** Frames that divide sectors and pages end where stale ones begin; others straddle. */
function sizeGenerator(random: Random): () => number {
  const fixed = [4, 20, 52, 116, 244, 500, 1012, 2036, 4084][random.below(9)] ?? 4
  switch (random.below(4)) {
    case 0:
      return () => fixed
    case 1:
      return () => random.below(40)
    case 2:
      return () => random.below(1200)
    default:
      return () => (random.chance(0.1) ? 4000 + random.below(9000) : random.chance(0.5) ? fixed : random.below(600))
  }
}

function isCrash(error: unknown): boolean {
  return error instanceof PowerLossError || error instanceof ProcessDeathError
}

function codeOf(error: unknown): string {
  return String((error as { code?: unknown }).code)
}
