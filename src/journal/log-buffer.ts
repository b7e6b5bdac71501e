import type { Kernel } from '../checksum/kernel.js'
import { FRAME_OVERHEAD_BYTES, HEADER_BYTES, encodeHeader } from '../frame/frame.js'
import { LSN_MAX } from '../lsn.js'

/**
 * Where records are staged: two slots of one block of memory, so that appends go on in one while the other is being
 * written. Each slot holds whole frames, one directly after the other; the slot in use is filled, then written or left to
 * its unfinished write, and the other is taken.
 *
 * It does no I/O and never decides when memory may be used again: that is the writer's business (D4b).
 */
export class LogBuffer {
  readonly #kernel: Kernel
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #slotBytes: number
  /** The slot in use begins here. */
  #slotStart = 0
  /** The next frame is staged here. */
  #position = 0
  /** No frame of the slot may end past this. */
  #limit = 0
  /** What is added to an address in the slot in use to get an LSN. */
  #lsnOffset = 0
  /** Frames of the slot in use below this have their checksums. */
  #sealed = 0
  /** The other slot, as it was left; empty if it holds nothing. */
  #olderStart = 0
  #olderEnd = 0
  #olderLsnOffset = 0

  constructor(kernel: Kernel, slotBytes: number, nextLsn: number) {
    this.#kernel = kernel
    this.#bytes = kernel.bytes
    this.#view = new DataView(kernel.bytes.buffer, kernel.bytes.byteOffset, kernel.bytes.byteLength)
    this.#slotBytes = slotBytes
    this.#use(0, nextLsn)
  }

  /** How much memory a journal with slots of this size needs. */
  static areaBytes(slotBytes: number): number {
    return 2 * slotBytes
  }

  get nextLsn(): number {
    return this.#lsnOffset + this.#position
  }

  get slotBytes(): number {
    return this.#slotBytes
  }

  /** The number of the slot in use: 0 or 1. */
  get slot(): number {
    return this.#slotStart === 0 ? 0 : 1
  }

  /** Stages a record and returns the LSN past its frame; 0 if the slot has no room, and nothing has changed. */
  stage(record: Uint8Array): number {
    const start = this.#position
    const end = start + record.length + FRAME_OVERHEAD_BYTES
    if (end > this.#limit) return 0
    encodeHeader(this.#view, start, record.length)
    this.#bytes.set(record, start + HEADER_BYTES)
    this.#position = end
    return this.#lsnOffset + end
  }

  /**
   * Stages a well-formed string as UTF-8. Returns 0 if the slot may have no room; its length in bytes is only known once it
   * is encoded, so the room that it asks for is the most it can need. Returns the negative length of a record that is
   * longer than `recordBytesMax`, with nothing changed.
   */
  stageText(record: string, recordBytesMax: number): number {
    const start = this.#position
    if (start + record.length * UTF8_BYTES_PER_UNIT_MAX + FRAME_OVERHEAD_BYTES > this.#limit) return 0
    const length = this.#bytes.write(record, start + HEADER_BYTES, 'utf8')
    if (length > recordBytesMax) return -length
    encodeHeader(this.#view, start, length)
    this.#position = start + length + FRAME_OVERHEAD_BYTES
    return this.#lsnOffset + this.#position
  }

  /** Puts the checksums into all frames that lack them. */
  seal(): void {
    if (this.#sealed === this.#position) return
    this.#kernel.seal(this.#sealed, this.#position)
    this.#sealed = this.#position
  }

  /** The memory from `lsn` on, up to the end of what its slot holds. Empty if nothing is staged past it. */
  staged(lsn: number): Buffer {
    if (lsn < this.#lsnOffset + this.#slotStart) {
      return this.#bytes.subarray(lsn - this.#olderLsnOffset, this.#olderEnd)
    }
    return this.#bytes.subarray(lsn - this.#lsnOffset, this.#position)
  }

  /** Which slot the memory of `staged(lsn)` lies in. */
  slotOf(lsn: number): number {
    return lsn < this.#lsnOffset + this.#slotStart ? 1 - this.slot : this.slot
  }

  /** Begins again in a slot whose memory nobody needs any more, at `nextLsn`. What was staged in it must be written. */
  restart(slot: number, nextLsn: number): void {
    this.#olderEnd = this.#olderStart
    this.#use(slot * this.#slotBytes, nextLsn)
  }

  /** Leaves the slot in use as it is, and goes on in the other one, whose memory nobody may need any more. */
  switchSlot(): void {
    this.seal()
    const nextLsn = this.nextLsn
    this.#olderStart = this.#slotStart
    this.#olderEnd = this.#position
    this.#olderLsnOffset = this.#lsnOffset
    this.#use(this.#slotBytes - this.#slotStart, nextLsn)
  }

  /** The raw memory of a slot, for a record that is larger than the slot and passes through it in pieces. */
  slotMemory(slot: number): Buffer {
    return this.#bytes.subarray(slot * this.#slotBytes, (slot + 1) * this.#slotBytes)
  }

  /** Continues a checksum over the first bytes of a slot. */
  checksum(crc: number, slot: number, length: number): number {
    return this.#kernel.checksum(crc, slot * this.#slotBytes, slot * this.#slotBytes + length)
  }

  #use(start: number, nextLsn: number): void {
    this.#slotStart = start
    this.#position = start
    this.#sealed = start
    this.#lsnOffset = nextLsn - start
    this.#limit = start + Math.min(this.#slotBytes, LSN_MAX - nextLsn)
  }
}

/** A UTF-16 code unit becomes at most three bytes of UTF-8. */
const UTF8_BYTES_PER_UNIT_MAX = 3
