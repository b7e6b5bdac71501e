import { createKernel } from '#src/checksum/crc32c.js'
import type { ChecksumEngine, Kernel } from '#src/checksum/kernel.js'
import { nativeAddon } from '#src/platform/native-addon.js'

/** The slow twins that the engines are held against, written as plainly as can be, from FORMAT.md alone. */

/** All that can be had here: `npm test` says so where the native one cannot. */
export const ENGINES: readonly ChecksumEngine[] =
  nativeAddon().addon === undefined ? ['wasm-simd', 'wasm', 'plain'] : ['native', 'wasm-simd', 'wasm', 'plain']

export const MAGIC: Buffer = Buffer.from([0x46, 0x53, 0x59, 0x01])

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let state = byte
  for (let bit = 0; bit < 8; bit++) state = state & 1 ? (state >>> 1) ^ 0x82f63b78 : state >>> 1
  return state >>> 0
})

export function referenceCrc(bytes: Uint8Array, crc = 0): number {
  let state = ~crc
  for (const byte of bytes) state = (state >>> 8) ^ TABLE[(state ^ byte) & 0xff]!
  return ~state >>> 0
}

/** A valid frame, or one with a checksum of zeros. */
export function frameOf(payload: Uint8Array, isSealed = true): Buffer {
  const frame = Buffer.alloc(payload.length + 12)
  frame.set(MAGIC)
  frame.writeUInt32LE(payload.length, 4)
  frame.set(payload, 8)
  if (isSealed) frame.writeUInt32LE(referenceCrc(frame.subarray(0, -4)), frame.length - 4)
  return frame
}

/** The starts of the valid frames from `start`, and where the walk ended. */
export function referenceScan(bytes: Buffer, start: number, end: number): number[] {
  const offsets = [start]
  while (true) {
    const rest = bytes.subarray(offsets.at(-1), end)
    if (rest.length < 12 || !rest.subarray(0, 4).equals(MAGIC)) return offsets
    const length = rest.readUInt32LE(4)
    if (length > 2 ** 28 - 1 || length + 12 > rest.length) return offsets
    if (rest.readUInt32LE(8 + length) !== referenceCrc(rest.subarray(0, 8 + length))) return offsets
    offsets.push(offsets.at(-1)! + length + 12)
  }
}

/** What `scan` found, in the same shape. */
export function scanOf(kernel: Kernel, start: number, end: number): number[] {
  const count = kernel.scan(start, end)
  if (count >= kernel.offsets.length)
    throw new Error(`${kernel.engine} found ${count} frames, and has no room for them`)
  return [...kernel.offsets.subarray(0, count + 1)]
}

/** A kernel of each engine, all of one size. */
export function kernelsOf(areaBytes: number, offsetCount: number): Kernel[] {
  return ENGINES.map((engine) => createKernel(areaBytes, offsetCount, engine))
}

/** Bytes that look random and are the same in every run (xorshift32). */
export function noise(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size)
  let state = seed
  for (let index = 0; index < size; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[index] = state
  }
  return bytes
}
