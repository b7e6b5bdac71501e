import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { type Journal, openReader } from 'fsys'

import { faultOnNth } from '#src/storage/sim/faults.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { openJournal, openJournalSync } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const PATH = '/data/app.wal'

async function commits(journal: Journal, count: number): Promise<void> {
  for (let record = 0; record < count; record++) await journal.commit(`record ${record}`)
}

function makeDisk(seed: number): SimDisk {
  const disk = new SimDisk({ seed })
  disk.makeDirectory('/data')
  return disk
}

describe('zeros written ahead', () => {
  test('stand past the records of an open journal, are no records, and are gone when it is closed', async () => {
    for (const close of ['close', 'closeSync'] as const) {
      const path = join(directory, `${close}.wal`)
      const journal = await openJournal(path)
      assert.deepEqual(journal.info.zeroAhead, { inUse: 'write' })
      await commits(journal, 30)
      assert.ok(statSync(path).size > journal.nextLsn + 65_536)
      assert.ok(
        readFileSync(path)
          .subarray(journal.nextLsn)
          .every((byte) => byte === 0),
      )
      const reader = openReader(path)
      assert.equal([...reader].length, 30)
      assert.equal(reader.tailState, 'clean-end')
      reader.close()
      await journal[close]()
      assert.equal(statSync(path).size, journal.nextLsn)
    }
  })

  test('D6 D7: are cut off by the next open after a crash, and are no torn tail to be saved', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const disk = makeDisk(seed)
      const journal = openJournalSync(PATH, { storage: disk.process(), zeroAheadBytes: 16_384 })
      await commits(journal, 12)
      assert.ok((disk.image(PATH)?.length ?? 0) > 4096)
      if (seed % 2 === 0) disk.cutPower()
      else disk.killProcess()
      const again = openJournalSync(PATH, { storage: disk.process() })
      assert.equal(again.info.recovery.records, 12)
      assert.equal(again.info.recovery.savedTail, undefined)
      assert.equal(disk.image(PATH)?.length, again.nextLsn)
      again.closeSync()
    }
  })

  test('D5: a disk that is too full for them turns them off, and no commit fails', async () => {
    const disk = makeDisk(1)
    const journal = openJournalSync(PATH, { storage: disk.process() })
    disk.freeBytes = 8192
    await commits(journal, 20)
    assert.equal(journal.info.zeroAhead.inUse, 'off')
    assert.match(journal.info.zeroAhead.reason ?? '', /^zeros could not be written: ENOSPC/)
    assert.equal(journal.durableLsn, journal.nextLsn)
    await journal.close()
    assert.equal(disk.image(PATH)?.length, journal.nextLsn)
  })

  test('D1: a close that cannot cut them off, or not durably, has closed the journal all the same', async () => {
    for (const kind of ['truncate', 'dataSync'] as const) {
      for (const close of ['close', 'closeSync'] as const) {
        const disk = makeDisk(1)
        const journal = openJournalSync(PATH, { storage: disk.process() })
        await commits(journal, 12)
        disk.faults = faultOnNth(kind, 1, { error: 'EIO' })
        await journal[close]()
        disk.faults = undefined
        const again = openJournalSync(PATH, { storage: disk.process() })
        assert.equal(again.info.recovery.records, 12)
        again.closeSync()
      }
    }
  })

  test('are not written for a journal that says so', async () => {
    const path = join(directory, 'without.wal')
    const journal = await openJournal(path, { zeroAheadBytes: 0 })
    await commits(journal, 30)
    assert.equal(statSync(path).size, journal.nextLsn)
    assert.equal(journal.info.zeroAhead.inUse, 'off')
    await journal.close()
  })

  test('their option is checked', async () => {
    for (const zeroAheadBytes of [-1, 1, 8191, 1.5, 2 ** 26 + 1]) {
      await assert.rejects(openJournal(PATH, { zeroAheadBytes }), { code: 'ERR_FSYS_OUT_OF_RANGE' })
    }
  })
})
