import { AsyncResource } from 'node:async_hooks'

import { abortable } from '../abortable.js'
import { checkBytes, encodeText, loneSurrogate } from '../checks.js'
import { assert, invalidArgument } from '../errors.js'
import { FRAME_OVERHEAD_BYTES } from '../frame/frame.js'
import { type DurableLsn, LSN_MAX, type Lsn } from '../lsn.js'
import type { Advice, Registered } from '../storage/storage.js'
import { BufferedWriter } from './buffered-writer.js'
import { type Attempt, attemptOf, Committer } from './committer.js'
import { DirectWriter } from './direct-writer.js'
import { gatherBatch, RECORD } from './gather-batch.js'
import type { GroupCommit } from './group-commit.js'
import { type JournalInfo, describe } from './info.js'
import { busy, journalTooLarge, recordTooLarge, wrongLsn } from './journal-errors.js'
import { JournalLife } from './journal-life.js'
import { JournalMeter } from './journal-meter.js'
import type { JournalStats } from './journal-stats.js'
import { LogBuffer } from './log-buffer.js'
import { LogMemory } from './log-memory.js'
import type { OpenedJournal } from './open.js'
import type { JournalOptions, Settled } from './options.js'
import { SpaceHints } from './space-hints.js'
import { Writeback } from './writeback.js'
import type { Writer } from './writer.js'
import { ZeroAhead } from './zero-ahead.js'

/** A write-ahead journal, open for writing. Made by `openJournal`. */
export class Journal {
  readonly #opened: OpenedJournal
  readonly #memory: LogMemory
  readonly #buffer: LogBuffer
  readonly #writer: Writer
  readonly #zeroAhead: ZeroAhead
  readonly #hints: SpaceHints
  readonly #writeback: Writeback
  readonly #registered: Registered
  readonly #meter: JournalMeter
  readonly #committer: Committer
  /** The committer's: reached in one step on the hot path. */
  readonly #groups: GroupCommit
  readonly #recordBytesMax: number
  readonly #life: JournalLife
  readonly #writeFailed = (error: unknown): void => void this.#committer.poison(error, 'write to')

  /**
   * In `context`, subscribers are told of what the journal does for many callers. `letGo` is called when the journal needs
   * nothing of its storage any more.
   */
  constructor(
    opened: OpenedJournal,
    options: Settled<JournalOptions>,
    memory: LogMemory = new LogMemory(options),
    context: AsyncResource = new AsyncResource('FSYSJOURNAL'),
    letGo: () => void = () => undefined,
  ) {
    const { space, carried, recovery } = opened
    this.#opened = opened
    this.#memory = memory
    this.#recordBytesMax = options.recordBytesMax
    const buffer = new LogBuffer(memory.kernel, memory.slotBytes, recovery.cleanEnd, space.alignment)
    buffer.carry(carried)
    const isDirect = space.alignment > 1
    const writeback = new Writeback(space)
    const writer = isDirect
      ? new DirectWriter(space, buffer, memory.page)
      : new BufferedWriter(space, buffer, writeback)
    const zeroAhead = new ZeroAhead(space, options.zeroAheadBytes, isDirect ? memory.zeros : undefined)
    const meter = new JournalMeter(opened, buffer, writer, options.slowSyncMs, context)
    const onPoison = (attempt: Attempt): void => this.#life.giveUp(attempt)
    const committer = new Committer(opened, buffer, writer, writeback, zeroAhead, meter, onPoison)
    const keepsPreallocated = options.keepPreallocated
    const parts = { opened, memory, buffer, writer, zeroAhead, meter, committer, keepsPreallocated, letGo }
    this.#life = new JournalLife(parts)
    this.#buffer = buffer
    this.#writer = writer
    this.#zeroAhead = zeroAhead
    this.#meter = meter
    this.#committer = committer
    this.#groups = committer.groups
    this.#registered = space.register(memory.slots)
    this.#writeback = writeback
    const isPortable = options.storage.engine === 'portable'
    this.#hints = new SpaceHints(space, opened.path, () => committer.durableLsn, isPortable)
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
    return this.#committer.durableLsn
  }

