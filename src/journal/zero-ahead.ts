import type { Primitive } from './info.js'
import type { LogSpace } from './log-space.js'

/**
 * Keeps the file written with zeros some way past its records, so that small groups overwrite blocks that are there
 * already. A sync of a file that has grown must also write its new size and blocks; measured on ext4, a group of one
 * record takes a fifth less without that, a group of 64 half. Large groups would have most of their bytes written twice,
 * so it rests while groups are large.
 *
 * A piece is written blocking, while a sync is under way elsewhere: nothing of it is ever unfinished, so that no record
 * can be overtaken by its zeros (D4b). It begins on a page that holds no staged byte. It is no promise: its failure turns
 * it off, and poisons nothing.
 */
export class ZeroAhead {
  readonly #space: LogSpace
  readonly #aheadBytes: number
  readonly #zeros: Uint8Array
  #smallGroups = 0
  #isResting = false
  #offReason: string | undefined
  #writes = 0
  #bytes = 0

  /** `aheadBytes` 0 turns it off. `zeros` is memory as the space wants it, of pages that are never changed. */
  constructor(space: LogSpace, aheadBytes: number, zeros: Uint8Array = ZEROS) {
    this.#space = space
    this.#aheadBytes = aheadBytes
    this.#zeros = zeros
    if (aheadBytes === 0) this.#offReason = 'the option zeroAheadBytes says so'
  }

  get primitive(): Primitive<'write' | 'off'> {
    return this.#offReason === undefined ? { inUse: 'write' } : { inUse: 'off', reason: this.#offReason }
  }

  /** What has been written past the records. */
  get written(): { readonly writes: number; readonly bytes: number } {
    return { writes: this.#writes, bytes: this.#bytes }
  }

  /** The journal is about to end: nothing more is written past its records. */
  rest(): void {
    this.#isResting = true
  }

  /** A group of so many bytes is being synced, and records are staged up to `nextLsn`: writes a piece, if that will pay. */
  extend(nextLsn: number, groupBytes: number): void {
    if (this.#isResting || this.#offReason !== undefined) return
    this.#smallGroups = groupBytes <= GROUP_BYTES_MAX ? this.#smallGroups + 1 : 0
    if (this.#smallGroups < GROUPS_MIN) return
    const start = Math.max(this.#space.endLsn, Math.ceil(nextLsn / PAGE_BYTES) * PAGE_BYTES)
    const pages = Math.floor((this.#aheadBytes - (start - nextLsn)) / PAGE_BYTES)
    const bytes = Math.min(this.#zeros.length, pages * PAGE_BYTES)
    // Not a little with each group.
    if (bytes < Math.min(this.#zeros.length, this.#aheadBytes / 2)) return
    try {
      // What a short write leaves out is made up for by the next piece.
      this.#bytes += this.#space.writeSync(this.#zeros.subarray(0, bytes), start)
      this.#writes++
    } catch (error) {
      this.#offReason = `zeros could not be written: ${(error as Error).message}`
    }
  }
}

const PAGE_BYTES = 4096

/** Written in some 15 us, which is less than a sync takes. */
const PIECE_BYTES = 65_536
const ZEROS = Buffer.alloc(PIECE_BYTES)

/** From here on, writing the bytes twice costs what it saves. */
const GROUP_BYTES_MAX = 16_384

/** A journal that is opened for a few records is not made longer, and shorter again. */
const GROUPS_MIN = 8
