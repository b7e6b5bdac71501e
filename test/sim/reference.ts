// FORMAT.md once more, as plainly as possible and sharing nothing with the library: what the checker believes.

const TABLE = Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0x82f63b78 : remainder >>> 1
  return remainder
})

export function referenceCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) crc = (crc >>> 8) ^ (TABLE[(crc ^ byte) & 0xff] as number)
  return ~crc >>> 0
}

export interface ReferenceFrame {
  readonly start: number
  readonly end: number
  readonly payload: Uint8Array
}

/** The valid frames from `from` on, up to the first position that holds none. Zeros are never skipped. */
export function referenceFrames(bytes: Uint8Array, from = 0): ReferenceFrame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames: ReferenceFrame[] = []
  let start = from
  while (bytes.length - start >= 12 && view.getUint32(start) === 0x46535901) {
    const end = start + view.getUint32(start + 4, true) + 12
    if (end > bytes.length) break
    if (referenceCrc32c(bytes.subarray(start, end - 4)) !== view.getUint32(end - 4, true)) break
    frames.push({ start, end, payload: bytes.subarray(start + 8, end - 4) })
    start = end
  }
  return frames
}
