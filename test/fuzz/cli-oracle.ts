// What each command must answer, by its help, for a journal of which the reference says what stands in it.
import { isUtf8 } from 'node:buffer'

import { must } from '../sim/model.js'
import { referenceFrame } from '../sim/reference.js'
import type { ReferenceMark } from './reference-mark.js'
import { type Judgement, isForeign, judge, savedBytes } from './reference-recovery.js'
import { framesOf, linesOf } from './reference-split.js'
import { type Place, type Walk, walk } from './reference-walk.js'

/** All that the oracle needs to know about one call of a command. */
export interface Call {
  readonly command: string
  readonly options: readonly string[]
  readonly journal: Buffer
  readonly mark: ReferenceMark | undefined
  /** What the lock names. */
  readonly lock: 'nobody' | 'gone' | 'alive' | 'unreadable'
  /** For `append`: what it is to read. */
  readonly input: Buffer
}

export interface Outcome {
  readonly status: number
  readonly stdout: Buffer
  /** What stands in the directory afterwards, by name. */
  readonly files: ReadonlyMap<string, Buffer>
}

export interface Expected {
  readonly status: number
  check(outcome: Outcome): void
}

type Files = ReadonlyMap<string, Buffer>

const NAME = 'a.wal'

export function expectedOutcome(call: Call, before: Files): Expected {
  switch (call.command) {
    case 'append':
      return appending(call, before)
    case 'cat':
      return printing(call, before, forCat(call))
    case 'tail':
      return printing(call, before, forTail(call))
    case 'stat':
    case 'verify':
      return describing(call, before)
    case 'repair':
      return repairing(call, before)
    case 'reset':
      return resetting(call, before)
    default:
      return unlocking(call, before)
  }
}

/** Exit statuses 2 and 3, or undefined where nothing is wrong but what a crash explains. */
function complaint({ journal, mark }: Call, found: Walk): 2 | 3 | undefined {
  if (mark === undefined && isForeign(journal, found)) return 3
  const isBelow = mark !== undefined && found.position < mark.durableLsn
  const isGap = mark === undefined && found.isGapSuspected
  const isDamage = found.tailState === 'bad-magic' || found.tailState === 'length-overflow'
  return isBelow || isGap || isDamage ? 2 : undefined
}

function walkOf({ journal, mark }: Call, from: number, isSkipping: boolean): Walk {
  return walk(journal, from, mark === undefined ? (isSkipping ? Infinity : 0) : Number(mark.gapFreeLsn))
}

interface Printed {
  readonly records: readonly Place[]
  readonly status: number
}

function forCat(call: Call): Printed {
  const from = Number(valueOf(call, '--from') ?? 0)
  const limit = Number(valueOf(call, '-n') ?? Infinity)
  if (from > call.journal.length) return { records: [], status: 1 }
  const found = walkOf(call, from, call.options.includes('--gaps'))
  const records = found.records.slice(0, limit)
  if (records.length >= limit) return { records, status: 0 }
  const wrong = complaint(call, found)
  return { records, status: wrong !== undefined && from > 0 && records.length === 0 ? 1 : (wrong ?? 0) }
}

function forTail(call: Call): Printed {
  const found = walkOf(call, 0, false)
  const limit = Number(valueOf(call, '-n'))
  return { records: limit === 0 ? [] : found.records.slice(-limit), status: complaint(call, found) ?? 0 }
}

function printing(call: Call, before: Files, { records, status }: Printed): Expected {
  const format = call.options.includes('--json') ? asJson : call.options.includes('--frames') ? asFrame : asLine
  const expected = Buffer.concat(
    records.map((place) => format(call.journal.subarray(place.lsn + 8, place.endLsn - 4), place)),
  )
  return {
    status,
    check({ stdout, files }) {
      must(stdout.equals(expected), 'D3', () => `${call.command} prints ${String(stdout)}`)
      isUntouched(call, files, before)
    },
  }
}

function asLine(payload: Buffer): Buffer {
  return Buffer.concat([payload, Buffer.from('\n')])
}

function asFrame(payload: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(payload.length)
  return Buffer.concat([length, payload])
}

function asJson(payload: Buffer, { lsn, endLsn }: Place): Buffer {
  const shown = isUtf8(payload) ? { payload: payload.toString() } : { payloadBase64: payload.toString('base64') }
  return Buffer.from(`${JSON.stringify({ lsn, endLsn, ...shown })}\n`)
}

function describing(call: Call, before: Files): Expected {
  const found = walkOf(call, 0, false)
  const wrong = complaint(call, found)
  const torn = found.tailState === 'clean-end' ? 0 : 1
  const status = call.command === 'verify' ? (wrong ?? torn) : wrong === 3 ? 3 : 0
  return {
    status,
    check({ stdout, files }) {
      isUntouched(call, files, before)
      if (call.command === 'stat' && status === 3) return
      const said = JSON.parse(stdout.toString()) as { records: number; tail: { state: string; lsn: number } }
      must(said.records === found.records.length, 'D2', () => `it counts ${said.records} records`)
      const isRight = said.tail.state === found.tailState && said.tail.lsn === found.position
      must(isRight, 'D2', () => `it says ${said.tail.state} at ${said.tail.lsn}`)
    },
  }
}

