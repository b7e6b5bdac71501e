// DESIGN, D6 and D7, once more: what opening a journal must come to, whatever is in the file. Shares nothing with the library.
import type { ReferenceMark } from './reference-mark.js'
import { type Walk, frameEnd, tailStateAt, walk } from './reference-walk.js'

export interface Policies {
  readonly gaps: 'refuse' | 'skip' | 'cut'
  readonly onDamage: 'refuse' | 'cut'
}

export interface Judgement {
  readonly found: Walk
  /** The error's code, if the open must fail. */
  readonly refusal: string | undefined
  readonly isBelowMark: boolean
}

export function judge(journal: Buffer, mark: ReferenceMark | undefined, { gaps, onDamage }: Policies): Judgement {
  const skipGapsBelow = mark === undefined ? (gaps === 'skip' ? Infinity : 0) : Number(mark.gapFreeLsn)
  const found = walk(journal, 0, skipGapsBelow)
  const isBelowMark = mark !== undefined && found.position < mark.durableLsn
  const isDamaged = isBelowMark || found.tailState === 'bad-magic' || found.tailState === 'length-overflow'
  let refusal: string | undefined
  if (mark === undefined && isForeign(journal, found)) refusal = 'ERR_FSYS_NOT_A_JOURNAL'
  else if (mark === undefined && found.isGapSuspected && gaps === 'refuse') refusal = 'ERR_FSYS_AMBIGUOUS_GAP'
  else if (isDamaged && onDamage === 'refuse') refusal = 'ERR_FSYS_DAMAGED'
  return { found, refusal, isBelowMark }
}

/** It does not begin with the magic or a part of it, and is not empty or all zero. */
export function isForeign(journal: Buffer, found: Walk): boolean {
  if (journal[0] === 0) return found.tailState !== 'clean-end'
  return tailStateAt(journal, 0) === 'bad-magic'
}

/** What an open saves of what it cuts off: all but the zeros at the end; undefined if there is nothing else. */
export function savedBytes(tail: Buffer): Buffer | undefined {
  let end = tail.length
  while (end > 0 && tail[end - 1] === 0) end--
  return end === 0 ? undefined : tail.subarray(0, end)
}

/** How many valid frames stand in a tail, wherever they begin; and how many bytes of it are checksummed in search of them. */
export function framesIn(tail: Buffer): { readonly frames: number; readonly checkedBytes: number } {
  let frames = 0
  let checkedBytes = 0
  for (let at = 0; at + 12 <= tail.length;) {
    const isHeader = tail.readUInt32BE(at) === 0x46535901
    const frameBytes = tail.readUInt32LE(at + 4) + 12
    if (isHeader && frameBytes <= tail.length - at) checkedBytes += frameBytes
    const end = frameEnd(tail, at)
    if (end !== undefined) frames++
    at = end ?? at + 1
  }
  return { frames, checkedBytes }
}
