import type { Random } from '#src/storage/sim/random.js'

import { referenceCrc32c } from '../sim/reference.js'

export const MAGIC: Buffer = Buffer.from([0x46, 0x53, 0x59, 0x01])
export const SECTOR_BYTES = 512
/** No case is larger: what a reader does with a file depends on borders, not on size. */
const SKETCH_BYTES_MAX = 24 * 1024

/** A file in the making: bytes, put together and then mistreated. */
export class Sketch {
  /** The memory is used again for the next one. */
  readonly bytes: Buffer = Buffer.alloc(SKETCH_BYTES_MAX)
  length = 0

  clear(): void {
    this.length = 0
  }

  /** Where the bytes begin that every frame begins with. */
  frameStarts(): number[] {
    const starts: number[] = []
    const bytes = this.bytes.subarray(0, this.length)
    for (let at = bytes.indexOf(MAGIC); at !== -1; at = bytes.indexOf(MAGIC, at + 1)) starts.push(at)
    return starts
  }

  /** A copy of what it has come to. */
  finish(): Buffer {
    return Buffer.from(this.bytes.subarray(0, this.length))
  }

  put(source: Uint8Array): void {
    const count = Math.min(source.length, this.bytes.length - this.length)
    this.bytes.set(source.subarray(0, count), this.length)
    this.length += count
  }

  putZeros(count: number): void {
    const end = Math.min(this.length + count, this.bytes.length)
    this.bytes.fill(0, this.length, end)
    this.length = end
  }

  putNoise(random: Random, count: number): void {
    const end = Math.min(this.length + count, this.bytes.length)
    for (let at = this.length; at < end; at++) this.bytes[at] = random.bits()
    this.length = end
  }

  /** A whole, valid frame; its payload is what `fill` makes of the memory. */
  putFrame(payloadBytes: number, fill: (payload: Buffer) => void): void {
    const start = this.length
    const end = start + payloadBytes + 12
    if (end > this.bytes.length) return
    this.bytes.set(MAGIC, start)
    this.bytes.writeUInt32LE(payloadBytes, start + 4)
    fill(this.bytes.subarray(start + 8, end - 4))
    this.bytes.writeUInt32LE(referenceCrc32c(this.bytes.subarray(start, end - 4)), end - 4)
    this.length = end
  }

  /** Replaces what stands from `start` to `end`. What does not fit any more is lost at the end. */
  replace(start: number, end: number, source: Uint8Array): void {
    const taken = source.subarray(0, Math.max(this.bytes.length - start, 0))
    const tailStart = start + taken.length
    const tailBytes = Math.max(Math.min(this.length - end, this.bytes.length - tailStart), 0)
    this.bytes.copyWithin(tailStart, end, end + tailBytes)
    this.bytes.set(taken, start)
    this.length = tailStart + tailBytes
  }

  /** Makes the checksum right of a frame that has been changed, if its length field lets it be one. */
  repairChecksum(start: number): void {
    if (start + 12 > this.length) return
    const end = start + this.bytes.readUInt32LE(start + 4) + 12
    if (end > this.length) return
    this.bytes.writeUInt32LE(referenceCrc32c(this.bytes.subarray(start, end - 4)), end - 4)
  }
}
