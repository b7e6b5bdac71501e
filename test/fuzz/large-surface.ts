import { sharedKernelPool } from '#src/checksum/kernel-pool.js'
import { FsysError } from '#src/errors.js'
import { CHUNK_BYTES } from '#src/journal/frame-cursor.js'
import { openJournalSync } from '#src/journal/open-journal.js'
import { openReader } from '#src/journal/reader.js'
import { Random } from '#src/storage/sim/random.js'

import { must } from '../sim/model.js'
import { referenceFrame } from '../sim/reference.js'
import { MemoryStorage } from './memory-storage.js'
import { judge, savedBytes } from './reference-recovery.js'
import { type Surface, TAIL_STATES } from './surface.js'

const PATH = '/fuzz/app.wal'

/** Files of a few megabytes, whose frames meet the borders of real chunks; and records that are too large for a reader. */
export const largeSurface: Surface = {
  name: 'large',
  make(random) {
    return { journal: makeLarge(random), beside: {}, choices: random.bits() }
  },
  async check({ journal, choices }, tally) {
    const random = new Random(choices)
    const storage = new MemoryStorage()
    storage.put(PATH, journal)
    const { found } = judge(journal, undefined, { gaps: 'refuse', onDamage: 'cut' })
    const recordBytesMax = random.chance(0.5) ? CHUNK_BYTES : 2 ** 28 - 1
    const tooLarge = found.records.findIndex(({ lsn, endLsn }) => endLsn - lsn - 12 > recordBytesMax)
    const expected = tooLarge === -1 ? found.records : found.records.slice(0, tooLarge)
    const reader = openReader(PATH, { storage, recordBytesMax })
    let given = 0
    try {
      for await (const batch of reader.batches()) {
        for (let index = 0; index < batch.count; index++) {
          const place = expected[given++]
          must(place !== undefined, 'D3', () => `an invented record in the batch at ${batch.lsn}`)
          const { lsn, endLsn } = place as { lsn: number; endLsn: number }
          must(batch.payload(index).equals(journal.subarray(lsn + 8, endLsn - 4)), 'D3', () => `other bytes at ${lsn}`)
        }
      }
    } catch (error) {
      if (!(error instanceof FsysError)) throw error
      must(error.code === 'ERR_FSYS_RECORD_TOO_LARGE' && tooLarge !== -1, 'D9', () => error.message)
      tally.add('ERR_FSYS_RECORD_TOO_LARGE')
    } finally {
      reader.close()
    }
    must(given === expected.length, 'D2', () => `${given} records of ${expected.length}`)
    if (tooLarge === -1) must(reader.tailState === found.tailState, 'D2', () => `${reader.tailState}`)
    tally.add(`tail ${found.tailState}`)

    const opened = openJournalSync(PATH, { storage, onDamage: 'cut', gaps: 'cut', memory: sharedKernelPool })
    const { cleanEnd, savedTail } = opened.info.recovery
    must(cleanEnd === found.position, 'D6', () => `opened at ${cleanEnd}, not at ${found.position}`)
    const tail = savedBytes(journal.subarray(cleanEnd))
    const saved = savedTail === undefined ? undefined : storage.image(savedTail.path)?.subarray(0, tail?.length)
    must(tail === undefined ? saved === undefined : saved?.equals(tail) === true, 'D7', () => 'the tail was not saved')
    opened.closeSync()
  },
  goals: ['ERR_FSYS_RECORD_TOO_LARGE', ...TAIL_STATES.slice(0, 4).map((state) => `tail ${state}`)],
}

function makeLarge(random: Random): Buffer {
  const frames: Uint8Array[] = []
  let length = 0
  for (let index = 2 + random.below(4); index > 0; index--) {
    const payload = Buffer.alloc(sizeOf(random, length), `${index}`)
    const frame = referenceFrame(payload)
    frames.push(frame)
    length += frame.length
  }
  const file = Buffer.concat(frames)
  switch (random.below(6)) {
    case 0:
      return file.subarray(0, file.length - 1 - random.below(40))
    case 1:
      return Buffer.concat([file, Buffer.alloc(random.below(2 * CHUNK_BYTES))])
    case 2:
      file.writeUInt8(random.below(256), random.below(file.length))
      return file
    case 3:
      return zeroed(file, random, 4096)
    case 4:
      return Buffer.concat([file, Buffer.alloc(random.below(CHUNK_BYTES)), file.subarray(0, random.below(1000))])
    default:
      return file
  }
}

/** Often one after which the next header straddles the border of a chunk. */
function sizeOf(random: Random, length: number): number {
  const toBorder = CHUNK_BYTES - (length % CHUNK_BYTES) - 12
  const kind = random.below(5)
  if (kind === 0) return random.below(100)
  if (kind === 1) return CHUNK_BYTES - 20 + random.below(40)
  if (kind === 2) return random.below(Math.floor(1.5 * CHUNK_BYTES))
  return Math.max(toBorder - 10 + random.below(20), 0)
}

function zeroed(file: Buffer, random: Random, multiple: number): Buffer {
  const start = Math.max(random.below(Math.floor(file.length / multiple) + 1), 1) * multiple
  return file.fill(0, Math.min(start, file.length), Math.min(start + multiple, file.length))
}
