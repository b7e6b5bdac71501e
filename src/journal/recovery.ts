import type { Kernel } from '../checksum/kernel.js'
import { FsysError, errnoOf } from '../errors.js'
import { HEADER_BYTES, type HeaderVerdict, type TailState, isRecoverable, judgeHeader } from '../frame/frame.js'
import { call, type Steps } from '../storage/steps.js'
import type { Storage, StorageFile } from '../storage/storage.js'
import { readWhole, writeWhole } from '../storage/whole.js'
import { FrameCursor } from './frame-cursor.js'
import { type MarkKeeper, type MarkReading, gapLimit } from './mark.js'
import { type SavedTail, saveTail } from './saved-tail.js'

/** What an open does with zero gaps in a file that has no mark of ours. */
export type GapPolicy = 'refuse' | 'skip' | 'cut'
/** What an open does with damage that no crash explains. */
export type DamagePolicy = 'refuse' | 'cut'

/** What stands in a journal file, seen by reading it from one end to the other. */
export interface Findings {
  readonly fileSize: number
  /** The end of the last valid frame. */
  readonly cleanEnd: number
  readonly tailState: TailState
  readonly records: number
  /** Zero gaps of older writers that were skipped. */
  readonly gaps: number
  readonly isGapSuspected: boolean
  /** The file does not begin as a journal does. */
  readonly isForeign: boolean
  readonly mark: MarkReading
}

/** What an open has found and done. */
export interface Recovery {
  /** What stood at the clean end. */
  readonly tailState: TailState
  readonly cleanEnd: number
  readonly records: number
  readonly gaps: number
  /** How many bytes past the clean end were cut off. */
  readonly bytesCut: number
  /** Where they were saved, unless they were all zero. */
  readonly savedTail: SavedTail | undefined
  /** How many bytes were written again, because nobody can know that they had reached the disk (D6). */
  readonly bytesRewritten: number
  /** True if confirmed records are among what was cut off. Only with `onDamage: 'cut'`. */
  readonly isBelowMark: boolean
  /** How long reading, cutting and rewriting took. */
  readonly durationMs: number
}

/** The journal that is being opened. */
export interface Recovered {
  readonly storage: Storage
  /** Its real path. */
  readonly path: string
  readonly file: StorageFile
  /** Where its first frame begins. */
  readonly origin: number
}

/** Reads the whole file. Gives up where the signal says so: nothing has been changed by then. */
export function* examine(
  { file, origin }: Recovered,
  kernel: Kernel,
  fileSize: number,
  mark: MarkReading,
  gaps: GapPolicy,
  signal?: AbortSignal,
): Steps<Findings> {
  const cursor = new FrameCursor(file, kernel, {
    from: origin,
    fileSize,
    skipGapsBelow: gapLimit(mark, gaps === 'skip'),
    wantsLargePayloads: false,
  })
  let records = 0
  while (yield* cursor.advance()) {
    signal?.throwIfAborted()
    records += cursor.large === undefined ? cursor.count : 1
  }
  const tailState = cursor.tailState as TailState
  const isFrameFirst = records > 0 && cursor.gapCount === 0
  const verdict = isFrameFirst ? 'frame' : yield* judgeFirst(file, origin, fileSize)
  return {
    fileSize,
    cleanEnd: cursor.position,
    tailState,
    records,
    gaps: cursor.gapCount,
    isGapSuspected: cursor.isGapSuspected,
    isForeign: looksForeign(verdict, tailState),
    mark,
  }
}

function* judgeFirst(file: StorageFile, origin: number, fileSize: number): Steps<HeaderVerdict> {
  const head = Buffer.allocUnsafe(HEADER_BYTES)
  const headBytes = yield* readWhole(file, head, origin)
  return judgeHeader(head.subarray(0, headBytes), origin, fileSize - origin)
}

/** What a file begins with, and where the walk over it ended, say that it never was a journal. Pure. */
export function looksForeign(firstVerdict: HeaderVerdict, tailState: TailState): boolean {
  return firstVerdict === 'bad-magic' || (firstVerdict === 'zero' && tailState !== 'clean-end')
}

/** What is wrong with a journal, beyond what a crash explains. Pure. */
export type Complaint = 'not-a-journal' | 'damaged' | 'below-mark' | 'ambiguous-gap'