  /** What serves this journal and why, and what opening it has found. */
  get info(): JournalInfo {
    return describe(this.#opened, this.#memory.kernel, this.#zeroAhead, this.#hints, this.#writeback, this.#registered)
  }

  /**
   * What the journal has done since it was opened, as a frozen snapshot: some 25 microseconds, and no I/O. Of a closed journal:
   * what it had done in the end.
   */
  stats(): JournalStats {
    return this.#meter.snapshot({
      zeroAhead: Object.freeze(this.#zeroAhead.written),
      markWrites: this.#opened.mark.writes,
      isPoisoned: this.#committer.failure !== undefined,
    })
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
    if (!this.#life.isOpen) throw this.#life.refusal('append to')
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
    if (!this.#life.isOpen) throw this.#life.refusal('append to')
    const batch = gatherBatch(records, this.#recordBytesMax, this.#opened.path)
    // What gave the records may have closed the journal meanwhile.
    if (!this.#life.isOpen) throw this.#life.refusal('append to')
    this.#checkLimit(batch.frameBytes)
    for (const bytes of batch.records) if (this.#buffer.stage(bytes) === 0) this.#appendSlowly(bytes)
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
    if (this.#isDurable(lsn)) return this.#committer.durable
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
  flush(): Promise<Lsn> {
    return this.#meter.traceFlush(async () => {
      this.#life.checkOpen('flush')
      await this.#committer.write()
      return this.writtenLsn
    })
  }

  /**
   * As `flush`, without letting anything else run in this thread. In direct mode, what is staged shares a sector with a write
   * that is unfinished: that is waited for, or where the engine cannot (`portable`), this throws ERR_FSYS_BUSY.
   */
  flushSync(): Lsn {
    return this.#meter.traceFlushSync(() => {
      this.#life.checkOpen('flush')
      if (this.#writer.mustWait) throw busy(this.#opened.path, 'flush')
      this.#committer.writeSync()
      return this.writtenLsn
    })
  }

  /** As `syncThrough`, without letting anything else run in this thread. ERR_FSYS_BUSY as from `flushSync`. */
  syncThroughSync(lsn: Lsn): DurableLsn {
    if (this.#isDurable(lsn)) return this.#committer.durableLsn
    return this.#meter.traceSync(() => {
      // Somebody who was told of it may have synced it, or closed the journal.
      if (this.#isDurable(lsn)) return this.#committer.durableLsn
      const refusal = this.#refusalToSync(lsn)
      if (refusal !== undefined) throw refusal
      if (this.#writer.mustWait) throw busy(this.#opened.path, 'sync')
      this.#committer.syncSync()
      return this.#committer.durableLsn
    })
  }

  /**
   * Sets blocks of the file aside for `length` bytes (at least 1) from `offset` on, past its end too: the file lies in fewer
   * pieces, and a disk that is too small is found out now. Its size stays.
   * Closing gives back what the records have not reached, unless `keepPreallocated`; an open after a crash may.
   *
   * Resolves to true; to false where there is no such thing (`info.preallocate` says why), with nothing done. Rejects with
   * ERR_FSYS_NO_SPACE or ERR_FSYS_IO, which poisons nothing; with ERR_FSYS_CLOSED or ERR_FSYS_POISONED; with a RangeError or
   * TypeError for what is no range.
   */
  async preallocate(offset: number, length: number): Promise<boolean> {
    this.#life.checkOpen('preallocate space for')
    return this.#writer.track(this.#hints.preallocate(offset, length))
  }

  /** As `preallocate`, without letting anything else run in this thread. */
  preallocateSync(offset: number, length: number): boolean {
    this.#life.checkOpen('preallocate space for')
    return this.#hints.preallocateSync(offset, length)
  }

  /**
   * Tells the system how `length` bytes of the file from `offset` on will be used; a length of 0 reaches to the end. Resolves
   * to false where nobody listens (`info.advise` says why). Changes no content. 'dont-need' is passed on for whole pages that are
   * durable, and leaves out the rest of the range. Rejects as `preallocate` does.
   */
  async advise(offset: number, length: number, advice: Advice): Promise<boolean> {
    this.#life.checkOpen('advise on')
    return this.#writer.track(this.#hints.advise(offset, length, advice))
  }

  /** As `advise`, without letting anything else run in this thread. */
  adviseSync(offset: number, length: number, advice: Advice): boolean {
    this.#life.checkOpen('advise on')
    return this.#hints.adviseSync(offset, length, advice)
  }

  /**
   * Syncs what is staged, settles all who wait, and lets go of the file and its lock. Idempotent. Rejects if the journal is
   * poisoned, or if the last sync fails; everything has been released by then all the same.
   */
  close(): Promise<void> {
    return this.#life.close()
  }

  /**
   * As `close`, without letting anything else run in this thread. While a write or a sync is unfinished, the descriptor and
   * the lock are released only when that has returned, soon after; `close` waits for it. Syncs also where `close` has been
   * called and is still waiting, and in an exit handler that runs behind the journal's own. ERR_FSYS_BUSY as from `flushSync`;
   * then it is still open.
   */
  closeSync(): void {
    this.#life.closeSync()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
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
    const begunAt = this.#meter.now()
    try {
      if (frameBytes > this.#buffer.frameBytesMax) {
        this.#writer.writeOversize(record)
        this.#meter.oversizeMs.record(this.#meter.now() - begunAt)
      } else {
        const isAwaited = this.#groups.phase !== 'idle'
        if (this.#writer.makeRoom(this.#writeFailed, isAwaited))
          this.#meter.fullBufferMs.record(this.#meter.now() - begunAt)
        assert(this.#buffer.stage(record) > 0, 'an empty buffer has no room for a record that is smaller')
      }
    } catch (error) {
      // It may have waited for a group's trip, of which the sync has failed.
      throw this.#committer.poison(error, attemptOf(error))
    }
    return this.nextLsn
  }

  #checkLimit(frameBytes: number): void {
    if (frameBytes > LSN_MAX - this.nextLsn) throw journalTooLarge(this.#opened.path)
  }

  /** False for what is no LSN at all. */
  #isDurable(lsn: Lsn): boolean {
    return lsn <= this.#committer.durableLsn && lsn >= 0 && Number.isSafeInteger(lsn)
  }

  #refusalToSync(lsn: Lsn): Error | undefined {
    return (
      wrongLsn(this.#opened.path, lsn, this.nextLsn) ?? (this.#life.isOpen ? undefined : this.#life.refusal('sync'))
    )
  }

  #tooLarge(length: number): RangeError {
    return recordTooLarge(this.#opened.path, length, this.#recordBytesMax)
  }
}
