import { sharedKernelPool } from '../checksum/kernel-pool.js'
import { errnoOf } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { StorageFile } from '../storage/storage.js'
import { writeWhole } from '../storage/whole.js'
import type { ByteSource } from './source.js'

/** Where the content of a file goes. */
export interface ContentTarget {
  readonly file: StorageFile
  /** Then all whole pages are written through this one. */
  readonly direct?: DirectFile | undefined
}

/** The same file, opened past the page cache. */
export interface DirectFile {
  readonly file: StorageFile
  /** What positions and lengths of writes to it must be multiples of: a power of two. */
  readonly alignmentBytes: number
}

/** What became of it. */
export interface Written {
  readonly bytes: number
  /** Why some of it did not go past the page cache, though it was to. */
  readonly notDirect?: string
}

/**
 * Writes all that a source has, from the beginning of the file on. Memory is bounded: a piece is asked for when the one before
 * is written. Small pieces are gathered. `beforeEach` may throw to end it.
 */
export function* writeContent(target: ContentTarget, source: ByteSource, beforeEach: () => void): Steps<Written> {
  const content = new Content(target)
  try {
    for (;;) {
      beforeEach()
      const piece = yield* call(source, 'next')
      if (piece === undefined) break
      yield* content.take(piece, source.isWhole)
    }
    return yield* content.end()
  } finally {
    content.release()
  }
}

/** In one piece, what is larger than this is not copied first: the call costs more than the copy below it. */
const GATHERED_PIECE_BYTES_MAX = 2 ** 16

/** What small pieces are gathered in, and what is written past the page cache at once: 1 MiB keeps disks busy. */
const GATHER_BYTES = 2 ** 20

/** Past the page cache go whole pages at least, so that none is written in both ways; mostly, sectors are smaller. */
const PAGE_BYTES = 4096

class Content {
  readonly #target: ContentTarget
  #direct: DirectFile | undefined
  #position = 0
  #kernel: ReturnType<typeof sharedKernelPool.acquire> | undefined
  #gathered = 0
  #notDirect: string | undefined

  constructor(target: ContentTarget) {
    this.#target = target
    this.#direct = target.direct
  }

  *take(piece: Uint8Array, isWhole: boolean): Steps<void> {
    const passes = this.#direct === undefined && (isWhole || piece.length > GATHERED_PIECE_BYTES_MAX)
    if (!passes) return yield* this.#gather(piece)
    yield* this.#flush()
    yield* this.#write(piece)
  }

  *end(): Steps<Written> {
    yield* this.#flush()
    return { bytes: this.#position, ...(this.#notDirect !== undefined && { notDirect: this.#notDirect }) }
  }

  release(): void {
    if (this.#kernel !== undefined) sharedKernelPool.release(this.#kernel)
    this.#kernel = undefined
  }

  *#gather(piece: Uint8Array): Steps<void> {
    const { bytes } = (this.#kernel ??= sharedKernelPool.acquire(GATHER_BYTES))
    for (let taken = 0; taken < piece.length;) {
      const count = Math.min(piece.length - taken, bytes.length - this.#gathered)
      bytes.set(piece.subarray(taken, taken + count), this.#gathered)
      this.#gathered += count
      taken += count
      if (this.#gathered === bytes.length) yield* this.#flush()
    }
  }

  *#flush(): Steps<void> {
    const gathered = this.#kernel?.bytes.subarray(0, this.#gathered)
    this.#gathered = 0
    if (gathered === undefined || gathered.length === 0) return
    // Only the last flush can have less than a page at its end.
    const done = this.#direct === undefined ? 0 : yield* this.#writeDirect(this.#direct, gathered)
    if (done < gathered.length) yield* this.#write(gathered.subarray(done))
  }

  *#write(bytes: Uint8Array): Steps<void> {
    yield* writeWhole(this.#target.file, bytes, this.#position)
    this.#position += bytes.length
  }

  /**
   * Writes what is whole, and returns how much that was: nothing, if this cannot be done here. From then on the page cache
   * serves.
   */
  *#writeDirect({ file, alignmentBytes }: DirectFile, bytes: Uint8Array): Steps<number> {
    const length = bytes.length - (bytes.length % Math.max(PAGE_BYTES, alignmentBytes))
    try {
      yield* writeWhole(file, bytes.subarray(0, length), this.#position)
      this.#position += length
      return length
    } catch (error) {
      if (errnoOf(error) !== 'EINVAL') throw error
      this.#direct = undefined
      this.#notDirect = (error as Error).message
      return 0
    }
  }
}