export function complaintAbout(findings: Findings): Complaint | undefined {
  const { mark, cleanEnd, tailState } = findings
  if (mark.state !== 'bound') {
    if (findings.isForeign) return 'not-a-journal'
    if (findings.isGapSuspected) return 'ambiguous-gap'
  } else if (cleanEnd < mark.mark.durableLsn) {
    return 'below-mark'
  }
  return isRecoverable(tailState) ? undefined : 'damaged'
}

/** The error for a complaint that the options do not settle, or undefined if the open may go on. Pure. */
export function refusal(
  findings: Findings,
  path: string,
  onDamage: DamagePolicy,
  gaps: GapPolicy,
): FsysError | undefined {
  const complaint = complaintAbout(findings)
  if (complaint === undefined) return undefined
  const { cleanEnd, tailState } = findings
  const facts = { path, lsn: cleanEnd, tailState }
  const attempt = `cannot open journal ${JSON.stringify(path)}`
  switch (complaint) {
    case 'not-a-journal':
      return new FsysError('ERR_FSYS_NOT_A_JOURNAL', `${attempt}: the file does not begin like a journal`, facts)
    case 'ambiguous-gap':
      if (gaps !== 'refuse') return undefined
      return new FsysError(
        'ERR_FSYS_AMBIGUOUS_GAP',
        `${attempt}: zeros at LSN ${cleanEnd}, and records behind them: a power cut may have left them, or an older direct-mode ` +
          "writer. Open it with gaps: 'cut' to go on before the zeros (what is behind them is saved), or gaps: 'skip' to " +
          'keep what is behind them',
        facts,
      )
    case 'below-mark':
    case 'damaged': {
      if (onDamage === 'cut') return undefined
      const what =
        complaint === 'damaged'
          ? `${tailState} at LSN ${cleanEnd}, which no crash explains`
          : `its valid records end at LSN ${cleanEnd}, but all below ${markedLsn(findings)} was once confirmed`
      return new FsysError(
        'ERR_FSYS_DAMAGED',
        `${attempt}: ${what}. Restore it from a backup, or save and cut off what is damaged: \`fsys repair\`, or onDamage: 'cut'`,
        facts,
      )
    }
  }
}

function markedLsn({ mark }: Findings): number {
  return mark.state === 'bound' ? mark.mark.durableLsn : 0
}

/**
 * Makes the file end at the clean end, and what is below durable whatever the page cache believes: saves what is cut off,
 * cuts, writes again what the mark does not vouch for, and syncs it all before any new byte is written (D6, D7).
 */
export function* mend(
  recovered: Recovered,
  kernel: Kernel,
  findings: Findings,
  mark: MarkKeeper | undefined,
  permissions: number,
): Steps<Pick<Recovery, 'bytesCut' | 'savedTail' | 'bytesRewritten' | 'isBelowMark'>> {
  const { file, origin } = recovered
  const { cleanEnd, fileSize } = findings
  const isBelowMark = findings.mark.state === 'bound' && cleanEnd < findings.mark.mark.durableLsn
  const bytesCut = Math.max(fileSize - cleanEnd, 0)
  const savedTail = bytesCut === 0 ? undefined : yield* saveOrRefuse(recovered, kernel, findings, permissions)
  if (isBelowMark || isBelowGapFree(findings)) yield* mark?.lowerTo(cleanEnd) ?? nothing()
  if (bytesCut > 0) yield* call(file, 'truncate', cleanEnd)
  const trusted = findings.mark.state === 'bound' ? findings.mark.mark.durableLsn : origin
  if (trusted < cleanEnd) yield* rewrite(recovered, kernel, trusted, cleanEnd)
  yield* call(file, 'sync')
  if (trusted < cleanEnd) yield* requireUnchanged(recovered, kernel, findings, trusted)
  return { bytesCut, savedTail, bytesRewritten: Math.max(cleanEnd - trusted, 0), isBelowMark }
}

/**
 * Writes a part of the file again in place: past the page cache where that can be, and else through it.
 *
 * Through it is not enough on ext4. When writing back new blocks has failed, their pages go on as if they were mapped to
 * written blocks, while the file's extent on the disk still says that they are not: what is written to these pages later
 * is synced without an error, and reads as zeros after a power cut [seen on Linux 6.18].
 */
