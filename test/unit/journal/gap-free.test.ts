import assert from 'node:assert/strict'
import { test } from 'node:test'

import { openJournal } from '#src/journal/open-journal.js'
import { openReader } from '#src/journal/reader.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { run } from '#src/storage/steps.js'
import type { Storage } from '#src/storage/storage.js'
import { writeWhole } from '#src/storage/whole.js'

import { frame } from '../../support/frames.js'

const path = '/app.wal'

async function writeAt(storage: Storage, position: number, bytes: Uint8Array): Promise<void> {
  const file = await storage.open(path, 'write')
  await run(writeWhole(file, bytes, position))
  await file.close()
}

test('a cut below the gap-free LSN lowers it: no later gap is taken for history (D3)', async () => {
  const storage = new SimDisk().process()
  await (await storage.open(path, 'create')).close()
  await writeAt(storage, 0, frame('one'))
  await writeAt(storage, 512, frame('two'))
  await writeAt(storage, 1024, frame('three'))
  await (await openJournal(path, { storage, gaps: 'skip' })).close()

  // The second record is damaged, and so the first gap has no valid frame behind it.
  await writeAt(storage, 521, Buffer.from('X'))
  const journal = await openJournal(path, { storage, onDamage: 'cut' })
  assert.equal(journal.info.recovery.isBelowMark, true)
  await journal.commit('next')
  await journal.close()
  const end = journal.nextLsn

  // What a power cut leaves of unsynced records of ours: a page is lost, the one behind it is kept.
  await writeAt(storage, 512, frame('behind a hole'))
  const reopened = await openJournal(path, { storage })
  assert.equal(reopened.info.recovery.tailState, 'truncated-header')
  assert.equal(reopened.info.recovery.cleanEnd, end)
  assert.equal(reopened.info.recovery.gaps, 0)
  await reopened.close()
  const reader = openReader(path, { storage })
  assert.deepEqual(
    Array.from(reader, ({ payload }) => payload.toString()),
    ['one', 'next'],
  )
  reader.close()
})
