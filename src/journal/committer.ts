import { storageFailure } from '../errors.js'
import { type DurableLsn, durableLsn } from '../lsn.js'
import { GroupCommit } from './group-commit.js'
import type { JournalMeter } from './journal-meter.js'
import type { LogBuffer } from './log-buffer.js'
import type { Trip } from './log-space.js'
import type { OpenedJournal } from './open.js'
import type { Writeback } from './writeback.js'
import type { Writer } from './writer.js'
import type { ZeroAhead } from './zero-ahead.js'

/**
 * Takes what is staged to the disk, in groups for those who wait and at once for those who block, and moves the durable
 * frontier. The first write or sync that fails is the end of it (D5).
 */
export class Committer {
  /** Those who wait. */
  readonly groups: GroupCommit
  readonly #opened: OpenedJournal
  readonly #buffer: LogBuffer
  readonly #writer: Writer
  readonly #writeback: Writeback
  readonly #zeroAhead: ZeroAhead
  readonly #meter: JournalMeter
  readonly #onPoison: (attempt: Attempt) => void
  #durableLsn: DurableLsn
  #durable: Promise<DurableLsn>
  #failure: unknown
  /** When the running group's write or sync has begun. */
  #stepBegunAt = 0

  /** `onPoison` is called when the first write or sync has failed, before anybody who waits hears of it. */
  constructor(
    opened: OpenedJournal,
    buffer: LogBuffer,
    writer: Writer,
    writeback: Writeback,
    zeroAhead: ZeroAhead,
    meter: JournalMeter,
    onPoison: (attempt: Attempt) => void,
  ) {
    this.#opened = opened
    this.#buffer = buffer
    this.#writer = writer
    this.#writeback = writeback
    this.#zeroAhead = zeroAhead
    this.#meter = meter
    this.#onPoison = onPoison
    this.#durableLsn = durableLsn(opened.recovery.cleanEnd)
    this.#durable = Promise.resolve(this.#durableLsn)
    const { clock } = opened.storage
    this.groups = new GroupCommit(() => clock.soon(this.#startGroup))
  }

  /** Below this, everything is on stable storage. */
  get durableLsn(): DurableLsn {
    return this.#durableLsn
  }

  /** The same, as whoever asks for what is durable already is answered. */
  get durable(): Promise<DurableLsn> {
    return this.#durable
  }

  /** The first write or sync that failed. */
  get failure(): unknown {
    return this.#failure
  }

  /** Hands what is staged now to the operating system. */
  async write(): Promise<void> {
    if (this.#isWritten) return
    const begunAt = this.#meter.now()
    try {
      if (this.#writer.prefersBlocking) this.#writer.writeSync()
      else await this.#writer.write()
    } catch (error) {
      throw this.poison(error, 'write to')
    }
    this.#noteWrite(begunAt)
  }

  /** The same, blocking; an unfinished write that stands in the way is waited for. */
  writeSync(): void {
    if (this.#isWritten) return
    const begunAt = this.#meter.now()
    try {
      this.#writer.finishSync()
      this.#writer.writeSync()
    } catch (error) {
      throw this.poison(error, attemptOf(error))
    }
    this.#noteWrite(begunAt)
  }

  /** Writes and syncs what is staged now, blocking: in one trip, where that can be. */
  syncSync(): void {
    const frontier = this.#buffer.nextLsn
    const { records } = this.#buffer
    const begunAt = this.#meter.now()
    let stepBegunAt = begunAt
    let attempt = attemptOf
    try {
      this.#writer.finishSync()
      this.#writeback.finishSync()
      const trip = this.#writer.blockingTripFor(this.#durableLsn)
      if (trip !== undefined && !this.#isWritten) {
        this.#writer.writeDurablySync(trip)
      } else {
        if (!this.#isWritten) {
          this.#writer.writeSync()
          stepBegunAt = this.#noteWrite(begunAt)
        }
        attempt = () => 'sync'
        this.#writer.syncSync()
      }
    } catch (error) {
      this.#meter.noteDuration(this.#meter.now() - begunAt)
      throw this.poison(error, attempt(error))
    }
    const now = this.#meter.now()
    const groupBytes = frontier - this.#durableLsn
    this.#publish(frontier, records, now)
    this.#meter.blockingSyncEnds(now - stepBegunAt, now - begunAt)
    this.#zeroAhead.extend(frontier, groupBytes)
  }

  /** The first failure ends the journal, and everybody who waits hears of it (D5, D10). Returns that failure. */
  poison(error: unknown, attempt: Attempt): unknown {
    if (this.#failure !== undefined) return this.#failure
    const { path } = this.#opened
    const failure = storageFailure(error, `cannot ${attempt} journal ${JSON.stringify(path)}`, { path })
    this.#failure = failure
    this.#writer.giveUp()
    const waiting = this.groups.fail()
    for (const group of waiting) group.reject(failure)
    this.#onPoison(attempt)
    this.#meter.groupEnds(waiting[0]?.waiters ?? 0, this.#meter.now(), failure)
    return failure
  }

  /** True if nothing is staged that has not been written. */
  get #isWritten(): boolean {
    return this.#writer.writtenLsn === this.#buffer.nextLsn
  }

  readonly #startGroup = (): void => {
    // Poisoned since it was scheduled: everybody has been told.
    if (this.groups.phase !== 'scheduled') return
    this.#meter.traceGroup(this.groups.start(), this.#takeGroup)
  }

  readonly #takeGroup = (): void => {
    // Poisoned by somebody who was told that it starts.
    if (this.groups.phase !== 'running') return
    this.#stepBegunAt = this.#meter.now()
    this.#meter.groupBegins(this.#stepBegunAt)
    this.#writeGroup(true)
  }

  /** `mayWait`: for an unfinished write, once. More may have been begun by then, and nobody is to wait without end. */
  #writeGroup(mayWait: boolean): void {
    if (this.#isWritten) {
      this.#syncGroup()
      return
    }
    const trip = this.#writer.tripFor(this.#durableLsn)
    if (trip !== undefined) {
      this.#makeTrip(trip)
      return
    }
    const { obstacle } = this.#writer
    if (mayWait && obstacle !== undefined) {
      obstacle.then(this.#writeGroupNow, (error: unknown) => this.poison(error, 'write to'))
      return
    }
    if (!this.#writer.prefersBlocking) {
      this.#writer.write().then(this.#syncWrittenGroup, (error: unknown) => this.poison(error, 'write to'))
      return
    }
    try {
      this.#writer.writeSync()
    } catch (error) {
      this.poison(error, 'write to')
      return
    }
    this.#syncWrittenGroup()
  }

  readonly #writeGroupNow = (): void => {
    if (this.groups.phase === 'running') this.#writeGroup(false)
  }

  readonly #syncWrittenGroup = (): void => {
    this.#stepBegunAt = this.#noteWrite(this.#stepBegunAt)
    this.#syncGroup()
  }

  #syncGroup(): void {
    if (this.#failure !== undefined) return
    // A blocking sync may have been quicker.
    if (this.groups.awaitedLsn <= this.#durableLsn) {
      this.#finishGroup(this.#stepBegunAt)
      return
    }
    // Captured before the sync begins, never after: what is written meanwhile is not covered (D4).
    const frontier = this.#writer.writtenLsn
    const records = this.#writer.writtenRecords
    this.#awaitSync(frontier, records, this.#writer.sync(), () => 'sync')
  }

  /** A group in one trip to the disk. It covers what is staged now, and no more (D4). */
  #makeTrip(trip: Trip): void {
    this.#awaitSync(this.#buffer.nextLsn, this.#buffer.records, this.#writer.writeDurably(trip), attemptOf)
  }