function* rewrite({ storage, path, file }: Recovered, kernel: Kernel, from: number, to: number): Steps<void> {
  const direct = yield* openPastCache(storage, path)
  if (direct !== undefined) {
    try {
      if (yield* rewriteDirect(file, direct, kernel, from, to)) return
    } finally {
      yield* call(direct, 'close')
    }
  }
  for (let position = from; position < to;) {
    const piece = kernel.bytes.subarray(0, Math.min(kernel.bytes.length, to - position))
    yield* readWhole(file, piece, position)
    yield* writeWhole(file, piece, position)
    position += piece.length
  }
}

/** A multiple of what devices ask for. Where one asks for more, it refuses, and the page cache has to do. */
const DIRECT_BYTES = 4096

/** What is beyond the end in the last block is zeros for a moment. False if the device wants another alignment, or the file cannot be padded. */
function* rewriteDirect(
  cached: StorageFile,
  direct: StorageFile,
  kernel: Kernel,
  from: number,
  to: number,
): Steps<boolean> {
  for (let position = from - (from % DIRECT_BYTES); position < to;) {
    const length = Math.min(kernel.bytes.length, to - position)
    yield* readWhole(cached, kernel.bytes.subarray(0, length), position)
    const piece = kernel.bytes.subarray(0, Math.ceil(length / DIRECT_BYTES) * DIRECT_BYTES)
    piece.fill(0, length)
    try {
      yield* writeWhole(direct, piece, position)
    } catch (error) {
      // What the last block is padded with can be too much where the file is as large as files can be.
      if (errnoOf(error) !== 'EINVAL' && errnoOf(error) !== 'EFBIG') throw error
      yield* call(cached, 'truncate', to)
      return false
    }
    position += piece.length
  }
  yield* call(cached, 'truncate', to)
  return true
}

/** Undefined where there is no such way to the file. */
function* openPastCache(storage: Storage, path: string): Steps<StorageFile | undefined> {
  try {
    return yield* call(storage, 'open', path, 'direct')
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EINVAL' || errno === 'ENOTSUP') return undefined
    throw error
  }
}

/** What is appended at the clean end must not be taken for the work of an older writer, whose gaps are skipped. */
function isBelowGapFree({ mark, cleanEnd }: Findings): boolean {
  return mark.state === 'bound' && cleanEnd < mark.mark.gapFreeLsn
}

/**
 * What was read and judged may have stood in cached pages that a failed sync had left clean and that were dropped before
 * they could be read again: then what was written again is what the disk had, and the journal ends before it (D6). What is
 * read now has been synced.
 */
function* requireUnchanged(
  { path, file, origin }: Recovered,
  kernel: Kernel,
  { cleanEnd, gaps }: Findings,
  trusted: number,
): Steps<void> {
  let end = trusted
  // A mark that is not where a frame ends is none of ours; its journal is walked from the beginning.
  for (const from of new Set([trusted, origin])) {
    const skipGapsBelow = gaps > 0 && from === origin ? cleanEnd : 0
    const cursor = new FrameCursor(file, kernel, { from, fileSize: cleanEnd, skipGapsBelow, wantsLargePayloads: false })
    while (yield* cursor.advance());
    if (cursor.position === cleanEnd && cursor.gapCount === (skipGapsBelow > 0 ? gaps : 0)) return
    end = cursor.position
  }
  throw new FsysError(
    'ERR_FSYS_CHANGED',
    `cannot open journal ${JSON.stringify(path)}: its records were whole up to LSN ${cleanEnd} when they were read at first, and up to ` +
      `LSN ${end} when they had been synced`,
    { path, lsn: end },
  )
}

// oxlint-disable-next-line require-yield
function* nothing(): Steps<void> {}

function* saveOrRefuse(
  { storage, path, file }: Recovered,
  kernel: Kernel,
  { cleanEnd, fileSize, tailState }: Findings,
  permissions: number,
): Steps<SavedTail | undefined> {
  try {
    return yield* saveTail(storage, path, { file, from: cleanEnd, to: fileSize }, kernel, permissions)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    throw new FsysError(
      'ERR_FSYS_TAIL_NOT_SAVED',
      `cannot open journal ${JSON.stringify(path)}: what a crash left past LSN ${cleanEnd} could not be saved beside it, so it was ` +
        `not cut off: ${(error as Error).message}`,
      { cause: error, errno, path, lsn: cleanEnd, tailState },
    )
  }
}
