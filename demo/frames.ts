import { open } from 'node:fs/promises'

/*
 * The journal's format, written down a second time from FORMAT.md and with nothing of the library's, so that no mistake of
 * its own can hide from the check.
 */
const MAGIC_BE = 0x46535901
const HEADER_BYTES = 8
const CHECKSUM_BYTES = 4
export const FRAME_OVERHEAD_BYTES: number = HEADER_BYTES + CHECKSUM_BYTES
const PAYLOAD_BYTES_MAX = 2 ** 28 - 1

const CHUNK_BYTES = 2 ** 20

/** What the walk calls for each record; its bytes are valid during the call only. Returning false ends the walk. */
export type FrameCallback = (payload: Buffer, lsn: number, endLsn: number) => boolean

export interface Walk {
  /** The end of the last record that the callback took. */
  readonly cleanEnd: number
  readonly fileBytes: number
}

/** Walks the frames of a journal file from its beginning to the first that is not whole and valid, reading without blocking. */
export async function walkFrames(path: string, callback: FrameCallback, signal?: AbortSignal): Promise<Walk> {
  await using file = await open(path)
  const { size: fileBytes } = await file.stat()
  let memory = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  // The file's bytes from `lsn` on stand in memory from `start` to `filled`.
  let [start, filled, lsn] = [0, 0, 0]
  for (;;) {
    const needed = neededBytes(memory, start, filled)
    if (needed === undefined || lsn + needed > fileBytes) break
    if (start + needed > filled) {
      signal?.throwIfAborted()
      const kept = memory.subarray(start, filled)
      if (needed > memory.length) memory = Buffer.allocUnsafeSlow(needed)
      memory.set(kept)
      const { bytesRead } = await file.read(memory, kept.length, memory.length - kept.length, lsn + kept.length)
      if (bytesRead === 0) break
      start = 0
      filled = kept.length + bytesRead
      continue
    }
    const payloadEnd = start + needed - CHECKSUM_BYTES
    if (crc32c(memory, start, payloadEnd) !== memory.readUInt32LE(payloadEnd)) break
    if (!callback(memory.subarray(start + HEADER_BYTES, payloadEnd), lsn, lsn + needed)) break
    start += needed
    lsn += needed
  }
  return { cleanEnd: lsn, fileBytes }
}

/** How long the frame at `start` is, or a header if that is not in memory yet; undefined if no frame begins there. */
function neededBytes(memory: Buffer, start: number, filled: number): number | undefined {
  if (start + HEADER_BYTES > filled) return HEADER_BYTES
  if (memory.readUInt32BE(start) !== MAGIC_BE) return undefined
  const payloadBytes = memory.readUInt32LE(start + 4)
  return payloadBytes > PAYLOAD_BYTES_MAX ? undefined : HEADER_BYTES + payloadBytes + CHECKSUM_BYTES
}

/** CRC-32C (Castagnoli), a byte at a time. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1
  for (let index = start; index < end; index++) {
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ (bytes[index] as number)) & 0xff] as number)
  }
  return ~crc >>> 0
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  return crc
})
