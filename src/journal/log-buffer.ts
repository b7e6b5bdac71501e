import type { Kernel } from '../checksum/kernel.js'
import { FRAME_OVERHEAD_BYTES, HEADER_BYTES, encodeHeader } from '../frame/frame.js'
import { LSN_MAX } from '../lsn.js'

/**
 * Where records are staged: two slots of one block of memory, so that appends go on in one while the other is being
 * written. Each slot holds whole frames, one directly after the other; the slot in use is filled, then written or left to
 * its unfinished write, and the other is taken.
 *
 * Where writes must be aligned, addresses are congruent to LSNs modulo the alignment, so that memory can be written as it
 * is: a slot that begins in mid-sector carries the sector's first bytes along.
 *
 * It does no I/O and never decides when memory may be used again: that is the writer's business (D4b).
 */
export class LogBuffer {
  readonly #kernel: Kernel
  readonly #bytes: Buffer
  readonly #view: DataView
  readonly #slotBytes: number
  readonly #alignment: number
  /** The slot in use begins here. */
  #slotStart = 0
  /** The next frame is staged here. */
  #position = 0
  /** No frame of the slot may end past this. */
  #limit = 0
  /** Where the slot in use was begun. What is staged below it lies in the other slot. */
  #firstLsn = 0
  /** What is added to an address in the slot in use to get an LSN. */
  #lsnOffset = 0
  /** Frames of the slot in use below this have their checksums. */
  #sealed = 0
  /** The other slot, as it was left. */
  #olderEnd = 0
  #olderLsnOffset = 0
  #olderRecords = 0
  #records = 0

  /** `alignment` is a power of two. Where it is more than 1, the beginning of the sector of `nextLsn` is still to be carried. */
  constructor(kernel: Kernel, slotBytes: number, nextLsn: number, alignment = 1) {
    this.#kernel = kernel
    this.#alignment = alignment
    this.#bytes = kernel.bytes
    this.#view = new DataView(kernel.bytes.buffer, kernel.bytes.byteOffset, kernel.bytes.byteLength)
    this.#slotBytes = slotBytes
    this.#use(0, nextLsn, nextLsn % alignment)
  }

  get nextLsn(): number {
    return this.#lsnOffset + this.#position
  }

  /** How many records there have been: staged, or passed through. */
  get records(): number {
    return this.#records
  }

  /** The largest frame that an empty slot takes, wherever in a sector it begins. */
  get frameBytesMax(): number {
    return this.#slotBytes - this.#alignment + 1
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
    this.#records++
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
    this.#records++
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
    if (lsn < this.#firstLsn) return this.#bytes.subarray(lsn - this.#olderLsnOffset, this.#olderEnd)
    return this.#bytes.subarray(lsn - this.#lsnOffset, this.#position)
  }

  /** How many records there have been up to where `staged(lsn)` ends. */
  recordsThrough(lsn: number): number {
    return lsn < this.#firstLsn ? this.#olderRecords : this.#records
  }

  /** Which slot the memory of `staged(lsn)` lies in. */
  slotOf(lsn: number): number {
    return lsn < this.#firstLsn ? 1 - this.slot : this.slot
  }

  /**
   * The whole sectors from that of `lsn` on, which must be in the slot in use, to the end of what is staged, padded with
   * zeros. The last one must not be staged into while it is being written.
   */
  sectors(lsn: number): Buffer {
    const end = roundUp(this.#position, this.#alignment)
    this.#bytes.fill(0, this.#position, end)
    return this.#bytes.subarray(roundDown(lsn - this.#lsnOffset, this.#alignment), end)
  }

  /**
   * Begins again in a slot whose memory nobody needs any more, at `nextLsn`. What was staged in it must be written.
   * `tailEnd` is the address past what stands in front of `nextLsn`: by default, of what was staged last.
   */
  restart(slot: number, nextLsn: number, tailEnd: number = this.#position): void {
    this.#use(slot * this.#slotBytes, nextLsn, tailEnd)
  }

  /** Leaves the slot in use as it is, and goes on in the other one, whose memory nobody may need any more. */
  switchSlot(): void {
    this.seal()
    const nextLsn = this.nextLsn
    this.#olderEnd = this.#position
    this.#olderLsnOffset = this.#lsnOffset
    this.#olderRecords = this.#records
    this.#use(this.#slotBytes - this.#slotStart, nextLsn, this.#position)
  }

  /** The raw memory of a slot, for a record that is larger than the slot and passes through it in pieces. */
  slotMemory(slot: number): Buffer {
    return this.#bytes.subarray(slot * this.#slotBytes, (slot + 1) * this.#slotBytes)
  }

  /** A record that is larger than the slot has passed through it. */
  countOversize(): void {
    this.#records++
  }

  /** Continues a checksum over bytes of a slot; positions are within the slot. */
  checksum(crc: number, slot: number, start: number, end: number): number {
    return this.#kernel.checksum(crc, slot * this.#slotBytes + start, slot * this.#slotBytes + end)
  }

  /** The beginning of the sector of the first LSN, which is on the disk and must be written again with what follows it. */
  carry(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#position - bytes.length)
  }

  /** `tailEnd` is the address past what stands in front of `nextLsn`, of which the beginning of a sector is carried along. */
  #use(start: number, nextLsn: number, tailEnd: number): void {
    const carried = nextLsn % this.#alignment
    if (carried > 0) this.#bytes.copyWithin(start, tailEnd - carried, tailEnd)
    this.#slotStart = start
    this.#position = start + carried
    this.#sealed = this.#position
    this.#firstLsn = nextLsn
    this.#lsnOffset = nextLsn - this.#position
    this.#limit = start + Math.min(this.#slotBytes, LSN_MAX - nextLsn + carried)
  }
}

/** A UTF-16 code unit becomes at most three bytes of UTF-8. */
const UTF8_BYTES_PER_UNIT_MAX = 3

// LSNs are beyond what bitwise operators take.
function roundDown(value: number, unit: number): number {
  return value - (value % unit)
}

function roundUp(value: number, unit: number): number {
  return roundDown(value + unit - 1, unit)
}
