/** Longer records than this are not made. */
export const RECORD_BYTES_MAX: number = 2 * 2 ** 20

const HEADER_BYTES = 16
const POOL_BYTES = 4 * 2 ** 20

/** Which record of a run: of which journal, staged after which opening, and the how manieth in the file. */
export interface RecordId {
  readonly journal: number
  readonly epoch: number
  readonly index: number
}

/**
 * What stands in each record of a run: a pure function of the seed and of which record it is, so that whoever checks a
 * journal needs nothing but that. Records of different openings differ, in size too: one of an earlier life that came to
 * light again would be seen.
 *
 *      0       4       8        16
 *      | hash  | index | epoch  | random bytes from a pool, the same for all ...     cut off at the record's size
 *
 * The bytes of text records are below 128.
 */
export class RecordContent {
  readonly #seed: number
  readonly #slotBytes: readonly number[]
  readonly #pool = Buffer.alloc(POOL_BYTES)
  readonly #textPool = Buffer.alloc(POOL_BYTES)
  readonly #scratch = Buffer.alloc(RECORD_BYTES_MAX)

  /** `slotBytes` are the sizes of the journals' buffers: some records are larger. */
  constructor(seed: number, slotBytes: readonly number[]) {
    this.#seed = seed
    this.#slotBytes = slotBytes
    for (let offset = 0; offset < POOL_BYTES; offset += 4) {
      const word = mix(seed, offset)
      this.#pool.writeUInt32LE(word, offset)
      this.#textPool.writeUInt32LE((word & 0x7f7f7f7f) >>> 0, offset)
    }
  }

  isText(id: RecordId): boolean {
    return this.#hash(id) % 8 === 0
  }

  sizeOf(id: RecordId): number {
    const hash = mix(this.#hash(id), 1)
    const share = hash % 1000
    const within = mix(hash, 2)
    if (share < 50) return 0
    if (share < 600) return within % 64
    if (share < 900) return 64 + (within % 960)
    if (share < 988) return 1024 + (within % 8192)
    if (share < 998) return 8192 + (within % 65_536)
    const slotBytes = this.#slotBytes[id.journal] as number
    return Math.min(RECORD_BYTES_MAX, slotBytes + (within % slotBytes))
  }

  /** The record, in memory that the next call changes: `append` may not keep it. */
  make(id: RecordId): Buffer {
    const hash = this.#hash(id)
    const size = this.sizeOf(id)
    const record = this.#scratch.subarray(0, Math.max(size, HEADER_BYTES))
    this.#writeHeader(record, id, hash)
    if (size > HEADER_BYTES) this.#body(id, hash, size).copy(record, HEADER_BYTES)
    return record.subarray(0, size)
  }

  /** What is wrong with these bytes as this record, or undefined. */
  differenceOf(found: Buffer, id: RecordId): string | undefined {
    const hash = this.#hash(id)
    const size = this.sizeOf(id)
    if (found.length !== size) return `${found.length} bytes instead of ${size}`
    const header = this.#scratch.subarray(0, HEADER_BYTES)
    this.#writeHeader(header, id, hash)
    const headerBytes = Math.min(size, HEADER_BYTES)
    if (header.compare(found, 0, headerBytes, 0, headerBytes) !== 0) {
      return `it begins with ${found.toString('hex', 0, headerBytes)} instead of ${header.toString('hex', 0, headerBytes)}`
    }
    if (size <= HEADER_BYTES || this.#body(id, hash, size).compare(found, HEADER_BYTES) === 0) return undefined
    return `its ${size} bytes differ behind the first ${HEADER_BYTES}`
  }

  #hash({ journal, epoch, index }: RecordId): number {
    return mix(mix(mix(mix(this.#seed, journal), epoch / 2 ** 32), epoch), index)
  }

  #writeHeader(target: Buffer, { epoch, index }: RecordId, hash: number): void {
    target.writeUInt32LE(hash, 0)
    target.writeUInt32LE(index, 4)
    target.writeDoubleLE(epoch, 8)
    if (hash % 8 === 0) for (let at = 0; at < HEADER_BYTES; at++) target[at] = (target[at] as number) & 0x7f
  }

  #body(id: RecordId, hash: number, size: number): Buffer {
    const pool = this.isText(id) ? this.#textPool : this.#pool
    const from = hash % (POOL_BYTES - RECORD_BYTES_MAX)
    return pool.subarray(from, from + size - HEADER_BYTES)
  }
}

/** Stirs a number into a hash; 32 bits (the finalizer of MurmurHash3). */
function mix(hash: number, value: number): number {
  let mixed = (hash ^ Math.imul(value, 0x9e3779b1)) >>> 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
