import { closeSync, openSync, writeSync } from 'node:fs'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

import { type FsysError, type Journal, type JournalOptions, openReader } from 'fsys'

import type { Storage } from '#src/storage/storage.js'

import { must, Violation } from '../../sim/model.js'
import { frame } from '../../support/frames.js'
import { openJournal, openJournalSync } from '../../support/open-journal.js'
import { seededRandom } from '../../support/random.js'
import { payloadOf, type Say } from './notes.js'

export interface WorkloadOptions {
  /** Decides how long the records are. */
  readonly seed: number
  readonly direct?: boolean
  readonly storage?: Storage
  /** Long enough for the mark to be written while a journal is open. */
  readonly pauseMs?: number
  /** So many one after the other: after a few, zeros are written ahead of them. */
  readonly smallGroups?: number
  /** A fault on purpose, which the checks must find: a record is said to be confirmed as soon as it is appended. */
  readonly isHasty?: boolean
}

/**
 * The fixed workload: three lives of one journal, with torn tails between them and readers in them. It says what it does as
 * it goes. Returns the first failure, if there was one, and goes no further then; throws a Violation if not everybody who
 * waited has been told of it.
 */
export async function work(path: string, say: Say, options: WorkloadOptions): Promise<unknown> {
  const lives = new Lives(path, say, options)
  try {
    await lives.first()
    lives.die(37)
    lives.read()
    await lives.second()
    lives.die(3000)
    lives.third()
    lives.read()
    await lives.readWaiting()
    return undefined
  } catch (error) {
    if (error instanceof Failed) return error.failure
    if (error instanceof Violation) throw error
    return error
  }
}

/** A journal has failed, and all who had to hear of it have heard. */
class Failed {
  readonly failure: unknown
  constructor(failure: unknown) {
    this.failure = failure
  }
}

class Lives {
  readonly #path: string
  readonly #say: Say
  readonly #options: WorkloadOptions
  readonly #random: () => number
  #records = 0
  /** Of the life before. */
  #endLsn = 0
  readonly #waiting: Promise<unknown>[] = []

  constructor(path: string, say: Say, options: WorkloadOptions) {
    this.#path = path
    this.#say = say
    this.#options = options
    this.#random = seededRandom(options.seed)
  }