  /** The running group's sync has begun, and covers everything below `frontier`: who needs no more may still join it. */
  #awaitSync(frontier: number, records: number, syncing: Promise<void>, attempt: typeof attemptOf): void {
    this.groups.cover(frontier)
    syncing.then(
      () => {
        const { unfinished } = this.#writeback
        if (unfinished === undefined) this.#endSync(frontier, records)
        // Started before the sync had ended, it may have met with a failure that the sync was not told of (D5).
        else
          unfinished.then(
            () => this.#endSync(frontier, records),
            (error: unknown) => this.poison(error, 'write to'),
          )
      },
      (error: unknown) => this.poison(error, attempt(error)),
    )
    this.#zeroAhead.extend(this.#buffer.nextLsn, frontier - this.#durableLsn)
  }

  #endSync(frontier: number, records: number): void {
    if (this.#failure !== undefined) return
    const now = this.#meter.now()
    this.#meter.syncMs.record(now - this.#stepBegunAt)
    this.#publish(frontier, records, now)
    this.#finishGroup(now)
  }

  #finishGroup(now: number): void {
    // Whatever went wrong: nobody is told that something is durable that is not.
    if (this.groups.awaitedLsn > this.#durableLsn) {
      this.poison(new Error('fsys is broken, please report it: a group ends before it is durable'), 'sync')
      return
    }
    const group = this.groups.finish()
    group.resolve(this.#durableLsn)
    this.#meter.groupEnds(group.waiters, now)
  }

  /** A write apart from a sync has ended. Returns when. */
  #noteWrite(begunAt: number): number {
    const now = this.#meter.now()
    this.#meter.writeMs.record(now - begunAt)
    return now
  }

  /** The only place where the durable frontier moves. */
  #publish(frontier: number, records: number, now: number): void {
    if (frontier <= this.#durableLsn) return
    this.#durableLsn = durableLsn(frontier)
    this.#durable = Promise.resolve(this.#durableLsn)
    this.#meter.madeDurable(records, frontier)
    this.#opened.mark.note(frontier, now)
  }
}

/** What failed. */
export type Attempt = 'write to' | 'sync'

/** Which part of it has failed. */
export function attemptOf(error: unknown): Attempt {
  return (error as NodeJS.ErrnoException).syscall === 'fdatasync' ? 'sync' : 'write to'
}
