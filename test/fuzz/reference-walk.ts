// FORMAT.md, "Reading", once more: as plainly as possible, over bytes that are all in memory, sharing nothing with the library.
import { referenceCrc32c } from '../sim/reference.js'

const MAGIC = [0x46, 0x53, 0x59, 0x01]
const MAGIC_BIG_ENDIAN = 0x46535901
const LENGTH_MAX = 268_435_455
const GAP_BYTES_MAX = 64 * 1024 * 1024

/** What a reader must find, from one position on. */
export interface Walk {
  readonly records: readonly Place[]
  /** The end of the last valid frame, or where the walk began. */
  readonly position: number
  readonly tailState: string
  readonly isGapSuspected: boolean
  readonly gaps: number
}

/** Where a frame begins and ends. */
export interface Place {
  readonly lsn: number
  readonly endLsn: number
  /** How many zero gaps were crossed before it, since the walk began. */
  readonly gaps: number
}

/** Decodes forward; zero gaps that begin below `skipGapsBelow` are crossed. */
export function walk(bytes: Buffer, from: number, skipGapsBelow: number): Walk {
  const records: Place[] = []
  let position = from
  let gaps = 0
  for (;;) {
    const endLsn = frameEnd(bytes, position)
    if (endLsn !== undefined) {
      records.push({ lsn: position, endLsn, gaps })
      position = endLsn
      continue
    }
    const gapEnd = gapEndAt(bytes, position)
    const isCrossed = gapEnd !== undefined && position < skipGapsBelow && frameEnd(bytes, gapEnd) !== undefined
    if (!isCrossed) {
      const tailState = tailStateAt(bytes, position)
      return { records, position, tailState, isGapSuspected: gapEnd !== undefined, gaps }
    }
    gaps++
    position = gapEnd
  }
}

/** Where the whole, valid frame ends that begins at a position; undefined if there is none. */
export function frameEnd(bytes: Buffer, position: number): number | undefined {
  if (bytes.length - position < 12 || !hasMagic(bytes, position)) return undefined
  const length = bytes.readUInt32LE(position + 4)
  if (length > LENGTH_MAX || length > bytes.length - position - 12) return undefined
  const end = position + length + 12
  return referenceCrc32c(bytes.subarray(position, end - 4)) === bytes.readUInt32LE(end - 4) ? end : undefined
}

/** Why no frame can be read at a position. */
export function tailStateAt(bytes: Buffer, position: number): string {
  const rest = bytes.length - position
  if (rest <= 0) return 'clean-end'
  if (bytes[position] === 0) return zeroRunEnd(bytes, position) === bytes.length ? 'clean-end' : 'truncated-header'
  let right = 0
  while (right < Math.min(4, rest) && bytes[position + right] === MAGIC[right]) right++
  if (right < Math.min(4, rest)) return isTornMagic(bytes, position, right) ? 'truncated-header' : 'bad-magic'
  if (rest < 8) return 'truncated-header'
  const length = bytes.readUInt32LE(position + 4)
  if (length > LENGTH_MAX) return 'length-overflow'
  return length + 12 > rest ? 'truncated-payload' : 'checksum-mismatch'
}

/** Right bytes, and zeros behind them: up to the end of the header's eight bytes, of the file, or of a sector of 512. */
function isTornMagic(bytes: Buffer, position: number, right: number): boolean {
  if (right === 0) return false
  const firstZero = position + right
  const sectorEnd = (Math.floor(firstZero / 512) + 1) * 512
  const zerosEnd = Math.min(position + 8, sectorEnd, bytes.length)
  return bytes.subarray(firstZero, zerosEnd).every((byte) => byte === 0)
}

/** Where the zeros that begin at a position end, if they look like a gap that an older writer left. */
function gapEndAt(bytes: Buffer, position: number): number | undefined {
  if (bytes[position] !== 0) return undefined
  const end = zeroRunEnd(bytes, position)
  const isGap = end % 512 === 0 && end - position <= GAP_BYTES_MAX && hasMagic(bytes, end)
  return isGap ? end : undefined
}

function zeroRunEnd(bytes: Buffer, position: number): number {
  let end = position
  while (end < bytes.length && bytes[end] === 0) end++
  return end
}

function hasMagic(bytes: Buffer, position: number): boolean {
  return bytes.length - position >= 4 && bytes.readUInt32BE(position) === MAGIC_BIG_ENDIAN
}
