import { storageFailure } from '../errors.js'
import { type DurableLsn, durableLsn } from '../lsn.js'
import { GroupCommit } from './group-commit.js'
import type { LogBuffer } from './log-buffer.js'
import type { Trip } from './log-space.js'
import type { OpenedJournal } from './open.js'
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
  readonly #zeroAhead: ZeroAhead
  readonly #onPoison: (attempt: Attempt) => void
  #durableLsn: DurableLsn
  #durable: Promise<DurableLsn>
  #failure: unknown

  /** `onPoison` is called when the first write or sync has failed, before anybody who waits hears of it. */
  constructor(
    opened: OpenedJournal,
    buffer: LogBuffer,
    writer: Writer,
    zeroAhead: ZeroAhead,
    onPoison: (attempt: Attempt) => void,
  ) {
    this.#opened = opened
    this.#buffer = buffer
    this.#writer = writer
    this.#zeroAhead = zeroAhead
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
    try {
      if (this.#writer.prefersBlocking) this.#writer.writeSync()
      else await this.#writer.write()
    } catch (error) {
      throw this.poison(error, 'write to')
    }
  }

  /** The same, blocking; an unfinished write that stands in the way is waited for. */
  writeSync(): void {
    try {
      this.#writer.finishSync()
      this.#writer.writeSync()
    } catch (error) {
      throw this.poison(error, attemptOf(error))
    }
  }

  /** Writes and syncs what is staged now, blocking: in one trip, where that can be. */
  syncSync(): void {
    const frontier = this.#buffer.nextLsn
    let attempt = attemptOf
    try {
      this.#writer.finishSync()
      const trip = this.#writer.blockingTripFor(this.#durableLsn)
      if (trip !== undefined && this.#writer.writtenLsn < frontier) {
        this.#writer.writeDurablySync(trip)
      } else {
        this.#writer.writeSync()
        attempt = () => 'sync'
        this.#writer.syncSync()
      }
    } catch (error) {
      throw this.poison(error, attempt(error))
    }
    const groupBytes = frontier - this.#durableLsn
    this.#publish(frontier)
    this.#zeroAhead.extend(frontier, groupBytes)
  }

  /** The first failure ends the journal, and everybody who waits hears of it (D5, D10). Returns that failure. */
  poison(error: unknown, attempt: Attempt): unknown {
    if (this.#failure !== undefined) return this.#failure
    const { path } = this.#opened
    const failure = storageFailure(error, `cannot ${attempt} journal ${JSON.stringify(path)}`, { path })
    this.#failure = failure
    this.#writer.giveUp()
    for (const group of this.groups.fail()) group.reject(failure)
    this.#onPoison(attempt)
    return failure
  }

  readonly #startGroup = (): void => {
    // Poisoned since it was scheduled: everybody has been told.
    if (this.groups.phase !== 'scheduled') return
    this.groups.start()
    const trip = this.#writer.tripFor(this.#durableLsn)
    if (trip !== undefined && this.#writer.writtenLsn < this.#buffer.nextLsn) {
      this.#makeTrip(trip)
      return
    }
    if (!this.#writer.prefersBlocking) {
      this.#writer.write().then(this.#syncGroup, (error: unknown) => this.poison(error, 'write to'))
      return
    }
    try {
      this.#writer.writeSync()
    } catch (error) {
      this.poison(error, 'write to')
      return
    }
    this.#syncGroup()
  }

  readonly #syncGroup = (): void => {
    if (this.#failure !== undefined) return
    // A blocking sync may have been quicker.
    if (this.groups.awaitedLsn <= this.#durableLsn) {
      this.#finishGroup()
      return
    }
    // Captured before the sync begins, never after: what is written meanwhile is not covered (D4).
    const frontier = this.#writer.writtenLsn
    this.#awaitSync(frontier, this.#writer.sync(), () => 'sync')
  }

  /** A group in one trip to the disk. It covers what is staged now, and no more (D4). */
  #makeTrip(trip: Trip): void {
    this.#awaitSync(this.#buffer.nextLsn, this.#writer.writeDurably(trip), attemptOf)
  }

  /** The running group's sync has begun, and covers everything below `frontier`: who needs no more may still join it. */
  #awaitSync(frontier: number, syncing: Promise<void>, attempt: typeof attemptOf): void {
    this.groups.cover(frontier)
    syncing.then(
      () => {
        if (this.#failure !== undefined) return
        this.#publish(frontier)
        this.#finishGroup()
      },
      (error: unknown) => this.poison(error, attempt(error)),
    )
    this.#zeroAhead.extend(this.#buffer.nextLsn, frontier - this.#durableLsn)
  }

  #finishGroup(): void {
    // Whatever went wrong: nobody is told that something is durable that is not.
    if (this.groups.awaitedLsn > this.#durableLsn) {
      this.poison(new Error('fsys is broken, please report it: a group ends before it is durable'), 'sync')
      return
    }
    this.groups.finish().resolve(this.#durableLsn)
  }

  /** The only place where the durable frontier moves. */
  #publish(frontier: number): void {
    if (frontier <= this.#durableLsn) return
    this.#durableLsn = durableLsn(frontier)
    this.#durable = Promise.resolve(this.#durableLsn)
    this.#opened.mark.note(frontier)
  }
}

/** What failed. */
export type Attempt = 'write to' | 'sync'

/** Which part of it has failed. */
function attemptOf(error: unknown): Attempt {
  return (error as NodeJS.ErrnoException).syscall === 'fdatasync' ? 'sync' : 'write to'
}
