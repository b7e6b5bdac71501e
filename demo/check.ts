import { type JournalRecord, type Recovery, openReader } from 'fsys'

import type { Acknowledgements } from './acknowledgements.js'
import { walkFrames } from './frames.js'
import { LineReader } from './lines.js'
import { digestSavedTail, digestTail } from './tail.js'

/** What stands in a journal, and whether it is what it must be. */
export interface Check {
  readonly records: number
  /** All records together. */
  readonly textBytes: number
  /** How many of the records had not been acknowledged. */
  readonly unacknowledged: number
  /** The end of the last valid record. */
  readonly cleanEnd: number
  readonly fileBytes: number
  /** What the library's reader says of the bytes behind it. */
  readonly tailState: string
  /** By which these bytes are recognised where recovery saves them; undefined if there are none but zeros. */
  readonly tailDigest: string | undefined
  /** The first thing that is not as it must be. */
  readonly difference: Difference | undefined
}

export interface Difference {
  /** What was compared, and how it failed. */
  readonly what: string
  /** Counted from 0. */
  readonly line: number
  readonly lsn: number
  readonly expected: string
  readonly found: string
}

/**
 * Compares a journal that nobody writes to with the lines of the input and with what was acknowledged: its records must be
 * the input's first lines, each once and in order, byte for byte; and each acknowledged line must be among them and end
 * at its LSN. The journal is decoded here by a few lines of our own; the library's reader must then say the same.
 */
export async function checkJournal(
  journalPath: string,
  inputPath: string,
  acknowledgements: Acknowledgements,
  signal?: AbortSignal,
): Promise<Check> {
  using lines = new LineReader(inputPath)
  using reader = openReader(journalPath)
  const seenByReader = reader[Symbol.iterator]()
  let records = 0
  let textBytes = 0
  let acknowledged = 0
  let difference: Difference | undefined
  const compare = (payload: Buffer, lsn: number, endLsn: number): boolean => {
    const lsnOfLine = acknowledgements.lsnOf(records)
    difference =
      compareText(payload, lines.next(), records, lsn, inputPath) ??
      compareLsn(lsnOfLine, endLsn, records) ??
      compareReader(seenByReader.next().value, payload, records, lsn, endLsn)
    if (difference !== undefined) return false
    if (lsnOfLine !== undefined) acknowledged++
    textBytes += payload.length
    records++
    return true
  }
  const { cleanEnd, fileBytes } = await walkFrames(journalPath, compare, signal)
  difference ??=
    compareReaderEnd(seenByReader.next().value, reader.position, records, cleanEnd) ??
    findLost(acknowledgements, records, lines, `${reader.tailState} at LSN ${cleanEnd}`)
  return {
    records,
    textBytes,
    unacknowledged: records - acknowledged,
    cleanEnd,
    fileBytes,
    tailState: reader.tailState ?? 'unknown',
    tailDigest: difference === undefined ? await digestTail(journalPath, cleanEnd) : undefined,
    difference,
  }
}

/** Compares what a recovery says with what stood in the journal before it: it must have found that, and saved what it cut. */
export function compareRecovery(recovery: Recovery, { records, cleanEnd, tailDigest }: Check): Difference | undefined {
  const where = { line: records, lsn: cleanEnd }
  if (recovery.records !== records || recovery.cleanEnd !== cleanEnd) {
    return {
      ...where,
      what: 'recovery has found something else than stood in the file',
      expected: `${records} records, and the end at LSN ${cleanEnd}`,
      found: `${recovery.records} records, and the end at LSN ${recovery.cleanEnd}`,
    }
  }
  const { savedTail } = recovery
  const savedDigest = savedTail === undefined ? undefined : digestSavedTail(savedTail.path)
  if (savedDigest === tailDigest) return undefined
  return {
    ...where,
    what: 'recovery has not saved what it has cut off',
    expected: tailDigest === undefined ? 'nothing to save' : `bytes of SHA-256 ${tailDigest}`,
    found: savedTail === undefined ? 'nothing saved' : `${savedTail.path}, of SHA-256 ${savedDigest}`,
  }
}

