import { createKernel } from './crc32c.js'
import type { Kernel } from './kernel.js'

/**
 * Keeps kernels for reuse: a WebAssembly memory costs 40 to 60 us, and a process can hold about 13,000 of them. Those that
 * nobody uses are bounded in number and in bytes; beyond that the ones idle for longest are let go.
 */
export class KernelPool {
  readonly #idleCountMax: number
  readonly #idleBytesMax: number
  readonly #offsetCount: number
  readonly #create: typeof createKernel
  /** In the order of their release. */
  readonly #idle = new Set<Kernel>()
  readonly #lent = new WeakSet<Kernel>()
  #idleBytes = 0

  constructor(options: KernelPoolOptions = {}) {
    this.#idleCountMax = options.idleCountMax ?? 16
    this.#idleBytesMax = options.idleBytesMax ?? 64 * 2 ** 20
    this.#offsetCount = options.offsetCount ?? 16384
    this.#create = options.create ?? createKernel
  }

  /** A kernel with an area of just so many bytes. What is in the area is left over from someone else. */
  acquire(areaBytes: number): Kernel {
    const kernel = this.#takeIdle(areaBytes) ?? this.#create(areaBytes, this.#offsetCount)
    this.#lent.add(kernel)
    return kernel
  }

  /**
   * Takes a kernel back. Whoever released it must not touch it again, nor may an unfinished write still read from it.
   * Throws if it is not lent: two owners of one memory would destroy each other's records.
   */
  release(kernel: Kernel): void {
    if (!this.#lent.delete(kernel)) throw new Error('cannot release a kernel that this pool has not lent')
    // A plain one is a stopgap: next time there may be a better one.
    if (kernel.engine === 'plain') return
    this.#idle.add(kernel)
    this.#idleBytes += kernel.bytes.length
    for (const oldest of this.#idle) {
      if (this.#idle.size <= this.#idleCountMax && this.#idleBytes <= this.#idleBytesMax) break
      this.#remove(oldest)
    }
  }

  /** The one released last: its memory is the warmest. */
  #takeIdle(areaBytes: number): Kernel | undefined {
    let found: Kernel | undefined
    for (const kernel of this.#idle) if (kernel.bytes.length === areaBytes) found = kernel
    if (found !== undefined) this.#remove(found)
    return found
  }

  #remove(kernel: Kernel): void {
    this.#idle.delete(kernel)
    this.#idleBytes -= kernel.bytes.length
  }
}

export interface KernelPoolOptions {
  /** How many idle kernels are kept. Default 16. */
  idleCountMax?: number
  /** How many bytes the areas of idle kernels may have in all. Default 64 MiB. */
  idleBytesMax?: number
  /** How many frames a `scan` of these kernels can find. Default 16384. */
  offsetCount?: number
  /** What makes a kernel. Default `createKernel`. */
  create?: typeof createKernel
}

/** The pool that is used unless another is given; each thread has one. */
export const sharedKernelPool: KernelPool = new KernelPool()
