import assert from 'node:assert/strict'
import { test } from 'node:test'

import { KernelPool } from '#src/checksum/kernel-pool.js'
import { decodeMark } from '#src/journal/mark.js'
import { openJournal } from '#src/journal/open-journal.js'
import { openReader } from '#src/journal/reader.js'
import { type ResetReport, reset } from '#src/journal/reset.js'
import { faultAt } from '#src/storage/sim/faults.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { run, runSync } from '#src/storage/steps.js'
import type { Storage } from '#src/storage/storage.js'
import { writeWhole } from '#src/storage/whole.js'

import { frame } from '../../support/frames.js'

const path = '/app.wal'
const memory = new KernelPool()

function startOver(storage: Storage, force = false): Promise<ResetReport> {
  return run(reset(path, { storage, memory, force, fileMode: 0o600 }))
}

async function makeJournal(storage: Storage, records: readonly string[]): Promise<void> {
  const journal = await openJournal(path, { storage })
  journal.appendBatch(records)
  await journal.syncThrough(journal.nextLsn)
  await journal.close()
}

/** A file that was there before this project: made durable, name and all. */
async function makeFile(storage: Storage, bytes: Uint8Array): Promise<void> {
  const file = await storage.open(path, 'create')
  await run(writeWhole(file, bytes, 0))
  await file.sync()
  await file.close()
  await storage.syncDirectory('/')
}

async function overwrite(storage: Storage, bytes: Uint8Array, size: number): Promise<void> {
  const file = await storage.open(path, 'write')
  await file.truncate(size)
  await run(writeWhole(file, bytes, 0))
  await file.sync()
  await file.close()
}

function recordsOf(storage: Storage): string[] {
  const reader = openReader(path, { storage, gaps: 'skip' })
  const records = Array.from(reader, ({ payload }) => payload.toString())
  reader.close()
  return records
}

function marksOf(disk: SimDisk): { durableLsn: number | undefined; gapFreeLsn: number | undefined }[] {
  const bytes = Buffer.from(disk.image(`${path}.mark`) as Uint8Array)
  return [0, 4096].map((position) => {
    const mark = decodeMark(bytes.subarray(position))
    return { durableLsn: mark?.durableLsn, gapFreeLsn: mark?.gapFreeLsn }
  })
}

const nothingClaimed = { durableLsn: 0, gapFreeLsn: 0 }
const older = Buffer.concat([Buffer.concat([frame('one')], 512), frame('two')])

test('reset saves what the journal held, and leaves an empty one with a mark that claims nothing (D7)', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  await makeJournal(storage, ['one', 'two'])
  const before = disk.image(path) as Uint8Array
  const { findings, saved } = await startOver(storage)
  assert.equal(findings.records, 2)
  assert.deepEqual(saved, { path: `${path}.corrupt-0`, bytes: 30, validFrames: 2, isAtLeast: false })
  assert.deepEqual(disk.image(`${path}.corrupt-0`), before)
  assert.equal(disk.image(path)?.length, 0)
  assert.deepEqual(marksOf(disk), [nothingClaimed, nothingClaimed])
  assert.deepEqual(disk.files(), [path, `${path}.corrupt-0`, `${path}.mark`])

  await makeJournal(storage, ['new'])
  assert.deepEqual(recordsOf(storage), ['new'])
  assert.deepEqual(disk.violations, [])
})

test('reset, blocking, starts over a journal that was emptied in place', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  await makeJournal(storage, ['one'])
  await overwrite(storage, Buffer.alloc(0), 0)
  await assert.rejects(openJournal(path, { storage }), { code: 'ERR_FSYS_DAMAGED' })
  const report = runSync(reset(path, { storage, memory, force: false, fileMode: 0o600 }))
  assert.equal(report.saved, undefined)
  await makeJournal(storage, ['new'])
  assert.deepEqual(recordsOf(storage), ['new'])
})

test('reset of a journal whose mark is lost makes one', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  await makeFile(storage, older)
  await startOver(storage)
  assert.deepEqual(marksOf(disk), [nothingClaimed, nothingClaimed])
})

