import { resolve } from 'node:path'

import type { Kernel } from '../checksum/kernel.js'
import { type ErrorCode, FsysError, invalidArgument, storageFailure } from '../errors.js'
import { CHECKSUM_BYTES, HEADER_BYTES, type TailState } from '../frame/frame.js'
import { type Lsn, asLsn } from '../lsn.js'
import { type Steps, run, runSync } from '../storage/steps.js'
import type { Advice, Storage, StorageFile } from '../storage/storage.js'
import { CHUNK_BYTES, FrameCursor, readFrame } from './frame-cursor.js'
import { readGapLimit } from './mark.js'
import { type ReaderOptions, type Settled, settlePath, settleReaderOptions } from './options.js'
import { ReadAhead } from './read-ahead.js'
import { readFailure, readRefusal, tooLargeToRead } from './reader-errors.js'
import { Batch, type RecordBatch } from './record-batch.js'
import { checkAdvice } from './space-hints.js'

/** One record of a journal. */
export interface JournalRecord {
  /** Where its frame begins. */
  readonly lsn: Lsn
  /** What `append` returned for it, and where the next frame begins. */
  readonly endLsn: Lsn
  /**
   * The record. Never reused: a view on a chunk of up to 1 MiB, which it keeps alive, so copy what you keep for long.
   */
  readonly payload: Buffer
}

/**
 * What `scan` calls for each record: its payload is `buffer.subarray(start, end)`, valid only during the call. Returning
 * false ends the scan behind this record.
 */
export type ScanCallback = (buffer: Buffer, start: number, end: number, lsn: Lsn) => boolean | void

/**
 * Opens a journal for reading, whether or not somebody writes to it. Blocks for an open and an fstat only.
 *
 * Throws a FsysError of code ERR_FSYS_NOT_FOUND, ERR_FSYS_NOT_A_FILE, ERR_FSYS_ACCESS or ERR_FSYS_IO; a TypeError or
 * RangeError for bad options.
 */
export function openReader(path: string | URL, options?: ReaderOptions): JournalReader {
  const settled = settleReaderOptions(options)
  const name = settlePath(path)
  const { storage } = settled
  const attempt = `cannot open journal ${JSON.stringify(name)} for reading`
  try {
    requireFile(storage, name, attempt)
    const file = storage.openSync(name, 'read')
    try {
      return new JournalReader(name, file, file.statSync().size, settled)
    } catch (error) {
      file.closeSync()
      throw error
    }
  } catch (error) {
    throw storageFailure(error, attempt, { path: name })
  }
}

/** Opening a pipe would wait for somebody to write to it. */
function requireFile(storage: Storage, path: string, attempt: string): void {
  const facts = storage.statSync(path)
  if (facts !== undefined && !facts.isFile) {
    throw new FsysError('ERR_FSYS_NOT_A_FILE', `${attempt}: it is not a regular file`, { path })
  }
}

/**
 * Reads a journal from one LSN forward, in LSN order. It sees what has been written, confirmed or not, up to the size that
 * the file had when it was opened or last refreshed.
 *
 * All ways of reading move the same `position`: leave a loop, and another goes on behind the last record that it was
 * given. When there are no more, `tailState` says what stands there; that is no error. Reading fails with a FsysError of code
 * ERR_FSYS_IO when the disk does, ERR_FSYS_RECORD_TOO_LARGE for a valid record over the limit, ERR_FSYS_CLOSED, and
 * ERR_FSYS_BUSY when a read of the same reader is under way.
 */
export class JournalReader implements Disposable {
  readonly #path: string
  /** The process may change its directory. */
  readonly #absolutePath: string
  readonly #file: StorageFile
  readonly #options: Settled<ReaderOptions>
  readonly #kernel: Kernel
  readonly #ahead: ReadAhead
  readonly #cursor: FrameCursor
  #isClosed = false
  /** A read is under way, into the kernel's memory. */
  #isBusy = false
  /** How many advices are under way. */
  #advising = 0
  /** Behind the last record that was given out. The cursor is ahead of it, by up to a batch. */
  #position = 0

