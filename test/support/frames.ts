import { crc32c } from '#src/checksum/crc32c.js'
import { MAGIC_BYTES } from '#src/frame/frame.js'

/** A record as it stands in the file (FORMAT.md, "Frame"), put together here independently of the writer. */
export function frame(payload: Uint8Array | string): Buffer {
  const bytes = Buffer.from(payload as Uint8Array)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(bytes.length)
  const summed = Buffer.concat([MAGIC_BYTES, length, bytes])
  const checksum = Buffer.alloc(4)
  checksum.writeUInt32LE(crc32c(summed))
  return Buffer.concat([summed, checksum])
}

export function frames(...payloads: readonly (Uint8Array | string)[]): Buffer {
  return Buffer.concat(payloads.map((payload) => frame(payload)))
}
