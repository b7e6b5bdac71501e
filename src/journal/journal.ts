import { abortable } from '../abortable.js'
import { checkBytes, encodeText, loneSurrogate } from '../checks.js'
import { FsysError, assert, invalidArgument, outOfRange, storageFailure } from '../errors.js'
import { FRAME_OVERHEAD_BYTES } from '../frame/frame.js'
import { type DurableLsn, LSN_MAX, type Lsn, durableLsn } from '../lsn.js'
import { run, runSync } from '../storage/steps.js'
import { BufferedWriter } from './buffered-writer.js'
import { DirectWriter } from './direct-writer.js'
import { keepUntilExit } from './exit.js'
import { GroupCommit } from './group-commit.js'
import { type JournalInfo, describe } from './info.js'
import { LogBuffer } from './log-buffer.js'
import { LogMemory } from './log-memory.js'
import type { Trip } from './log-space.js'
import { type OpenedJournal, open } from './open.js'
import { type JournalOptions, type Settled, settleJournalOptions, settlePath } from './options.js'
import type { Writer } from './writer.js'
import { ZeroAhead } from './zero-ahead.js'

/**
 * Opens a journal for writing, or makes one: takes its lock, finds its clean end, saves and cuts off what a crash left
 * behind it, and syncs it all, the directory too. What is below `durableLsn` then survives power loss.
 *
 * Rejects with a FsysError of code ERR_FSYS_LOCKED (somebody writes to it), ERR_FSYS_DAMAGED, ERR_FSYS_AMBIGUOUS_GAP,
 * ERR_FSYS_NOT_A_JOURNAL, ERR_FSYS_TAIL_NOT_SAVED, ERR_FSYS_NOT_FOUND, ERR_FSYS_NOT_A_FILE, ERR_FSYS_ACCESS,
 * ERR_FSYS_READ_ONLY, each with the file untouched; ERR_FSYS_NO_SPACE or ERR_FSYS_IO, by when what a crash left may have been
 * saved and cut off, but no valid record; ERR_FSYS_CHANGED when its records were whole only in the page cache; with a TypeError or RangeError for bad options; with the signal's reason.
 */
export async function openJournal(path: string | URL, options?: JournalOptions): Promise<Journal> {
  const settled = settleJournalOptions(options)
  const name = settlePath(path)
  const memory = new LogMemory(settled)
  try {
    return new Journal(await run(open(name, FIRST_LSN, settled)), settled, memory)
  } catch (error) {
    memory.release()
    throw error
  }
}

/** As `openJournal`, without letting anything else run in this thread. */
export function openJournalSync(path: string | URL, options?: Omit<JournalOptions, 'signal'>): Journal {
  const settled = settleJournalOptions(options, 'openJournalSync')
  const name = settlePath(path)
  const memory = new LogMemory(settled)
  try {
    return new Journal(runSync(open(name, FIRST_LSN, settled)), settled, memory)
  } catch (error) {
    memory.release()
    throw error
  }
}

/** A journal's first frame begins at the first byte of its file. */
const FIRST_LSN = 0

/** What messages call it. */
const RECORD = 'a record'

/** A write-ahead journal, open for writing. Made by `openJournal`. */
export class Journal {
  readonly #opened: OpenedJournal
  readonly #memory: LogMemory
  readonly #buffer: LogBuffer
  readonly #writer: Writer
  readonly #zeroAhead: ZeroAhead
  readonly #groups: GroupCommit
  readonly #recordBytesMax: number
  readonly #forgetAtExit: () => void
  #state: 'open' | 'closing' | 'handed over' | 'closed' = 'open'
  #durableLsn: DurableLsn
  #durable: Promise<DurableLsn>
  /** The first write or sync that failed (D5). */
  #failure: unknown
  #closed: Promise<void> | undefined

