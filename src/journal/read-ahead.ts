import type { KernelPool } from '../checksum/kernel-pool.js'
import type { Kernel } from '../checksum/kernel.js'
import { call, run, type Steps } from '../storage/steps.js'
import type { StorageFile } from '../storage/storage.js'
import { readWhole } from '../storage/whole.js'

/** What was read ahead, behind the rest of what stood in front of it. */
export interface ChunkAhead {
  readonly kernel: Kernel
  readonly start: number
  readonly end: number
  /** The file ends sooner than was thought. */
  readonly isShort: boolean
}

/**
 * Reads the next chunk of a file while somebody consumes the one before it. It has two kernels, of which one is being
 * consumed and the other filled; each has room in front of a chunk for the rest of the one before it, so that nothing else
 * is copied.
 *
 * ```text
 *   consumed     |         rest|#############>>>>|          the next rest: >>>>
 *   filled       |         >>>>|.................|
 *                0         headBytes             2 * headBytes
 * ```
 *
 * Memory into which is being read, and the file, must stay: nothing is given back while it `isBusy`.
 */
export class ReadAhead {
  readonly #file: StorageFile
  readonly #memory: KernelPool
  readonly #headBytes: number
  readonly #onIdle: () => void
  #kernels: readonly [Kernel, Kernel] | undefined
  #reading: Reading | undefined

  /** `headBytes` is the length of a chunk, and of what may stand in front of it. `onIdle` is called when a read has ended. */
  constructor(file: StorageFile, memory: KernelPool, headBytes: number, onIdle: () => void) {
    this.#file = file
    this.#memory = memory
    this.#headBytes = headBytes
    this.#onIdle = onIdle
  }

  /** A read is under way. */
  get isBusy(): boolean {
    return this.#reading?.isOver === false
  }

  /** Begins to read from there on, unless a read is under way, into memory other than what is being consumed. */
  begin(from: number, fileSize: number, consumed: Kernel): void {
    if (this.isBusy || from >= fileSize) return
    const kernel = this.#kernelBeside(consumed)
    const length = Math.min(this.#headBytes, fileSize - from)
    const target = kernel.bytes.subarray(this.#headBytes, this.#headBytes + length)
    this.#reading = new Reading(from, length, kernel, run(readWhole(this.#file, target, from)), this.#onIdle)
  }

  /** What stands from `from` on, behind `rest`; undefined if that is not what was read ahead. Only for work that waits. */
  *take(from: number, rest: Buffer): Steps<ChunkAhead | undefined> {
    const reading = this.#reading
    if (reading === undefined || reading.from !== from) return undefined
    const { kernel, length } = reading
    let count: number
    try {
      count = yield* call(reading, 'end')
    } finally {
      this.#reading = undefined
    }
    const start = this.#headBytes - rest.length
    rest.copy(kernel.bytes, start)
    return { kernel, start, end: this.#headBytes + count, isShort: count < length }
  }

  /** The file may have changed: what was read ahead is not to be used. */
  forget(): void {
    this.#reading?.spoil()
  }

  /** Gives the memory back. Not while it is busy, or consumed. */
  release(): void {
    for (const kernel of this.#kernels ?? []) this.#memory.release(kernel)
    this.#kernels = undefined
    this.#reading = undefined
  }

  #kernelBeside(consumed: Kernel): Kernel {
    this.#kernels ??= [this.#memory.acquire(2 * this.#headBytes), this.#memory.acquire(2 * this.#headBytes)]
    const [first, second] = this.#kernels
    return consumed === first ? second : first
  }
}

class Reading {
  /** NaN, which is no position, if it is not to be used. */
  from: number
  readonly length: number
  readonly kernel: Kernel
  readonly #reading: Promise<number>
  isOver = false

  constructor(from: number, length: number, kernel: Kernel, reading: Promise<number>, onIdle: () => void) {
    this.from = from
    this.length = length
    this.kernel = kernel
    this.#reading = reading
    // A failure is for whoever takes it, if anybody does.
    const end = (): void => {
      this.isOver = true
      onIdle()
    }
    reading.then(end, end)
  }

  spoil(): void {
    this.from = Number.NaN
  }

  end(): Promise<number> {
    return this.#reading
  }

  endSync(): never {
    throw new Error('fsys is broken, please report it: a call that blocks waits for what is read ahead')
  }
}
