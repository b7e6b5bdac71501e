import type { KernelPool } from '../checksum/kernel-pool.js'
import type { Kernel } from '../checksum/kernel.js'
import {
  CHECKSUM_BYTES,
  FRAME_OVERHEAD_BYTES,
  HEADER_BYTES,
  MAGIC_BYTES,
  PAYLOAD_BYTES_MAX,
  type TailState,
  judgeHeader,
  payloadBytesOf,
} from '../frame/frame.js'
import { isWaiting, type Steps } from '../storage/steps.js'
import type { StorageFile } from '../storage/storage.js'
import { readWhole } from '../storage/whole.js'
import type { ReadAhead } from './read-ahead.js'

/** 1 MiB: 64 KiB and 4 MiB are both slower to replay from. */
export const CHUNK_BYTES: number = 2 ** 20

/** Gaps of older direct-mode writers end where a sector of any device does, and are no longer than their buffers were. */
const GAP_MULTIPLE_BYTES = 512
const GAP_BYTES_MAX = 64 * 2 ** 20

export interface FrameCursorOptions {
  /** The frame position to begin at. */
  readonly from: number
  readonly fileSize: number
  /** Zero gaps that begin below this LSN are skipped, if a valid frame follows; others are a tail. */
  readonly skipGapsBelow: number | (() => Steps<number>)
  /** Give the payloads of frames that are longer than a chunk, in memory of their own. Otherwise they are only checked. */
  readonly wantsLargePayloads: boolean
  /** A valid frame with a larger payload than this is refused: what to throw is made from its LSN and its size. */
  readonly payloadBytesMax?: number
  readonly tooLarge?: (lsn: number, payloadBytes: number) => Error
  /** Reads the next chunk meanwhile, where `advance` waits. */
  readonly ahead?: ReadAhead
}

/** A valid frame that is longer than a chunk. */
export interface LargeFrame {
  readonly lsn: number
  readonly endLsn: number
  /** The frame in memory of its own; empty unless payloads were wanted. */
  readonly frame: Buffer
}

/**
 * Walks the frames of a file, a chunk at a time, and judges what stands where they end. It holds one chunk; it never
 * believes a length before the frame has been checked.
 *
 * After `advance` has answered true there is either a batch (`count` frames in `bytes`, at `offsets`) or one `large` frame.
 */
export class FrameCursor {
  readonly #file: StorageFile
  /** What large frames are checked with, and chunks read into, unless they are read ahead. */
  readonly #kernel: Kernel
  /** Where the chunk is. */
  #current: Kernel
  readonly #options: FrameCursorOptions
  #fileSize: number
  /** The end of the last valid frame. */
  #position: number
  /** What is added to an address in memory to get a position in the file. */
  #chunkLsn: number
  /** In memory: bytes up to `#filled`, of which those below `#next` have been walked. */
  #filled = 0
  #next = 0
  /** The start of a gap behind which no valid frame has been seen yet. */
  #gapStart: number | undefined

  /** How many frames the batch holds; frame i stands in `bytes` from `offsets[i]` to `offsets[i + 1]`. */
  count = 0
  large: LargeFrame | undefined
  tailState: TailState | undefined
  /** How many zero gaps were skipped. */
  gapCount = 0
  /** The zeros that ended the walk look like a gap. */
  isGapSuspected = false

  constructor(file: StorageFile, kernel: Kernel, options: FrameCursorOptions) {
    this.#file = file
    this.#kernel = kernel
    this.#current = kernel
    this.#options = options
    this.#fileSize = options.fileSize
    this.#position = options.from
    this.#chunkLsn = options.from
  }

  get position(): number {
    return this.#position
  }

  get fileSize(): number {
    return this.#fileSize
  }

  get bytes(): Buffer {
    return this.#current.bytes
  }

  get offsets(): Int32Array {
    return this.#current.offsets
  }

  /** What is added to an address in `bytes` to get an LSN. Holds for the batch. */
  get lsnOffset(): number {
    return this.#chunkLsn
  }

  /** Goes on at `position` with a file of this size, and looks at everything from there on anew. */
  restart(position: number, fileSize: number): void {
    this.#position = position
    this.#fileSize = fileSize
    this.#forget(position)
    this.#options.ahead?.forget()
    this.#gapStart = undefined
    this.count = 0
    this.large = undefined
    this.tailState = undefined
    this.isGapSuspected = false
  }