  /** Through a small log buffer: concurrent commits, back-pressure, an oversize record, a batch. */
  async first(): Promise<void> {
    const journal = await openJournal(this.#path, this.#journalOptions(4096))
    await this.#live(journal, async () => {
      for (let count = 0; count < 12; count++) this.#commit(journal, 300)
      await groupStarted()
      for (let count = 0; count < 6; count++) this.#commit(journal, 900)
      // What is written while a sync is under way is not covered by it (D4).
      if (this.#options.direct !== true) journal.flushSync()
      await this.#settle()
      for (let count = 0; count < 12; count++) journal.append(this.#next(700))
      await journal.flush()
      this.#sayFrontiers(journal)
      journal.append(this.#next(9000, 6000))
      this.#sync(journal)
      await this.#settle()
      journal.appendBatch([this.#next(50), this.#next(0), this.#next(600)])
      await this.#pause()
      this.#commit(journal, 40)
      await this.#settle()
      journal.append(this.#next(2000))
    })
  }

  /** Through a large log buffer: a write that waits, and appends meanwhile. */
  async second(): Promise<void> {
    const journal = await openJournal(this.#path, this.#journalOptions(128 * 1024))
    await this.#live(journal, async () => {
      for (let count = 0; count < 2; count++) journal.append(this.#next(45_000, 40_000))
      this.#sync(journal)
      await nextTurn()
      for (let count = 0; count < 4; count++) this.#commit(journal, 2000)
      await this.#settle()
      await this.#pause()
      this.#commit(journal, 2000)
      await this.#settle()
      for (let groups = this.#options.smallGroups ?? 0; groups > 0; groups--) {
        this.#commit(journal, 100)
        await this.#settle()
      }
    })
  }

  #journalOptions(logBufferBytes: number): JournalOptions {
    const { direct = false, storage } = this.#options
    return { logBufferBytes, direct, ...(storage && { storage }) }
  }

  /** By the calls that block. */
  third(): void {
    const journal = openJournalSync(this.#path, this.#journalOptions(4096))
    this.#say(`opened ${journal.nextLsn}`)
    try {
      for (let count = 0; count < 5; count++) {
        journal.append(this.#next(1500))
        if (count % 2 === 0) this.#say(`confirmed ${journal.syncThroughSync(journal.nextLsn)}`)
        else journal.flushSync()
        this.#sayFrontiers(journal)
      }
      journal.append(this.#next(100))
    } catch (failure) {
      checkPoisoned(journal, [failure])
      const error = thrownBy(() => journal.closeSync())
      throw new Failed(oneFailure([failure, error]))
    }
    const end = journal.nextLsn
    try {
      journal.closeSync()
    } catch (failure) {
      throw new Failed(failure)
    }
    this.#say(`confirmed ${end}`)
  }

  /** What the death of a process leaves: records that were written and not synced, and the beginning of one more. */
  die(tornBytes: number): void {
    const torn = frame(payloadOf(0, 2 * tornBytes)).subarray(0, tornBytes)
    const bytes = Buffer.concat([frame(this.#next(200)), frame(this.#next(1000)), torn])
    const descriptor = openSync(this.#path, 'r+')
    try {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(descriptor, bytes, done, bytes.length - done, this.#endLsn + done)
      }
    } finally {
      closeSync(descriptor)
    }
  }

  read(): void {
    const reader = openReader(this.#path)
    try {
      let count = 0
      for (const record of reader) {
        must(record.endLsn > record.lsn, 'D3', () => `a record of no length at ${record.lsn}`)
        count++
      }
      must(count === this.#records, 'D2', () => `a reader gives ${count} records of ${this.#records}`)
    } finally {
      reader.close()
    }
  }

  async readWaiting(): Promise<void> {
    const reader = openReader(this.#path)
    try {
      let count = 0
      for await (const record of reader) count += record.endLsn > record.lsn ? 1 : 0
      must(count === this.#records, 'D2', () => `a waiting reader gives ${count} records of ${this.#records}`)
    } finally {
      reader.close()
    }
  }

  /** A journal's life, from its opening to its close. */
  async #live(journal: Journal, course: () => Promise<void>): Promise<void> {
    this.#say(`opened ${journal.nextLsn}`)
    const failures: unknown[] = []
    try {
      await course()
    } catch (error) {
      if (error instanceof Violation) throw error
      failures.push(error)
    }
    if (failures.length > 0) failures.push(...(await this.#settled()))
    if (failures.length > 0) checkPoisoned(journal, failures)
    const end = journal.nextLsn
    try {
      await journal.close()
    } catch (error) {
      failures.push(error)
    }
    if (failures.length > 0) throw new Failed(oneFailure(failures))
    this.#say(`confirmed ${end}`)
    this.#endLsn = end
  }

  /** The next record. */
  #next(lengthMax: number, lengthMin = 0): Buffer {
    const length = lengthMin + Math.floor(this.#random() * (lengthMax - lengthMin + 1))
    this.#say(`appending ${this.#records} ${length}`)
    return payloadOf(this.#records++, length)
  }

  #sayFrontiers({ durableLsn, writtenLsn, nextLsn }: Journal): void {
    this.#say(`frontiers ${durableLsn} ${writtenLsn} ${nextLsn}`)
  }

  #commit(journal: Journal, lengthMax: number): void {
    const committed = journal.commit(this.#next(lengthMax))
    if (this.#options.isHasty === true) this.#say(`confirmed ${journal.nextLsn}`)
    this.#await(journal, committed)
  }

  #sync(journal: Journal): void {
    this.#await(journal, journal.syncThrough(journal.nextLsn))
  }

  #await(journal: Journal, confirming: Promise<number>): void {
    const confirmed = confirming.then((lsn) => {
      this.#say(`confirmed ${lsn}`)
      this.#sayFrontiers(journal)
    })
    // It is asked later whether it failed.
    confirmed.catch(() => {})
    this.#waiting.push(confirmed)
  }

  /** Waits for all that is under way; fails as that does. */
  async #settle(): Promise<void> {
    const failures = await this.#settled()
    if (failures.length > 0) throw oneFailure(failures)
  }

  /** Waits for all that is under way, and returns how it failed. */
  async #settled(): Promise<unknown[]> {
    const results = await Promise.allSettled(this.#waiting.splice(0))
    return results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []))
  }

  async #pause(): Promise<void> {
    if (this.#options.pauseMs !== undefined) await sleep(this.#options.pauseMs)
  }
}

/** A group that was joined in this turn has begun to sync, and has not heard of its end. */
function groupStarted(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** D5: the one failure that all these are, or name as their cause. */
function oneFailure(failures: readonly unknown[]): unknown {
  const causes = new Set(failures.map((error) => (isPoisoned(error) ? (error as FsysError).cause : error)))
  must(causes.size === 1, 'D5', () => `callers heard of different failures: ${[...causes].map(String).join('; ')}`)
  return [...causes][0]
}

/** D5: what has failed refuses all further work, and says why. */
function checkPoisoned(journal: Journal, failures: readonly unknown[]): void {
  const failure = oneFailure(failures)
  for (const attempt of [
    () => journal.append('more'),
    () => journal.appendBatch(['more']),
    () => journal.flushSync(),
  ]) {
    const error = thrownBy(attempt)
    must(
      isPoisoned(error) && (error as FsysError).cause === failure,
      'D5',
      () => `after ${String(failure)}: ${String(error)}`,
    )
  }
}

function isPoisoned(error: unknown): boolean {
  return (error as FsysError | undefined)?.code === 'ERR_FSYS_POISONED'
}

function thrownBy(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  return undefined
}
