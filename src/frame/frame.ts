/*
 * One record as it stands in the file (FORMAT.md, "Frame"):
 *
 *      0        4        8                8 + length   12 + length
 *      | F S Y 1 | length | payload ...    | checksum  |
 *        magic     u32 LE                    u32 LE, CRC-32C over all before it
 */
export const HEADER_BYTES = 8
export const CHECKSUM_BYTES = 4
/** What a frame is longer than its payload. */
export const FRAME_OVERHEAD_BYTES: number = HEADER_BYTES + CHECKSUM_BYTES
/** The length field is a u32, of which the format uses 28 bits. */
export const PAYLOAD_BYTES_MAX: number = 2 ** 28 - 1
/** The magic and the version, read as a little-endian u32: bytes 46 53 59 01. */
export const MAGIC = 0x01595346
export const MAGIC_BYTES: Uint8Array = Uint8Array.of(0x46, 0x53, 0x59, 0x01)

/** Writes a frame's header. The payload and the checksum come from elsewhere, in bulk. */
export function encodeHeader(view: DataView, position: number, payloadBytes: number): void {
  view.setUint32(position, MAGIC, true)
  view.setUint32(position + 4, payloadBytes, true)
}

/** Why a reader stopped (FORMAT.md, "Reading"). */
export type TailState =
  /** The end of the file, or nothing but zero bytes up to it. */
  | 'clean-end'
  /** The beginning of a header; or zeros that end before the file does. */
  | 'truncated-header'
  /** A header whose frame is longer than what is left of the file. */
  | 'truncated-payload'
  /** A whole frame whose checksum is wrong. */
  | 'checksum-mismatch'
  /** Bytes that are no frame. No crash leaves them. */
  | 'bad-magic'
  /** A header with a length that no frame has. No crash leaves it. */
  | 'length-overflow'

/** True if a crash explains the state, so that cutting the file there mends it. */
export function isRecoverable(state: TailState): boolean {
  return state !== 'bad-magic' && state !== 'length-overflow'
}

/**
 * What the first bytes at a frame position say, seen with what is left of the file:
 * - `frame`: a header whose frame fits into the file; whether it is valid is for the checksum to say
 * - `zero`: a zero byte; a run of zeros begins, and where it ends decides
 * - otherwise the tail state.
 */
export type HeaderVerdict = 'frame' | 'zero' | Exclude<TailState, 'checksum-mismatch'>

/** The smallest sector that a power cut can tear a header at. Larger ones are multiples of it. */
const SECTOR_BYTES_MIN = 512

/**
 * Judges the bytes at `position` of the file, which holds `remaining` more from there on. `head` must hold the first eight
 * of them, or all that there are.
 */
export function judgeHeader(head: Uint8Array, position: number, remaining: number): HeaderVerdict {
  const known = Math.min(remaining, HEADER_BYTES, head.length)
  if (known === 0) return 'clean-end'
  if (head[0] === 0) return 'zero'
  const right = countRight(head, known)
  if (right < Math.min(known, MAGIC_BYTES.length)) {
    return isTorn(head, position, right, known) ? 'truncated-header' : 'bad-magic'
  }
  if (known < HEADER_BYTES) return 'truncated-header'
  const length = payloadBytesOf(head)
  if (length > PAYLOAD_BYTES_MAX) return 'length-overflow'
  return length + FRAME_OVERHEAD_BYTES > remaining ? 'truncated-payload' : 'frame'
}

/** The length field of a header. */
export function payloadBytesOf(head: Uint8Array): number {
  return (
    ((head[4] as number) | ((head[5] as number) << 8) | ((head[6] as number) << 16) | ((head[7] as number) << 24)) >>> 0
  )
}

/** How many bytes of the magic stand there. */
function countRight(head: Uint8Array, known: number): number {
  let right = 0
  while (right < known && right < MAGIC_BYTES.length && head[right] === MAGIC_BYTES[right]) right++
  return right
}

/**
 * A torn header: its first bytes are right, and zeros follow, up to its end or to the end of a sector. That is what a power
 * cut leaves where a header straddles two sectors of which only the first reached the disk; and where the write of it was
 * short by a few bytes, and what had come until then reached the disk, but not the rest of that sector.
 */
function isTorn(head: Uint8Array, position: number, right: number, known: number): boolean {
  if (right === 0) return false
  for (let index = right; index < known; index++) {
    if (index > right && (position + index) % SECTOR_BYTES_MIN === 0) return true
    if (head[index] !== 0) return false
  }
  return true
}