/** D7: what is cut off is what was said to be, and stands beside the journal. */
function repairing(call: Call, before: Files): Expected {
  const gaps = valueOf(call, '--gaps') === 'skip' ? 'skip' : valueOf(call, '--gaps') === 'cut' ? 'cut' : 'refuse'
  const isDry = call.options.includes('--dry-run')
  const judgement = judge(call.journal, call.mark, { gaps, onDamage: 'cut' })
  const isLocked = call.lock === 'alive' || call.lock === 'unreadable'
  const refused = judgement.refusal === undefined ? 0 : judgement.refusal === 'ERR_FSYS_NOT_A_JOURNAL' ? 3 : 2
  // An open takes the lock before it looks, a dry run looks first.
  const status = isDry ? refused || (isLocked ? 1 : 0) : isLocked ? 1 : refused
  return {
    status,
    check({ stdout, files }) {
      if (isDry || status !== 0) isUntouched(call, files, before)
      else isMended(call, judgement, files)
      if (status !== 0) return
      const said = JSON.parse(stdout.toString()) as { cleanEnd: number; bytesCut: number; isBelowMark: boolean }
      const { found, isBelowMark } = judgement
      const isRight =
        said.cleanEnd === found.position &&
        said.bytesCut === call.journal.length - found.position &&
        said.isBelowMark === isBelowMark
      must(isRight, 'D7', () => `repair says ${String(stdout)}`)
    },
  }
}

function isMended({ journal }: Call, { found }: Judgement, files: Files): void {
  const valid = journal.subarray(0, found.position)
  must(files.get(NAME)?.equals(valid) === true, 'D7', () => 'the journal is not what was valid in it')
  isSaved(journal.subarray(found.position), found.position, files)
}

function isSaved(bytes: Buffer, lsn: number, files: Files): void {
  const expected = savedBytes(bytes)
  const saved = files.get(`${NAME}.corrupt-${lsn}`)
  const isRight = expected === undefined ? saved === undefined : saved?.subarray(0, expected.length).equals(expected)
  must(isRight === true, 'D7', () => 'what was cut off is not what was saved')
}

function resetting(call: Call, before: Files): Expected {
  const isDone = call.options.includes('--yes')
  const isLocked = isDone && (call.lock === 'alive' || call.lock === 'unreadable')
  const isNone = judge(call.journal, call.mark, { gaps: 'skip', onDamage: 'cut' }).refusal === 'ERR_FSYS_NOT_A_JOURNAL'
  const refused = isLocked ? 1 : isNone && !call.options.includes('--force') ? 3 : 0
  return {
    status: refused || (isDone ? 0 : 64),
    check({ files }) {
      if (refused !== 0 || !isDone) {
        isUntouched(call, files, before)
        return
      }
      must(files.get(NAME)?.length === 0, 'D7', () => 'the journal is not empty')
      isSaved(call.journal, 0, files)
    },
  }
}

/** D8: a lock goes only if its holder is gone, or says nothing and a person says so. */
function unlocking(call: Call, before: Files): Expected {
  const isKept = call.lock === 'alive' || (call.lock === 'unreadable' && !call.options.includes('--yes'))
  return {
    status: isKept ? 1 : 0,
    check({ files }) {
      if (isKept) isUntouched(call, files, before)
      else must(!files.has(`${NAME}.lock`), 'D8', () => 'the lock is still there')
      must(files.get(NAME)?.equals(call.journal) === true, 'D7', () => 'unlock has changed the journal')
    },
  }
}

function appending(call: Call, before: Files): Expected {
  const { found, refusal } = judge(call.journal, call.mark, { gaps: 'refuse', onDamage: 'refuse' })
  const bytesMax = Number(valueOf(call, '--record-bytes-max') ?? 2 ** 28 - 1)
  const split = (call.options.includes('--frames') ? framesOf : linesOf)(call.input, bytesMax)
  const isLocked = call.lock === 'alive' || call.lock === 'unreadable'
  const refused = isLocked ? 1 : refusal === undefined ? 0 : refusal === 'ERR_FSYS_NOT_A_JOURNAL' ? 3 : 2
  const frames = split.records.map((record) => referenceFrame(record))
  const expected = Buffer.concat([call.journal.subarray(0, found.position), ...frames])
  return {
    status: refused || (split.isWhole ? 0 : 1),
    check({ stdout, files }) {
      if (refused !== 0) {
        isUntouched(call, files, before)
        return
      }
      must(files.get(NAME)?.equals(expected) === true, 'D1', () => 'append has not appended what it was given')
      isSaved(call.journal.subarray(found.position), found.position, files)
      must(stdout.toString() === `${expected.length}\n`, 'D1', () => `append prints ${String(stdout)}`)
    },
  }
}

function isUntouched({ lock }: Call, files: Files, before: Files): void {
  // The lock of one who is gone goes to whoever asks, also where the journal is refused then.
  const isLeft = (name: string): boolean => lock !== 'gone' || name !== `${NAME}.lock`
  const isSame =
    [...before].every(([name, bytes]) => !isLeft(name) || files.get(name)?.equals(bytes)) &&
    [...files.keys()].every((name) => before.has(name))
  must(isSame, 'D7', () => `something has changed: ${[...files.keys()].join(', ')}`)
}

function valueOf({ options }: Call, name: string): string | undefined {
  const index = options.indexOf(name)
  return index === -1 ? undefined : options[index + 1]
}
