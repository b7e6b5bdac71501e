import { createKernel } from '#src/checksum/crc32c.js'
import { KernelPool } from '#src/checksum/kernel-pool.js'
import type { ChecksumEngine, Kernel } from '#src/checksum/kernel.js'
import { CHUNK_BYTES } from '#src/journal/frame-cursor.js'
import type { Random } from '#src/storage/sim/random.js'

import { MAGIC } from './sketch.js'

/**
 * Gives readers and recovery chunks of a few bytes in place of their megabyte, so that frames straddle the borders of
 * chunks in small files too; and room for a few frames only. Each kernel is made once and used again and again.
 */
export class SmallKernels extends KernelPool {
  readonly #chunkBytes: number
  readonly #offsetCount: number
  readonly #engine: ChecksumEngine
  readonly #idle: Kernel[] = []
  /** Two chunks long: for what is read ahead. */
  readonly #idleLong: Kernel[] = []
  /** How many are in use. */
  lent = 0

  constructor(chunkBytes: number, offsetCount: number, engine: ChecksumEngine) {
    super()
    this.#chunkBytes = chunkBytes
    this.#offsetCount = offsetCount
    this.#engine = engine
  }

  override acquire(areaBytes: number): Kernel {
    this.lent++
    const isLong = areaBytes === 2 * this.#chunkBytes
    if (areaBytes !== CHUNK_BYTES && !isLong) return super.acquire(areaBytes)
    const bytes = isLong ? areaBytes : this.#chunkBytes
    const kernel = (isLong ? this.#idleLong : this.#idle).pop() ?? createKernel(bytes, this.#offsetCount, this.#engine)
    // What is left over from an earlier use must not matter: here it is what does the most harm, and always the same.
    kernel.bytes.fill(MAGIC)
    return kernel
  }

  override release(kernel: Kernel): void {
    this.lent--
    if (kernel.bytes.length === this.#chunkBytes) this.#idle.push(kernel)
    else if (kernel.bytes.length === 2 * this.#chunkBytes) this.#idleLong.push(kernel)
    else super.release(kernel)
  }
}

/** The smallest holds two headers. 8192 is the size of a journal's log memory, and would be taken for one. */
const CHUNK_SIZES: readonly number[] = [16, 25, 64, 100, 256, 511, 512, 1000, 4096]

const OFFSET_COUNTS: readonly number[] = [1, 2, 3, 4096]
const ENGINES: readonly ChecksumEngine[] = ['wasm-simd', 'wasm', 'plain']

/** One pool for each size and number of offsets; the engines take turns. */
const POOLS: readonly SmallKernels[] = CHUNK_SIZES.flatMap((chunkBytes, size) =>
  OFFSET_COUNTS.map(
    (offsetCount, index) => new SmallKernels(chunkBytes, offsetCount, ENGINES[(size + index) % 3] as ChecksumEngine),
  ),
)

/** One of them; seldom one of the smallest, with which everything takes many steps. */
export function smallKernels(random: Random): SmallKernels {
  const pool = POOLS[Math.max(random.below(POOLS.length), random.below(POOLS.length))] as SmallKernels
  // A case that fails leaves some behind.
  pool.lent = 0
  return pool
}