function compareText(
  found: Buffer,
  expected: Buffer | undefined,
  line: number,
  lsn: number,
  inputPath: string,
): Difference | undefined {
  if (expected?.equals(found)) return undefined
  if (expected === undefined) {
    const what = 'the journal holds a record more than the input has lines'
    return { what, line, lsn, expected: 'the end of the journal', found: quote(found) }
  }
  const twin = findNear(inputPath, line, found)
  const hint = twin === undefined ? '' : `, which is the text of line ${twin + 1}`
  const from = firstDifference(expected, found)
  return {
    what: `the record is not what the input has there, from byte ${from} of it on`,
    line,
    lsn,
    expected: quote(expected, from),
    found: quote(found, from) + hint,
  }
}

function compareLsn(acknowledged: number | undefined, endLsn: number, line: number): Difference | undefined {
  if (acknowledged === undefined || acknowledged === endLsn) return undefined
  return {
    what: 'the line was acknowledged with an LSN at which it does not end',
    line,
    lsn: acknowledged,
    expected: `a record that ends at LSN ${acknowledged}`,
    found: `one that ends at LSN ${endLsn}`,
  }
}

function compareReader(
  seen: JournalRecord | void,
  payload: Buffer,
  line: number,
  lsn: number,
  endLsn: number,
): Difference | undefined {
  if (seen?.lsn === lsn && seen.endLsn === endLsn && seen.payload.equals(payload)) return undefined
  return {
    what: "the library's reader gives another record than stands in the file",
    line,
    lsn,
    expected: `${quote(payload)}, LSN ${lsn} to ${endLsn}`,
    found: seen ? `${quote(seen.payload)}, LSN ${seen.lsn} to ${seen.endLsn}` : 'nothing',
  }
}

function compareReaderEnd(
  seen: JournalRecord | void,
  position: number,
  line: number,
  cleanEnd: number,
): Difference | undefined {
  if (!seen && position === cleanEnd) return undefined
  return {
    what: "the library's reader does not end where the journal does",
    line,
    lsn: cleanEnd,
    expected: `the end at LSN ${cleanEnd}`,
    found: seen ? `a record at LSN ${seen.lsn}` : `the end at LSN ${position}`,
  }
}

/** The first line that was acknowledged and is not among the records. `lines` stands at the first that is not. */
function findLost(
  acknowledgements: Acknowledgements,
  records: number,
  lines: LineReader,
  end: string,
): Difference | undefined {
  for (let line = records; line < acknowledgements.lineCount; line++) {
    const expected = lines.next()
    const lsn = acknowledgements.lsnOf(line)
    if (lsn === undefined) continue
    return {
      what: 'the line was acknowledged and is lost',
      line,
      lsn,
      expected: expected === undefined ? 'no such line in the input' : quote(expected),
      found: `${records} records, and then ${end}`,
    }
  }
  return undefined
}

/** How far a record may have gone astray to be recognised. */
const NEAR_LINES = 1000

/** The line nearest to `line` that has this text, if there is one near. */
function findNear(inputPath: string, line: number, text: Buffer): number | undefined {
  using lines = new LineReader(inputPath)
  lines.skip(line - NEAR_LINES)
  let nearest: number | undefined
  while (lines.nextLine <= line + NEAR_LINES) {
    const number = lines.nextLine
    const candidate = lines.next()
    if (candidate === undefined) break
    const isNearer = nearest === undefined || Math.abs(number - line) < Math.abs(nearest - line)
    if (isNearer && candidate.equals(text)) nearest = number
  }
  return nearest
}

function firstDifference(a: Uint8Array, b: Uint8Array): number {
  let index = 0
  while (index < a.length && index < b.length && a[index] === b[index]) index++
  return index
}

/** How much of a record is shown: up to the first difference, and from there on. */
const QUOTED_BYTES_BEFORE = 40
const QUOTED_BYTES_AFTER = 80

/** Bytes around `at` as a person can read and compare them: one character a byte. */
function quote(bytes: Uint8Array, at = 0): string {
  const start = Math.max(0, at - QUOTED_BYTES_BEFORE)
  const end = Math.min(bytes.length, at + QUOTED_BYTES_AFTER)
  const text = JSON.stringify(Buffer.from(bytes).toString('latin1', start, end))
  return `${start > 0 ? '…' : ''}${text}${end < bytes.length ? '…' : ''} (${bytes.length} bytes)`
}