  /** The next batch or large frame. False if there is none: then `tailState` says what stands at `position`. */
  *advance(): Steps<boolean> {
    this.count = 0
    this.large = undefined
    while (this.tailState === undefined) {
      if (this.#next < this.#filled) {
        const count = this.#current.scan(this.#next, this.#filled)
        if (count > 0) {
          this.count = count
          this.#next = this.offsets[count] as number
          this.#moveTo(this.#chunkLsn + this.#next)
          return true
        }
      }
      if (yield* this.#judge()) return true
    }
    return false
  }

  /** No whole, valid frame stands in memory: finds out why, and reads on if that may help. True for a large frame. */
  *#judge(): Steps<boolean> {
    const position = this.#chunkLsn + this.#next
    const remaining = this.#fileSize - position
    if (this.#filled - this.#next < Math.min(HEADER_BYTES, remaining)) {
      yield* this.#readOn()
      return false
    }
    const head = this.bytes.subarray(this.#next, Math.min(this.#next + HEADER_BYTES, this.#filled))
    const verdict = judgeHeader(head, position, Math.max(remaining, 0))
    if (verdict === 'zero') {
      yield* this.#crossZeros(position)
    } else if (verdict === 'frame') {
      const frameBytes = payloadBytesOf(head) + FRAME_OVERHEAD_BYTES
      if (frameBytes <= this.#filled - this.#next) this.#end('checksum-mismatch')
      else if (frameBytes <= this.#kernel.bytes.length) yield* this.#readOn()
      else return yield* this.#checkLarge(position, frameBytes)
    } else {
      this.#end(verdict)
    }
    return false
  }

  /** Keeps what has not been walked, and reads what follows it. */
  *#readOn(): Steps<void> {
    const ahead = isWaiting() ? this.#options.ahead : undefined
    const isThere = ahead !== undefined && (yield* this.#takeAhead(ahead))
    if (!isThere) yield* this.#fill()
    ahead?.begin(this.#chunkLsn + this.#filled, this.#fileSize, this.#current)
  }

  /** Goes on in the chunk that was read ahead. False if that is another one. */
  *#takeAhead(ahead: ReadAhead): Steps<boolean> {
    const from = this.#chunkLsn + this.#filled
    const chunk = yield* ahead.take(from, this.bytes.subarray(this.#next, this.#filled))
    if (chunk === undefined) return false
    const position = this.#chunkLsn + this.#next
    this.#current = chunk.kernel
    this.#next = chunk.start
    this.#filled = chunk.end
    this.#chunkLsn = position - chunk.start
    if (chunk.isShort) this.#fileSize = this.#chunkLsn + chunk.end
    return true
  }

  /** Fills the rest of the memory. */
  *#fill(): Steps<void> {
    this.bytes.copyWithin(0, this.#next, this.#filled)
    this.#chunkLsn += this.#next
    this.#filled -= this.#next
    this.#next = 0
    const from = this.#chunkLsn + this.#filled
    const wanted = Math.min(this.#kernel.bytes.length - this.#filled, this.#fileSize - from)
    const count = yield* readWhole(this.#file, this.bytes.subarray(this.#filled, this.#filled + wanted), from)
    this.#filled += count
    // Somebody has made the file shorter since its size was asked for.
    if (count < wanted) this.#fileSize = from + count
  }

  /** Where a run of zeros ends decides what it is (FORMAT.md, "Zero runs"). */
  *#crossZeros(start: number): Steps<void> {
    for (;;) {
      this.#next = findNonZero(this.bytes, this.#next, this.#filled)
      if (this.#next + MAGIC_BYTES.length <= this.#filled) break
      const isAllRead = this.#chunkLsn + this.#filled >= this.#fileSize
      if (isAllRead) break
      yield* this.#readOn()
    }
    const end = this.#chunkLsn + this.#next
    if (this.#next === this.#filled) {
      this.#end('clean-end')
      return
    }
    // What stands in memory behind `#filled` is left over from something else.
    const head = this.bytes.subarray(this.#next, Math.min(this.#next + MAGIC_BYTES.length, this.#filled))
    const isGap = end % GAP_MULTIPLE_BYTES === 0 && end - start <= GAP_BYTES_MAX && head.equals(MAGIC_BYTES)
    if (isGap && this.#gapStart === undefined && start < (yield* this.#skipGapsBelow())) {
      this.#gapStart = start
    } else {
      this.isGapSuspected = isGap
      this.#end('truncated-header')
    }
  }

  /** Asked for when there is a gap: to know it may take reading another file. */
  *#skipGapsBelow(): Steps<number> {
    const { skipGapsBelow } = this.#options
    return typeof skipGapsBelow === 'number' ? skipGapsBelow : yield* skipGapsBelow()
  }

  /** Checksums a frame that is longer than the memory, in pieces, before anything is made of its length. */
  *#checkLarge(lsn: number, frameBytes: number): Steps<boolean> {
    const { wantsLargePayloads, payloadBytesMax = PAYLOAD_BYTES_MAX, tooLarge } = this.#options
    if (!(yield* this.#isWhole(lsn, frameBytes))) return false
    const payloadBytes = frameBytes - FRAME_OVERHEAD_BYTES
    if (payloadBytes > payloadBytesMax && tooLarge !== undefined) throw tooLarge(lsn, payloadBytes)
    let frame = EMPTY
    if (wantsLargePayloads) {
      frame = Buffer.allocUnsafeSlow(frameBytes)
      // Read again, and so checked again.
      if (!(yield* this.#isWhole(lsn, frameBytes, frame))) return false
    }
    this.large = { lsn, endLsn: lsn + frameBytes, frame }
    this.#forget(lsn + frameBytes)
    this.#moveTo(lsn + frameBytes)
    return true
  }

  /** Checks a frame that is not in memory, and ends the walk if it is not valid. */
  *#isWhole(lsn: number, frameBytes: number, target?: Buffer): Steps<boolean> {
    this.#forget(lsn)
    const checked = yield* checkFrame(this.#file, this.#kernel, lsn, frameBytes, target)
    if (checked === 'valid') return true
    if (checked !== 'invalid') this.#fileSize = checked.fileSize
    this.#end(checked === 'invalid' ? 'checksum-mismatch' : 'truncated-payload')
    return false
  }

  #moveTo(position: number): void {
    this.#position = position
    if (this.#gapStart !== undefined) {
      this.#gapStart = undefined
      this.gapCount++
    }
  }

  /** A gap that no valid frame follows belongs to the tail. */
  #end(state: TailState): void {
    if (this.#gapStart === undefined) {
      this.tailState = state
    } else {
      this.#gapStart = undefined
      this.isGapSuspected = true
      this.tailState = 'truncated-header'
    }
  }

  #forget(position: number): void {
    this.#chunkLsn = position
    this.#filled = 0
    this.#next = 0
  }
}

/**
 * Checks the checksum of one frame of any size, reading it in pieces through the kernel's memory, and all of it into
 * `target` if one is given. Says how long the file is if it is too short for the frame.
 */
export function* checkFrame(
  file: StorageFile,
  kernel: Kernel,
  lsn: number,
  frameBytes: number,
  target?: Buffer,
): Steps<'valid' | 'invalid' | { readonly fileSize: number }> {
  const summedBytes = frameBytes - CHECKSUM_BYTES
  let checksum = 0
  for (let done = 0; done < summedBytes;) {
    const piece = kernel.bytes.subarray(0, Math.min(kernel.bytes.length, summedBytes - done))
    const count = yield* readWhole(file, piece, lsn + done)
    if (count < piece.length) return { fileSize: lsn + done + count }
    checksum = kernel.checksum(checksum, 0, count)
    if (target !== undefined) piece.copy(target, done)
    done += count
  }
  const stored = kernel.bytes.subarray(0, CHECKSUM_BYTES)
  const count = yield* readWhole(file, stored, lsn + summedBytes)
  if (count < CHECKSUM_BYTES) return { fileSize: lsn + summedBytes + count }
  if (target !== undefined) stored.copy(target, summedBytes)
  return stored.readUInt32LE(0) === checksum ? 'valid' : 'invalid'
}

/**
 * The one frame that begins at `lsn`, in memory of its own; or why there is none. What is longer than a chunk is checked
 * before memory is taken for it.
 */
export function* readFrame(
  file: StorageFile,
  memory: KernelPool,
  lsn: number,
  fileSize: number,
  payloadBytesMax: number,
  tooLarge: (lsn: number, payloadBytes: number) => Error,
): Steps<Buffer | TailState> {
  const head = Buffer.alloc(HEADER_BYTES)
  const headBytes = yield* readWhole(file, head, lsn)
  const verdict = judgeHeader(head.subarray(0, headBytes), lsn, Math.max(fileSize - lsn, 0))
  if (verdict !== 'frame') return verdict === 'zero' ? 'truncated-header' : verdict
  const payloadBytes = payloadBytesOf(head)
  const frameBytes = payloadBytes + FRAME_OVERHEAD_BYTES
  const kernel = memory.acquire(CHUNK_BYTES)
  try {
    if (frameBytes > CHUNK_BYTES) {
      if ((yield* checkFrame(file, kernel, lsn, frameBytes)) !== 'valid') return 'checksum-mismatch'
      if (payloadBytes > payloadBytesMax) throw tooLarge(lsn, payloadBytes)
    }
    const frame = Buffer.allocUnsafeSlow(frameBytes)
    return (yield* checkFrame(file, kernel, lsn, frameBytes, frame)) === 'valid' ? frame : 'checksum-mismatch'
  } finally {
    memory.release(kernel)
  }
}

const EMPTY = Buffer.alloc(0)
const ZEROS = Buffer.alloc(4096)

/** Where the first byte that is not zero stands, or `end`. */
export function findNonZero(bytes: Buffer, start: number, end: number): number {
  let position = start
  while (
    position + ZEROS.length <= end &&
    bytes.compare(ZEROS, 0, ZEROS.length, position, position + ZEROS.length) === 0
  ) {
    position += ZEROS.length
  }
  while (position < end && bytes[position] === 0) position++
  return position
}
