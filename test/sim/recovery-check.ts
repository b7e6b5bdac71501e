import { openReader } from '#src/journal/reader.js'
import type { Recovery } from '#src/journal/recovery.js'
import type { SimDisk } from '#src/storage/sim/sim-disk.js'

import { must } from './model.js'
import { referenceFrame } from './reference.js'
import { PATH, type World } from './world.js'

/** A disk after a crash, and what the journal on it must still hold. */
export interface CrashPoint {
  readonly disk: SimDisk
  readonly least: number
  /** Before which operation of the disk that it is a copy of it came. */
  readonly at?: number
}

const LOCK = `${PATH}.lock`
const GOES_ON = Buffer.from('it goes on')
const GOES_ON_FRAME = referenceFrame(GOES_ON)

/**
 * One crash, to its end: what has survived is compared with the model, the journal is opened, what it cut off must have been
 * saved, it takes and confirms one record more, and all of that must then survive whatever happens next.
 *
 * Counts as one schedule. Not as one, and all that is left to do, if the file is no journal any more because its first page
 * was lost before anything was confirmed, on a file system without birth times.
 */
export function checkRecovery(world: World, point: CrashPoint): void {
  try {
    recover(world, point)
  } catch (error) {
    const { disk, at } = point
    if (error instanceof Error && at !== undefined && disk.trace.length > 0) {
      error.message += `\nafter a power cut before operation ${at}:\n${disk.trace.join('\n')}`
    }
    throw error
  }
}

function recover(world: World, { disk, least }: CrashPoint): void {
  const { model, counts } = world
  const before = disk.operationCount
  const image = disk.image(PATH) ?? NOTHING
  const cleanEnd = model.prefixOf(image, least, 'crash')
  if (disk.image(LOCK, 0, 0) !== undefined) counts.takeovers++
  const storage = disk.process()
  let journal
  try {
    journal = world.openSync(storage)
  } catch (error) {
    counts.operations += disk.operationCount - before
    if (world.hasLostItsBeginning(error, least)) return
    throw error
  } finally {
    // Whoever wants something to happen wants it during the recovery.
    disk.faults = undefined
  }
  try {
    const end = journal.nextLsn
    must(end === cleanEnd, 'D6', () => `opened at ${end}, but the valid records end at ${cleanEnd}`)
    must(journal.durableLsn === end, 'D6', () => `of ${end}, only ${journal.durableLsn} is durable after the open`)
    const { recovery } = journal.info
    const tail = checkTailSaved(disk, image, cleanEnd, recovery)
    if (tail.length > 0) counts.tailsSaved++
    const lsn = journal.append(GOES_ON)
    must(journal.syncThroughSync(lsn) === lsn, 'D1', () => `the first record after the open is not durable`)
    checkWhatIsDurable(world, disk, cleanEnd, tail, recovery)
    if (counts.schedules % 4 === 0) checkReader(world, disk, cleanEnd)
  } finally {
    journal.closeSync()
  }
  must(disk.violations.length === 0, 'D4b', () => disk.violations.join('; '))
  counts.operations += disk.operationCount - before
  counts.schedules++
}

/**
 * D7: nothing is cut off that was not saved, but for zeros at the end, of which some can belong to the checksum of a record.
 * Returns what was saved, as it stood in the file.
 */
function checkTailSaved(disk: SimDisk, image: Uint8Array, cleanEnd: number, { savedTail }: Recovery): Uint8Array {
  let end = image.length
  while (end > cleanEnd && image[end - 1] === 0) end--
  if (end === cleanEnd) {
    must(savedTail === undefined, 'D7', () => `a tail of zeros was saved`)
    return NOTHING
  }
  const saved = disk.image(savedTail?.path ?? '') ?? NOTHING
  const zeros = saved.length - (end - cleanEnd)
  must(zeros >= 0, 'D7', () => `${end - cleanEnd} bytes were cut off, of which ${saved.length} were saved`)
  const tail = image.subarray(cleanEnd, cleanEnd + saved.length)
  must(zeros <= CHECKSUM_BYTES && isSame(saved, tail), 'D7', () => `what was saved is not what was cut off`)
  return tail
}

const CHECKSUM_BYTES = 4

/** D1, D6, D7: after a power cut that leaves nothing unsynced. */
function checkWhatIsDurable(
  world: World,
  disk: SimDisk,
  cleanEnd: number,
  tail: Uint8Array,
  { savedTail }: Recovery,
): void {
  const image = disk.durableImage(PATH) ?? NOTHING
  world.model.prefixOf(image.subarray(0, cleanEnd), cleanEnd, 'power cut after the recovery')
  const last = image.subarray(cleanEnd, cleanEnd + GOES_ON_FRAME.length)
  must(isSame(last, GOES_ON_FRAME), 'D1', () => `the record confirmed after the recovery is lost at a power cut`)
  if (savedTail === undefined) return
  const saved = disk.durableImage(savedTail.path)
  must(saved !== undefined && isSame(saved, tail), 'D7', () => `the saved tail is lost at a power cut`)
}

/** D2, D3: a reader gives what the model says, and behind it the record that was added. */
function checkReader(world: World, disk: SimDisk, cleanEnd: number): void {
  using reader = openReader(PATH, { storage: disk.process() })
  const records = Array.from(reader)
  const last = records.pop()
  must(last !== undefined && isSame(last.payload, GOES_ON), 'D2', () => `the reader does not give the last record`)
  for (const [index, { payload }] of records.entries()) world.model.readsRecord(index, payload)
  world.model.readsEnd(records.length, cleanEnd)
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}

const NOTHING = new Uint8Array(0)
