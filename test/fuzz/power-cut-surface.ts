import { FsysError } from '#src/errors.js'
import type { Journal } from '#src/journal/journal.js'
import { openJournalSync } from '#src/journal/open-journal.js'
import { faultAt } from '#src/storage/sim/faults.js'
import { Random } from '#src/storage/sim/random.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { PowerLossError } from '#src/storage/sim/sim-errors.js'

import { must } from '../sim/model.js'
import { referenceFrame } from '../sim/reference.js'
import type { Input } from './input.js'
import { makeJournal } from './make-journal.js'
import { type ReferenceMark, slotOf } from './reference-mark.js'
import { judge, savedBytes } from './reference-recovery.js'
import type { Surface, Tally } from './surface.js'

const DIRECTORY = '/data'
const PATH = `${DIRECTORY}/app.wal`
const POLICIES = { gaps: 'cut', onDamage: 'cut' } as const
const COMMITTED = Buffer.from('committed')

/** Any bytes on the simulated disk, opened; the power goes somewhere on the way; and opened again: nothing is lost. */
export const powerCutSurface: Surface = {
  name: 'power-cut',
  make(random, bases) {
    return { journal: makeJournal(random, bases), beside: {}, choices: random.bits() }
  },
  check(input, tally) {
    const random = new Random(input.choices)
    const disk = new SimDisk({ seed: input.choices, birthTimes: random.chance(0.9) })
    const mark = putJournal(disk, input, random)
    const { found, refusal, isBelowMark } = judge(input.journal, mark, POLICIES)
    if (refusal !== undefined) return staysRefused(disk, input, refusal, tally)

    disk.faults = faultAt(disk.operationCount + random.below(60), 'power-cut')
    const committedLsn = openAndCommit(disk, tally)
    if (disk.faults !== undefined) disk.cutPower()
    disk.faults = undefined

    // Once it was opened, nothing that was cut off is missed any more.
    const onDamage = committedLsn > 0 ? 'refuse' : 'cut'
    const journal = openJournalSync(PATH, { storage: disk.process(), ...POLICIES, onDamage })
    if (isBelowMark && committedLsn > 0) tally.add('cut below the mark, and not missed')
    const valid = input.journal.subarray(0, found.position)
    const longest = Buffer.concat([valid, referenceFrame(COMMITTED)])
    const { cleanEnd } = journal.info.recovery
    must(
      cleanEnd === valid.length || cleanEnd === longest.length,
      'D2',
      () => `it ends at ${cleanEnd} after a power cut`,
    )
    must(cleanEnd >= committedLsn, 'D1', () => `it ends at ${cleanEnd}, but ${committedLsn} was confirmed`)
    const bytes = disk.image(PATH) ?? new Uint8Array(0)
    must(longest.subarray(0, cleanEnd).equals(bytes), 'D3', () => 'other bytes after a power cut')
    const tail = savedBytes(input.journal.subarray(valid.length))
    must(tail === undefined || isSaved(disk, tail), 'D7', () => 'the tail was cut off, and is nowhere')
    journal.closeSync()
  },
  goals: ['cut while opening', 'cut after the commit', 'cut below the mark, and not missed', 'refused'],
}

/** With a mark that says anything of it, or without. */
function putJournal(disk: SimDisk, { journal }: Input, random: Random): ReferenceMark | undefined {
  disk.makeDirectory(DIRECTORY)
  put(disk, PATH, journal)
  const facts = disk.process().statSync(PATH)
  if (facts === undefined || facts.birthTime === 0n || random.chance(0.4)) return undefined
  const { inode, birthTime } = facts
  const durableLsn = BigInt(random.below(journal.length + 20))
  const mark = { sequence: 1n, inode, birthTime, gapFreeLsn: 0n, durableLsn }
  put(disk, `${PATH}.mark`, slotOf(mark))
  return mark
}

function put(disk: SimDisk, path: string, bytes: Uint8Array): void {
  const storage = disk.process()
  const file = storage.openSync(path, 'create')
  for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done), done)
  file.syncSync()
  file.closeSync()
  storage.syncDirectorySync(DIRECTORY)
}

function staysRefused(disk: SimDisk, { journal }: Input, refusal: string, tally: Tally): void {
  try {
    openJournalSync(PATH, { storage: disk.process(), ...POLICIES })
  } catch (error) {
    must(error instanceof FsysError && error.code === refusal, 'D7', () => String(error))
    must(journal.equals(disk.image(PATH) ?? new Uint8Array(1)), 'D7', () => 'refused, but not untouched')
    tally.add('refused')
    return
  }
  must(false, 'D7', () => `opened, but it must be refused: ${refusal}`)
}

/** The LSN that was confirmed; 0 if the power went before. */
function openAndCommit(disk: SimDisk, tally: Tally): number {
  let confirmedLsn = 0
  try {
    const journal: Journal = openJournalSync(PATH, { storage: disk.process(), ...POLICIES })
    confirmedLsn = journal.syncThroughSync(journal.append(COMMITTED))
    disk.cutPower()
    tally.add('cut after the commit')
    try {
      journal.closeSync()
    } catch {
      // Its disk has lost power.
    }
  } catch (error) {
    if (!isPowerLoss(error)) throw error
    tally.add('cut while opening')
  }
  return confirmedLsn
}

function isPowerLoss(error: unknown): boolean {
  return error instanceof PowerLossError || (error instanceof Error && error.cause instanceof PowerLossError)
}

function isSaved(disk: SimDisk, tail: Buffer): boolean {
  const saved = disk.files().filter((path) => path.startsWith(`${PATH}.corrupt-`) && !path.endsWith('.new'))
  return saved.some((path) => tail.equals((disk.image(path) ?? new Uint8Array(0)).subarray(0, tail.length)))
}
