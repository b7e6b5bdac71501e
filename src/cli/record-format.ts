import { isUtf8 } from 'node:buffer'

import { CHECKSUM_BYTES, HEADER_BYTES } from '../frame/frame.js'
import type { FrameCursor } from '../journal/frame-cursor.js'
import type { Output } from './output.js'
import { atMostOne } from './usage.js'

/** How records are shown. A payload stands in `bytes` from `start` to `end`, in memory that is used again. */
export interface RecordFormat {
  write(output: Output, bytes: Buffer, start: number, end: number, lsn: number): void
  /** For one that is longer than a chunk, and in memory of its own. */
  writeLarge(output: Output, payload: Buffer, lsn: number): Promise<void>
}

export const FORMAT_OPTIONS = { json: { type: 'boolean' }, frames: { type: 'boolean' } } as const

export function chooseFormat({
  json,
  frames,
}: {
  readonly json?: boolean | undefined
  readonly frames?: boolean | undefined
}): RecordFormat {
  atMostOne({ '--json': json, '--frames': frames })
  return json === true ? jsonFormat : frames === true ? framesFormat : linesFormat
}

/** Writes the records of a batch from number `first` on, at most `most` of them; answers how many that were. */
export async function writeRecords(
  output: Output,
  format: RecordFormat,
  cursor: FrameCursor,
  first: number,
  most: number,
): Promise<number> {
  const { large, bytes, offsets, lsnOffset } = cursor
  if (large !== undefined) {
    if (first > 0 || most < 1) return 0
    await format.writeLarge(output, large.frame.subarray(HEADER_BYTES, -CHECKSUM_BYTES), large.lsn)
    return 1
  }
  const end = Math.min(cursor.count, first + most)
  for (let index = first; index < end; index++) {
    const start = offsets[index] as number
    const payloadEnd = (offsets[index + 1] as number) - CHECKSUM_BYTES
    format.write(output, bytes, start + HEADER_BYTES, payloadEnd, lsnOffset + start)
  }
  if (output.isFull) await output.room()
  return Math.max(end - first, 0)
}

const linesFormat: RecordFormat = {
  write(output, bytes, start, end) {
    output.write(bytes, start, end)
    output.writeNewline()
  },
  async writeLarge(output, payload) {
    await output.writeLarge(payload)
    output.writeNewline()
  },
}

const length = Buffer.alloc(4)

const framesFormat: RecordFormat = {
  write(output, bytes, start, end) {
    length.writeUInt32LE(end - start, 0)
    output.write(length, 0, length.length)
    output.write(bytes, start, end)
  },
  async writeLarge(output, payload) {
    length.writeUInt32LE(payload.length, 0)
    output.write(length, 0, length.length)
    await output.writeLarge(payload)
  },
}

const jsonFormat: RecordFormat = {
  write(output, bytes, start, end, lsn) {
    const payload = bytes.subarray(start, end)
    const shown = isUtf8(payload)
      ? `"payload":${JSON.stringify(payload.toString('utf8'))}`
      : `"payloadBase64":"${payload.toString('base64')}"`
    output.writeLine(`${jsonHead(lsn, payload.length)}${shown}}`)
  },
  async writeLarge(output, payload, lsn) {
    const isText = isUtf8(payload)
    output.writeText(`${jsonHead(lsn, payload.length)}${isText ? '"payload":"' : '"payloadBase64":"'}`)
    for (let start = 0; start < payload.length && !output.isGone;) {
      const end = isText ? characterBoundary(payload, start + PIECE_BYTES) : start + PIECE_BYTES
      const piece = payload.subarray(start, end)
      output.writeText(isText ? JSON.stringify(piece.toString('utf8')).slice(1, -1) : piece.toString('base64'))
      await output.room()
      start = end
    }
    output.writeLine('"}')
  },
}

function jsonHead(lsn: number, payloadBytes: number): string {
  return `{"lsn":${lsn},"endLsn":${lsn + HEADER_BYTES + payloadBytes + CHECKSUM_BYTES},`
}

/** A string cannot hold the JSON of the largest payload. A multiple of three, so that base64 needs no padding in between. */
const PIECE_BYTES = 3 * 2 ** 16

/** The next position in well-formed UTF-8 at which a character begins. */
function characterBoundary(bytes: Buffer, from: number): number {
  let position = from
  while (position < bytes.length && ((bytes[position] as number) & 0xc0) === 0x80) position++
  return position
}