  constructor(opened: OpenedJournal, options: Settled<JournalOptions>, memory: LogMemory = new LogMemory(options)) {
    const { space, carried, recovery } = opened
    this.#opened = opened
    this.#memory = memory
    this.#recordBytesMax = options.recordBytesMax
    this.#durableLsn = durableLsn(recovery.cleanEnd)
    this.#durable = Promise.resolve(this.#durableLsn)
    this.#buffer = new LogBuffer(memory.kernel, memory.slotBytes, this.#durableLsn, space.alignment)
    this.#buffer.carry(carried)
    const isDirect = space.alignment > 1
    this.#writer = isDirect
      ? new DirectWriter(space, this.#buffer, memory.page)
      : new BufferedWriter(space, this.#buffer)
    this.#zeroAhead = new ZeroAhead(space, options.zeroAheadBytes, isDirect ? memory.zeros : undefined)
    this.#groups = new GroupCommit(() => options.storage.clock.soon(this.#startGroup))
    this.#forgetAtExit = keepUntilExit(() => this.#handOver())
  }

  /** The LSN past the last record that was staged. */
  get nextLsn(): Lsn {
    return this.#buffer.nextLsn as Lsn
  }

  /** Below this, everything has been handed to the operating system: it survives the death of the process. */
  get writtenLsn(): Lsn {
    return this.#writer.writtenLsn as Lsn
  }

  /** Below this, everything is on stable storage: it survives power loss. */
  get durableLsn(): DurableLsn {
    return this.#durableLsn
  }

  /** What serves this journal and why, and what opening it has found. */
  get info(): JournalInfo {
    return describe(this.#opened, this.#memory.kernel, this.#zeroAhead)
  }

  /**
   * Stages a record: bytes, or a well-formed string as UTF-8. Returns the LSN past its frame. No I/O and no promise, unless
   * the buffer is full: then it blocks for a write. The bytes are copied, and may change afterwards.
   *
   * The record is not durable until `syncThrough` of this LSN, or of a later one, has resolved.
   *
   * Throws ERR_FSYS_INVALID_ARGUMENT (not bytes, not a well-formed string), ERR_FSYS_RECORD_TOO_LARGE, ERR_FSYS_LSN_LIMIT,
   * ERR_FSYS_CLOSED, ERR_FSYS_POISONED; and, when a write for lack of room fails, that failure, which poisons the journal.
   * A record for which it throws is not staged.
   */
  append(record: Uint8Array | string): Lsn {
    if (this.#failure !== undefined || this.#state !== 'open') throw this.#refusal('append to')
    if (typeof record === 'string') return this.#appendText(record)
    if (!(record instanceof Uint8Array) || record.length === 0 || record.length !== record.byteLength)
      checkBytes(record, RECORD)
    if (record.length > this.#recordBytesMax) throw this.#tooLarge(record.length)
    return (this.#buffer.stage(record) || this.#appendSlowly(record)) as Lsn
  }

  /**
   * Stages several records, one directly after the other, and returns the LSN past the last (`nextLsn` for none). All are
   * checked before the first is staged. A crash may keep the first few: it is not a transaction.
   *
   * What is no array may reuse the memory of one record for the next: its records are copied as they come.
   */
  appendBatch(records: Iterable<Uint8Array | string>): Lsn {
    if (this.#failure !== undefined || this.#state !== 'open') throw this.#refusal('append to')
    if (typeof records === 'string' || typeof records?.[Symbol.iterator] !== 'function') {
      throw invalidArgument('a batch must be an array of records, or another iterable of them')
    }
    const isStable = Array.isArray(records)
    const batch: Uint8Array[] = []
    let frameBytes = 0
    for (const record of records) {
      const bytes = typeof record === 'string' ? encodeText(record, RECORD) : record
      checkBytes(bytes, RECORD)
      if (bytes.length > this.#recordBytesMax) throw this.#tooLarge(bytes.length)
      frameBytes += bytes.length + FRAME_OVERHEAD_BYTES
      batch.push(isStable || typeof record === 'string' ? bytes : new Uint8Array(bytes))
    }
    // What gave the records may have closed the journal meanwhile.
    if (this.#failure !== undefined || this.#state !== 'open') throw this.#refusal('append to')
    this.#checkLimit(frameBytes)
    for (const bytes of batch) if (this.#buffer.stage(bytes) === 0) this.#appendSlowly(bytes)
    return this.nextLsn
  }

  /**
   * Resolves to the durable frontier once everything below `lsn` is on stable storage: data, size and name. Callers that
   * wait at the same time share one sync.
   *
   * Rejects with ERR_FSYS_LSN_UNKNOWN for an LSN past `nextLsn`; with the failed write's or sync's error (ERR_FSYS_NO_SPACE,
   * ERR_FSYS_IO, ...), after which the journal is poisoned; with ERR_FSYS_POISONED or ERR_FSYS_CLOSED if the LSN was not durable
   * by then; with the signal's reason, which gives up the waiting, not the sync.
   */
  syncThrough(lsn: Lsn, options?: { readonly signal?: AbortSignal }): Promise<DurableLsn> {
    if (options?.signal !== undefined) {
      if (!(options.signal instanceof AbortSignal)) {
        return Promise.reject(invalidArgument('signal must be an AbortSignal'))
      }
      return abortable(this.syncThrough(lsn), options.signal)
    }
    if (this.#isDurable(lsn)) return this.#durable
    const refusal = this.#refusalToSync(lsn)
    if (refusal !== undefined) return Promise.reject(refusal)
    return this.#groups.join(lsn).waitTogether(lsn)
  }

  /** `append` and `syncThrough` in one: resolves to this record's own LSN, which is durable by then. */
  commit(record: Uint8Array | string): Promise<Lsn> {
    try {
      const lsn = this.append(record)
      return this.#groups.join(lsn).waitAlone(lsn)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Hands what is staged to the operating system, without a sync, and resolves to the written LSN: what is below it
   * survives the death of the process, but not power loss.
   */
  async flush(): Promise<Lsn> {
    this.#checkUsable('flush')
    try {
      if (this.#writer.prefersBlocking) this.#writer.writeSync()
      else await this.#writer.write()
    } catch (error) {
      throw this.#poison(error, 'write to')
    }
    return this.writtenLsn
  }

  /**
   * As `flush`, without letting anything else run in this thread. Throws ERR_FSYS_BUSY in direct mode while a write is
   * unfinished: what is staged shares a sector with it.
   */
  flushSync(): Lsn {
    this.#checkUsable('flush')
    if (this.#writer.mustWait) throw this.#busy('flush')
    this.#writeSync()
    return this.writtenLsn
  }

  /** As `syncThrough`, without letting anything else run in this thread. ERR_FSYS_BUSY as from `flushSync`. */
  syncThroughSync(lsn: Lsn): DurableLsn {
    if (this.#isDurable(lsn)) return this.#durableLsn
    const refusal = this.#refusalToSync(lsn)
    if (refusal !== undefined) throw refusal
    if (this.#writer.mustWait) throw this.#busy('sync')
    this.#syncSync()
    return this.#durableLsn
  }

  /**
   * Syncs what is staged, settles all who wait, and lets go of the file and its lock. Idempotent. Rejects if the journal is
   * poisoned, or if the last sync fails; everything has been released by then all the same.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /**
   * As `close`, without letting anything else run in this thread. While a write or a sync is unfinished, the descriptor and
   * the lock are released only when that has returned, soon after; `close` waits for it. Syncs also where `close` has been
   * called and is still waiting, and in an exit handler that runs behind the journal's own. ERR_FSYS_BUSY as from `flushSync`;
   * then it is still open.
   */
  closeSync(): void {
    if (this.#state === 'closed') return
    if (this.#failure === undefined && this.#durableLsn < this.nextLsn && this.#writer.mustWait)
      throw this.#busy('close')
    this.#state = 'closing'
    try {
      if (this.#failure !== undefined) throw this.#refusal('close')
      if (this.#durableLsn < this.nextLsn) this.#syncSync()
      if (this.#trim()) this.#trySyncSync()
    } finally {
      this.#closed ??= this.#releaseWhenIdle()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#state = 'closing'
    try {
      if (this.#failure !== undefined) throw this.#refusal('close')
      if (this.#durableLsn < this.nextLsn) await this.#groups.join(this.nextLsn).waitTogether(this.nextLsn)
      if (this.#trim()) await this.#writer.sync().catch(() => {})
    } finally {
      await this.#releaseWhenIdle()
    }
  }

  /**
   * Cuts off the zeros past the records. True if the file has changed. Best effort: everything that was promised is synced,
   * and zeros at the end are no harm.
   */
  #trim(): boolean {
    try {
      return this.#opened.space.trimSync(this.nextLsn)
    } catch {
      return false
    }
  }

  #trySyncSync(): void {
    try {
      this.#writer.syncSync()
    } catch {
      // As above.
    }
  }

  /** Lets go of everything, once the operating system needs nothing of it any more (D4b). */
  #releaseWhenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#writer.whenIdle(() => {
        this.#release()
        resolve()
      })
    })
  }

  #release(): void {
    this.#state = 'closed'
    this.#forgetAtExit()
    this.#memory.release()
    this.#opened.mark.closeSync()
    try {
      this.#writer.closeSync()
    } catch {
      // Everything that was promised has been synced; a descriptor that will not close takes nothing back.
    }
    this.#opened.unregister()
    this.#opened.lock.releaseSync()
  }

  /** The process ends: what is staged goes to the operating system. The lock stays where a late write may still happen. */
  #handOver(): void {
    if (this.#failure !== undefined || this.#state === 'closed') return
    try {
      this.#writer.handOverSync()
    } catch (error) {
      this.#poison(error, 'write to')
    }
    // An exit handler that comes later may still sync this by `closeSync`; the mark is not written without the lock.
    this.#state = 'handed over'
    this.#opened.mark.closeSync()
    if (this.#writer.isBusy) return
    this.#trim()
    this.#opened.lock.releaseSync()
  }

  readonly #startGroup = (): void => {
    // Poisoned since it was scheduled: everybody has been told.
    if (this.#groups.phase !== 'scheduled') return
    this.#groups.start()
    const trip = this.#writer.tripFor(this.#durableLsn)
    if (trip !== undefined && this.#writer.writtenLsn < this.nextLsn) {
      this.#makeTrip(trip)
      return
    }
    if (!this.#writer.prefersBlocking) {
      this.#writer.write().then(this.#syncGroup, (error: unknown) => this.#poison(error, 'write to'))
      return
    }
    try {
      this.#writer.writeSync()
    } catch (error) {
      this.#poison(error, 'write to')
      return
    }
    this.#syncGroup()
  }

  readonly #syncGroup = (): void => {
    if (this.#failure !== undefined) return
    // A blocking sync may have been quicker.
    if (this.#groups.awaitedLsn <= this.#durableLsn) {
      this.#finishGroup()
      return
    }
    // Captured before the sync begins, never after: what is written meanwhile is not covered (D4).
    const frontier = this.#writer.writtenLsn
    this.#awaitSync(frontier, this.#writer.sync(), () => 'sync')
  }

  /** A group in one trip to the disk. It covers what is staged now, and no more (D4). */
  #makeTrip(trip: Trip): void {
    this.#awaitSync(this.nextLsn, this.#writer.writeDurably(trip), attemptOf)
  }

  /** The running group's sync has begun, and covers everything below `frontier`: who needs no more may still join it. */
  #awaitSync(frontier: number, syncing: Promise<void>, attempt: typeof attemptOf): void {
    this.#groups.cover(frontier)
    syncing.then(
      () => {
        if (this.#failure !== undefined) return
        this.#publish(frontier)
        this.#finishGroup()
      },
      (error: unknown) => this.#poison(error, attempt(error)),
    )
    if (this.#state === 'open') this.#zeroAhead.extend(this.nextLsn, frontier - this.#durableLsn)
  }

  #finishGroup(): void {
    // Whatever went wrong: nobody is told that something is durable that is not.
    if (this.#groups.awaitedLsn > this.#durableLsn) {
      this.#poison(new Error('fsys is broken, please report it: a group ends before it is durable'), 'sync')
      return
    }
    this.#groups.finish().resolve(this.#durableLsn)
  }

  /** The only place where the durable frontier moves. */
  #publish(frontier: number): void {
    if (frontier <= this.#durableLsn) return
    this.#durableLsn = durableLsn(frontier)
    this.#durable = Promise.resolve(this.#durableLsn)
    this.#opened.mark.note(frontier)
  }

  #writeSync(): void {
    try {
      this.#writer.writeSync()
    } catch (error) {
      throw this.#poison(error, 'write to')
    }
  }

  #syncSync(): void {
    this.#writeSync()
    const frontier = this.#writer.writtenLsn
    try {
      this.#writer.syncSync()
    } catch (error) {
      throw this.#poison(error, 'sync')
    }
    this.#publish(frontier)
  }

  /** The first failure ends the journal, and everybody who waits hears of it (D5, D10). Returns that failure. */
  #poison(error: unknown, attempt: 'write to' | 'sync'): unknown {
    if (this.#failure !== undefined) return this.#failure
    const failure = storageFailure(error, `cannot ${attempt} journal ${JSON.stringify(this.#opened.path)}`, {
      path: this.#opened.path,
    })
    this.#failure = failure
    this.#writer.giveUp()
    for (const group of this.#groups.fail()) group.reject(failure)
    if (attempt === 'write to') this.#writer.whenIdle(() => this.#cutBack())
    return failure
  }

  #cutBack(): void {
    if (this.#state === 'closed') return
    try {
      this.#writer.cutBack()
    } catch {
      // Then the next open has a tail to save.
    }
  }

  #appendText(record: string): Lsn {
    if (!record.isWellFormed()) throw loneSurrogate(RECORD)
    const lsn = this.#buffer.stageText(record, this.#recordBytesMax)
    if (lsn > 0) return lsn as Lsn
    if (lsn < 0) throw this.#tooLarge(-lsn)
    return this.append(encodeText(record, RECORD))
  }

  /** A record for which the buffer has no room. */
  #appendSlowly(record: Uint8Array): number {
    const frameBytes = record.length + FRAME_OVERHEAD_BYTES
    this.#checkLimit(frameBytes)
    try {
      if (frameBytes > this.#buffer.frameBytesMax) {
        this.#writer.writeOversize(record)
      } else {
        this.#writer.makeRoom()
        assert(this.#buffer.stage(record) > 0, 'an empty buffer has no room for a record that is smaller')
      }
    } catch (error) {
      throw this.#poison(error, 'write to')
    }
    return this.nextLsn
  }

  #checkLimit(frameBytes: number): void {
    if (frameBytes <= LSN_MAX - this.nextLsn) return
    throw outOfRange(
      `cannot append to journal ${JSON.stringify(this.#opened.path)}: it would grow past 2^53 - 1 bytes`,
      'ERR_FSYS_LSN_LIMIT',
    )
  }

  #checkUsable(attempt: string): void {
    if (this.#failure !== undefined || this.#state !== 'open') throw this.#refusal(attempt)
  }

  /** False for what is no LSN at all. */
  #isDurable(lsn: Lsn): boolean {
    return lsn <= this.#durableLsn && lsn >= 0 && Number.isSafeInteger(lsn)
  }

  #refusalToSync(lsn: Lsn): Error | undefined {
    if (!Number.isSafeInteger(lsn) || lsn < 0) {
      return invalidArgument(`an LSN is a whole number from 0 to 2^53 - 1, not ${String(lsn)}`)
    }
    if (lsn > this.nextLsn) {
      return outOfRange(
        `cannot sync journal ${JSON.stringify(this.#opened.path)} through LSN ${lsn}: it ends at ${this.nextLsn}`,
        'ERR_FSYS_LSN_UNKNOWN',
      )
    }
    return this.#failure === undefined && this.#state === 'open' ? undefined : this.#refusal('sync')
  }

  #refusal(attempt: string): FsysError {
    const { path } = this.#opened
    const what = `cannot ${attempt} journal ${JSON.stringify(path)}`
    if (this.#failure === undefined) return new FsysError('ERR_FSYS_CLOSED', `${what}: it is closed`, { path })
    const cause = this.#failure
    return new FsysError('ERR_FSYS_POISONED', `${what}: it was given up when ${(cause as Error).message}`, {
      path,
      cause,
    })
  }

  /** In direct mode only: the records that are staged share a sector with the write that is under way. */
  #busy(attempt: string): FsysError {
    const { path } = this.#opened
    const what = `cannot ${attempt} journal ${JSON.stringify(path)} without waiting: a write of it is under way`
    return new FsysError('ERR_FSYS_BUSY', what, { path })
  }

  #tooLarge(length: number): RangeError {
    return outOfRange(
      `cannot append to journal ${JSON.stringify(this.#opened.path)}: a record of ${length} bytes is over the limit of ${this.#recordBytesMax}`,
      'ERR_FSYS_RECORD_TOO_LARGE',
    )
  }
}

/** Which part of a trip has failed. */
function attemptOf(error: unknown): 'write to' | 'sync' {
  return (error as NodeJS.ErrnoException).syscall === 'fdatasync' ? 'sync' : 'write to'
}
