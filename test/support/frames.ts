import { crc32c } from '#src/checksum/crc32c.js'
import { FRAME_OVERHEAD_BYTES, HEADER_BYTES, encodeHeader } from '#src/frame/frame.js'

/** One frame, as it stands in a file. */
export function frame(record: Uint8Array | string): Buffer {
  const payload = Buffer.from(record as string)
  const bytes = Buffer.alloc(payload.length + FRAME_OVERHEAD_BYTES)
  encodeHeader(new DataView(bytes.buffer, bytes.byteOffset), 0, payload.length)
  payload.copy(bytes, HEADER_BYTES)
  const checksumAt = HEADER_BYTES + payload.length
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, checksumAt)), checksumAt)
  return bytes
}
