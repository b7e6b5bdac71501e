import type { KernelPool } from '../checksum/kernel-pool.js'
import type { Kernel } from '../checksum/kernel.js'
import type { JournalOptions, Settled } from './options.js'

/** The memory of a journal, aligned to pages: two slots for records, and what writes past the page cache need besides. */
export class LogMemory {
  readonly kernel: Kernel
  readonly slotBytes: number
  /** Both slots. */
  readonly slots: Uint8Array
  /** A page. Empty if the journal is not to be in direct mode. */
  readonly page: Buffer
  /** Pages of zeros. Empty if the journal is not to be in direct mode. */
  readonly zeros: Buffer
  readonly #pool: KernelPool

  /** Throws a RangeError where there is no memory. */
  constructor({ memory, logBufferBytes, direct }: Settled<JournalOptions>) {
    this.#pool = memory
    this.slotBytes = direct ? Math.max(DIRECT_SLOT_BYTES_MIN, roundUpToPages(logBufferBytes)) : logBufferBytes
    const end = 2 * this.slotBytes
    this.kernel = memory.acquire(direct ? end + PAGE_BYTES + ZERO_BYTES : end)
    this.slots = this.kernel.bytes.subarray(0, end)
    this.page = this.kernel.bytes.subarray(end, end + PAGE_BYTES)
    this.zeros = this.kernel.bytes.subarray(end + PAGE_BYTES).fill(0)
  }

  /** No unfinished write may need it any more. */
  release(): void {
    this.#pool.release(this.kernel)
  }
}

const PAGE_BYTES = 4096
const ZERO_BYTES = 65_536

/** A slot that carries a sector along must have room for more than that. */
const DIRECT_SLOT_BYTES_MIN = 4 * PAGE_BYTES

function roundUpToPages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES
}
