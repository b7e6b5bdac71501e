import { CHECKSUM_BYTES, FRAME_OVERHEAD_BYTES, HEADER_BYTES, encodeHeader } from '../frame/frame.js'
import type { LogBuffer } from './log-buffer.js'

/**
 * The frame of a record that is larger than a slot: it passes through the memory of one in pieces. What is checksummed and
 * what is written are the same private copy of the caller's bytes (D3).
 */
export class OversizeFrame {
  readonly #buffer: LogBuffer
  readonly #source: Uint8Array
  readonly #checksumBytes = new Uint8Array(CHECKSUM_BYTES)
  #taken = 0
  #checksum = 0
  #checksumTaken = 0
  #hasHeader = false

  constructor(buffer: LogBuffer, record: Uint8Array) {
    this.#buffer = buffer
    // `subarray` of a subclass goes through its constructor.
    this.#source = new Uint8Array(record.buffer, record.byteOffset, record.length)
  }

  get bytes(): number {
    return this.#source.length + FRAME_OVERHEAD_BYTES
  }

  get isComplete(): boolean {
    return this.#checksumTaken === CHECKSUM_BYTES
  }

  /** Puts the next piece into a slot, from `start` on in it and to its end, if there is so much. Returns where it ends. */
  fill(slot: number, start: number): number {
    const memory = this.#buffer.slotMemory(slot)
    let position = start
    if (!this.#hasHeader) {
      encodeHeader(new DataView(memory.buffer, memory.byteOffset, memory.length), position, this.#source.length)
      position += HEADER_BYTES
      this.#hasHeader = true
    }
    const piece = Math.min(this.#source.length - this.#taken, memory.length - position)
    memory.set(this.#source.subarray(this.#taken, this.#taken + piece), position)
    this.#taken += piece
    position += piece
    this.#checksum = this.#buffer.checksum(this.#checksum, slot, start, position)
    return this.#taken === this.#source.length ? this.#fillChecksum(memory, position) : position
  }

  /** It may be that only some of its bytes find room. */
  #fillChecksum(memory: Uint8Array, position: number): number {
    if (this.#checksumTaken === 0) new DataView(this.#checksumBytes.buffer).setUint32(0, this.#checksum, true)
    const piece = Math.min(CHECKSUM_BYTES - this.#checksumTaken, memory.length - position)
    memory.set(this.#checksumBytes.subarray(this.#checksumTaken, this.#checksumTaken + piece), position)
    this.#checksumTaken += piece
    return position + piece
  }
}