test('after a reset, no gap of the new journal is taken for history (D3)', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  await makeFile(storage, older)
  await (await openJournal(path, { storage, gaps: 'skip' })).close()
  assert.equal(marksOf(disk)[0]?.gapFreeLsn, older.length)
  await startOver(storage)
  assert.deepEqual(marksOf(disk), [nothingClaimed, nothingClaimed])
})

test('reset refuses what never was a journal, unless it is forced (D7)', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  const text = Buffer.from('a letter to somebody')
  await makeFile(storage, text)
  await assert.rejects(startOver(storage), { code: 'ERR_FSYS_NOT_A_JOURNAL' })
  assert.deepEqual(disk.files(), [path])
  assert.deepEqual(Buffer.from(disk.image(path) as Uint8Array), text)
  await startOver(storage, true)
  assert.equal(disk.image(path)?.length, 0)
  assert.deepEqual(Buffer.from(disk.image(`${path}.corrupt-0`) as Uint8Array), text)
})

test('reset takes the lock, and lets go of it (D8)', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  const journal = await openJournal(path, { storage })
  await assert.rejects(startOver(disk.process()), { code: 'ERR_FSYS_LOCKED' })
  await assert.rejects(startOver(storage), { code: 'ERR_FSYS_LOCKED' })
  await journal.close()
  await startOver(disk.process())
  await startOver(storage)
})

test('reset of what is not there, or no file, fails', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  await assert.rejects(startOver(storage), { code: 'ERR_FSYS_NOT_FOUND' })
  disk.makeDirectory(path)
  await assert.rejects(startOver(storage), { code: 'ERR_FSYS_NOT_A_FILE' })
  assert.deepEqual(disk.files(), [])
})

const old = ['one', 'two']

/** What a journal was before the reset, and whether it can be opened then. */
const beginnings: Record<string, { make: (storage: Storage) => Promise<void>; opens: boolean }> = {
  'a journal': { make: (storage) => makeJournal(storage, old), opens: true },
  'a journal without a mark': { make: (storage) => makeFile(storage, Buffer.concat(old.map(frame))), opens: true },
  'a journal that was emptied in place': {
    make: async (storage) => {
      await makeJournal(storage, old)
      await overwrite(storage, Buffer.alloc(0), 0)
    },
    opens: false,
  },
  'a journal with gaps of an older writer': {
    make: async (storage) => {
      await makeFile(storage, older)
      await (await openJournal(path, { storage, gaps: 'skip' })).close()
    },
    opens: true,
  },
}

for (const [name, { make, opens }] of Object.entries(beginnings)) {
  for (const crash of ['power-cut', 'kill'] as const) {
    test(`a ${crash} during the reset of ${name} leaves it, or an empty journal`, async () => {
      let wasOver = false
      for (let step = 0; !wasOver; step++) {
        for (let seed = 1; seed <= 8; seed++) {
          const replay = `step ${step}, seed ${seed}`
          const disk = new SimDisk({ seed })
          await make(disk.process())
          await disk.settle()
          disk.faults = faultAt(disk.operationCount + step, crash)
          const outcome = await startOver(disk.process()).then(
            () => true,
            () => false,
          )
          wasOver = outcome
          disk.faults = undefined
          await disk.settle()
          const storage = disk.process()
          const journal = await openJournal(path, { storage }).catch((error: unknown) => error)
          if (journal instanceof Error) {
            assert.ok(!opens && !outcome, `${replay}: ${journal.message}`)
            await startOver(storage)
          } else {
            await (journal as Awaited<ReturnType<typeof openJournal>>).close()
            const records = recordsOf(storage)
            if (records.length > 0) assert.deepEqual(records, old, replay)
            else assert.ok(outcome || disk.image(path)?.length === 0, replay)
            if (outcome) assert.deepEqual(records, [], replay)
          }
          // Whatever it is, it takes records now, and keeps them.
          const kept = recordsOf(storage)
          await makeJournal(storage, ['new'])
          assert.deepEqual(recordsOf(storage), [...kept, 'new'], replay)
          const marks = marksOf(disk)
          if (kept.length === 0) assert.deepEqual(marks[0]?.gapFreeLsn, 0, replay)
        }
      }
    })
  }
}