  constructor(path: string, file: StorageFile, fileSize: number, options: Settled<ReaderOptions>) {
    this.#path = path
    this.#absolutePath = resolve(path)
    this.#file = file
    this.#options = options
    this.#kernel = options.memory.acquire(CHUNK_BYTES)
    this.#ahead = new ReadAhead(file, options.memory, this.#kernel.bytes.length, () => this.#releaseUnused())
    this.#cursor = new FrameCursor(file, this.#kernel, {
      from: 0,
      fileSize,
      skipGapsBelow: () => readGapLimit(options.storage, this.#absolutePath, file, options.gaps === 'skip'),
      wantsLargePayloads: true,
      payloadBytesMax: options.recordBytesMax,
      tooLarge: this.#tooLarge,
      ahead: this.#ahead,
    })
  }

  /** Where the next record is read. */
  get position(): Lsn {
    return this.#position as Lsn
  }

  /** The size of the file, in bytes, when it was opened or last refreshed. */
  get fileSize(): number {
    return this.#cursor.fileSize
  }

  /** Why reading has ended at `position`; undefined until it has. */
  get tailState(): TailState | undefined {
    return this.#position === this.#cursor.position ? this.#cursor.tailState : undefined
  }

  /** How many zero gaps of older direct-mode writers were skipped. */
  get gapCount(): number {
    return this.#cursor.gapCount
  }

  /** The zeros at `position` look like such a gap, not like a torn tail. */
  get gapSuspected(): boolean {
    return this.tailState !== undefined && this.#cursor.isGapSuspected
  }

  /** Takes note of what was appended since, and forgets the tail state. Blocks for an fstat. */
  refresh(): void {
    this.#check()
    let size: number
    try {
      size = this.#file.statSync().size
    } catch (error) {
      throw this.#failure(error)
    }
    this.#cursor.restart(this.#position, size)
  }

  /** Goes on at `lsn`, which must be where a frame begins: elsewhere, reading ends there at once. */
  seek(lsn: Lsn): void {
    this.#check()
    this.#position = asLsn(lsn)
    this.#cursor.restart(lsn, this.#cursor.fileSize)
  }

  /** The record whose frame begins at `lsn`. Throws ERR_FSYS_NO_RECORD if there is none. Moves nothing; blocks. */
  readAt(lsn: Lsn): JournalRecord {
    this.#checkOpen()
    const { memory, recordBytesMax } = this.#options
    let frame: Buffer | TailState
    try {
      frame = runSync(readFrame(this.#file, memory, asLsn(lsn), this.fileSize, recordBytesMax, this.#tooLarge))
    } catch (error) {
      throw this.#failure(error)
    }
    if (typeof frame !== 'string') {
      const endLsn = (lsn + frame.length) as Lsn
      return { lsn, endLsn, payload: frame.subarray(HEADER_BYTES, -CHECKSUM_BYTES) }
    }
    const path = this.#path
    throw new FsysError('ERR_FSYS_NO_RECORD', `no record of ${JSON.stringify(path)} begins at LSN ${lsn}: ${frame}`, {
      path,
      lsn,
      tailState: frame,
    })
  }

  /** The records, one by one. The comfortable way. */
  *[Symbol.iterator](): Generator<JournalRecord, void, undefined> {
    for (;;) {
      const batch = runSync(this.#nextBatch())
      if (batch === undefined) return
      yield* this.#records(batch)
    }
  }

  /** The records, one by one, reading without blocking. */
  async *[Symbol.asyncIterator](): AsyncGenerator<JournalRecord, void, undefined> {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop
      const batch = await run(this.#nextBatch())
      if (batch === undefined) return
      yield* this.#records(batch)
    }
  }

  /** The records, up to a megabyte of them at a time, reading without blocking. The fast way that does not block. */
  async *batches(): AsyncGenerator<RecordBatch, void, undefined> {
    for (;;) {
      // oxlint-disable-next-line no-await-in-loop
      const batch = await run(this.#nextBatch())
      if (batch === undefined) return
      this.#position = batch.endLsn
      yield batch
    }
  }

  /**
   * Calls back for each record, blocking. The fastest way. Returns how many records it was called for. The callback may use
   * `readAt`; anything else that reads is ERR_FSYS_BUSY in it, and `close` takes effect behind the batch that it is called for.
   */
  scan(callback: ScanCallback): number {
    if (typeof callback !== 'function') throw invalidArgument('scan must be given a function')
    this.#catchUp()
    // The callback looks at the kernel's own memory: nothing else may be read into it, and nobody else may get it.
    this.#isBusy = true
    try {
      return this.#scan(callback)
    } finally {
      this.#endRead()
    }
  }

  #scan(callback: ScanCallback): number {
    const cursor = this.#cursor
    let scanned = 0
    while (runSync(this.#step())) {
      const { large } = cursor
      if (large !== undefined) {
        this.#position = large.endLsn
        scanned++
        const { frame, lsn } = large
        if (callback(frame, HEADER_BYTES, frame.length - CHECKSUM_BYTES, lsn as Lsn) === false) return scanned
        this.#checkOpen()
        continue
      }
      const { bytes, offsets, count, lsnOffset } = cursor
      let start = offsets[0] as number
      // The callback may throw: the position is then behind the record that it was called for.
      try {
        for (let index = 1; index <= count; index++) {
          const end = offsets[index] as number
          const lsn = (lsnOffset + start) as Lsn
          const payloadStart = start + HEADER_BYTES
          start = end
          scanned++
          if (callback(bytes, payloadStart, end - CHECKSUM_BYTES, lsn) === false) return scanned
        }
      } finally {
        this.#position = lsnOffset + start
      }
      this.#checkOpen()
    }
    return scanned
  }

  /**
   * Tells the system how `length` bytes of the file from `offset` on will be used; a length of 0 reaches to the end. Resolves
   * to false where nobody listens: without the native addon. Rejects with ERR_FSYS_IO, ERR_FSYS_CLOSED, or a RangeError or
   * TypeError for what is no advice on a range.
   *
   * A reader does not know what is durable: 'dont-need' has the system begin to write what its writer has not synced yet, too.
   */
  async advise(offset: number, length: number, advice: Advice): Promise<boolean> {
    this.#checkOpen()
    checkAdvice(offset, length, advice)
    this.#advising++
    try {
      return await this.#file.advise(offset, length, advice)
    } catch (error) {
      throw this.#failure(error)
    } finally {
      this.#advising--
      this.#releaseUnused()
    }
  }

  /** As `advise`, without letting anything else run in this thread. */
  adviseSync(offset: number, length: number, advice: Advice): boolean {
    this.#checkOpen()
    checkAdvice(offset, length, advice)
    try {
      return this.#file.adviseSync(offset, length, advice)
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /**
   * Lets go of the file. Idempotent. A read that is under way goes to its end first, and is then refused; the waiting ways of
   * reading read one chunk ahead.
   */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#releaseUnused()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** When it is closed, and nothing works on its file and its memory any more. */
  #releaseUnused(): void {
    if (!this.#isClosed || this.#isBusy || this.#ahead.isBusy || this.#advising > 0) return
    this.#ahead.release()
    this.#options.memory.release(this.#kernel)
    try {
      this.#file.closeSync()
    } catch {
      // Nothing that was read is less true for a descriptor that will not close.
    }
  }

  *#records(batch: RecordBatch): Generator<JournalRecord, void, undefined> {
    const { bytes, offsets, count, lsn: first } = batch
    for (let index = 0; index < count; index++) {
      const start = offsets[index] as number
      const end = offsets[index + 1] as number
      const endLsn = (first + end) as Lsn
      this.#position = endLsn
      yield {
        lsn: (first + start) as Lsn,
        endLsn,
        payload: bytes.subarray(start + HEADER_BYTES, end - CHECKSUM_BYTES),
      }
      // Somebody has moved the reader meanwhile: what is left of this batch is not what comes next.
      if (this.#position !== endLsn) return
    }
  }

  *#nextBatch(): Steps<RecordBatch | undefined> {
    this.#catchUp()
    if (!(yield* this.#advance())) return undefined
    const { large, bytes, offsets, count, lsnOffset } = this.#cursor
    if (large !== undefined) return new Batch(large.frame, Int32Array.of(0, large.frame.length), large.lsn as Lsn)
    // A copy, so that it is never reused: the cursor's memory is filled again.
    const start = offsets[0] as number
    const copy = Buffer.allocUnsafeSlow((offsets[count] as number) - start)
    copy.set(bytes.subarray(start, offsets[count]))
    const copiedOffsets = offsets.slice(0, count + 1)
    for (let index = 0; index <= count; index++) copiedOffsets[index] = (copiedOffsets[index] as number) - start
    return new Batch(copy, copiedOffsets, (lsnOffset + start) as Lsn)
  }

  *#advance(): Steps<boolean> {
    this.#check()
    this.#isBusy = true
    try {
      return yield* this.#step()
    } finally {
      this.#endRead()
    }
  }

  *#step(): Steps<boolean> {
    try {
      return yield* this.#cursor.advance()
    } catch (error) {
      // It may have stopped in the middle of a zero run: what stands behind that must not be taken for the continuation.
      this.#cursor.restart(this.#position, this.#cursor.fileSize)
      throw this.#failure(error)
    }
  }

  #endRead(): void {
    this.#isBusy = false
    this.#releaseUnused()
  }

  /** A loop was left in the middle of a batch: what it was not given is read again. */
  #catchUp(): void {
    this.#check()
    const { position, fileSize } = this.#cursor
    if (position !== this.#position) this.#cursor.restart(this.#position, fileSize)
  }

  #check(): void {
    this.#checkOpen()
    if (this.#isBusy) throw this.#refusal('ERR_FSYS_BUSY', 'another read of this reader is under way')
  }

  #checkOpen(): void {
    if (this.#isClosed) throw this.#refusal('ERR_FSYS_CLOSED', 'the reader is closed')
  }

  #refusal(code: ErrorCode, reason: string): FsysError {
    return readRefusal(this.#path, code, reason)
  }

  #failure(error: unknown): unknown {
    return readFailure(this.#path, error)
  }

  readonly #tooLarge = (lsn: number, payloadBytes: number): FsysError =>
    tooLargeToRead(this.#path, lsn, payloadBytes, this.#options.recordBytesMax)
}
