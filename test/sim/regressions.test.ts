import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { asLsn, openJournal, openJournalSync, openReader } from 'fsys'

import { faultOnNth } from '#src/storage/sim/faults.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

// What schedules have found, each told once more in the open.

const PATH = '/data/app.wal'

function makeDisk(seed: number): SimDisk {
  const disk = new SimDisk({ seed })
  disk.makeDirectory('/data')
  return disk
}

describe('found by schedules', () => {
  test('D6: a header torn by a short write, away from any sector boundary, is a torn tail and no damage', async () => {
    let torn = 0
    for (let seed = 1; seed <= 200; seed++) {
      const disk = makeDisk(seed)
      const journal = openJournalSync(PATH, { storage: disk.process() })
      await journal.commit('a confirmed record, which ends at LSN 52')
      // The kernel takes three bytes of the next frame, "FSY", and may write that page back before the rest comes.
      disk.faults = faultOnNth('write', 1, { short: 3 }, PATH)
      journal.append('b'.repeat(300))
      journal.flushSync()
      const after = disk.afterPowerCut(seed)
      const image = after.image(PATH) ?? new Uint8Array(0)
      if (image[52] === 0x46 && image[55] === 0) torn++
      const reopened = openJournalSync(PATH, { storage: after.process() })
      assert.equal(reopened.info.recovery.records >= 1, true, `seed ${seed}`)
      reopened.closeSync()
      disk.cutPower()
      await journal.close().catch(() => {})
    }
    assert.ok(torn > 0, 'no seed has torn the header')
  })

  test('D8: a draft of the lock that cannot be removed does not leave a lock that nobody lets go of', () => {
    const disk = makeDisk(1)
    disk.faults = faultOnNth('unlink', 1, { error: 'EIO' })
    const first = openJournalSync(PATH, { storage: disk.process() })
    first.closeSync()
    disk.faults = undefined
    openJournalSync(PATH, { storage: disk.process() }).closeSync()
  })

  test('D7: a journal whose mark cannot be made is not opened without one', async () => {
    const disk = makeDisk(1)
    disk.faults = faultOnNth('rename', 1, { error: 'EIO' })
    await assert.rejects(openJournal(PATH, { storage: disk.process() }), { code: 'ERR_FSYS_IO', errno: 'EIO' })
    assert.deepEqual(disk.files(), [])
  })
})

describe('a reader that is in use', () => {
  test('D10: closes although its descriptor does not: nothing that was read is less true', () => {
    const disk = makeDisk(1)
    const storage = disk.process()
    const journal = openJournalSync(PATH, { storage })
    journal.append('a')
    journal.closeSync()
    const reader = openReader(PATH, { storage })
    assert.equal(Array.from(reader).length, 1)
    disk.faults = faultOnNth('close', 1, { error: 'EIO' })
    reader.close()
    assert.throws(() => reader.scan(() => {}), { code: 'ERR_FSYS_CLOSED' })
  })

  test('refuses a second read while one is under way, and closes when that is over', async () => {
    const disk = makeDisk(1)
    const storage = disk.process()
    const journal = openJournalSync(PATH, { storage })
    journal.appendBatch(['a', 'b', 'c'])
    journal.closeSync()
    const reader = openReader(PATH, { storage })
    const reading = reader.batches().next()
    assert.throws(() => reader.scan(() => {}), { code: 'ERR_FSYS_BUSY' })
    assert.throws(() => reader.refresh(), { code: 'ERR_FSYS_BUSY' })
    await assert.rejects(reader.batches().next(), { code: 'ERR_FSYS_BUSY' })
    assert.equal((await reading).value?.count, 3)
    reader.seek(asLsn(0))
    const last = reader.batches().next()
    reader.close()
    assert.equal((await last).value?.count, 3)
    assert.throws(() => reader.scan(() => {}), { code: 'ERR_FSYS_CLOSED' })
    assert.deepEqual(disk.violations, [])
  })
})
