import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import type { Journal } from 'fsys'

import { faultOnNth } from '#src/storage/sim/faults.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { type Interposer, interposed } from '../support/interposed.js'
import { openJournal } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'

// The disk begins with a group before all of it is staged.

const RECORD = Buffer.alloc(4000, 'r')
const isPortable = process.env['FSYS_ENGINE'] === 'portable'
const skip = isPortable && 'Node has no call for it'

interface Range {
  readonly from: number
  readonly to: number
}

/** Hears of all that the disk is to begin with, and what stands in its way. */
function hearing(ranges: Range[], meanwhile: () => unknown = () => undefined): Interposer {
  return ({ name, values }) => {
    if (name !== 'file.startWriteback') return undefined
    const [from, length] = values as [number, number]
    ranges.push({ from, to: from + length })
    return meanwhile()
  }
}

function openWith(path: string, interposer: Interposer): Promise<Journal> {
  return openJournal(path, { storage: interposed(interposer), logBufferBytes: 16_384 })
}

function commitMany(journal: Journal, count: number): Promise<unknown>[] {
  return Array.from({ length: count }, () => journal.commit(RECORD))
}

suite('writeback is started early', { skip }, () => {
  test('of what callers wait for, range behind range, and only of what is written', async (context) => {
    const ranges: Range[] = []
    const isWritten = (): void => assert.ok((ranges.at(-1)?.to ?? 0) <= journal.writtenLsn)
    const journal: Journal = await openWith(join(temporaryDirectory(context), 'a.wal'), hearing(ranges, isWritten))
    assert.deepEqual(journal.info.writeback, { inUse: 'sync_file_range' })
    await Promise.all(commitMany(journal, 12))
    assert.ok(ranges.length >= 2, `${ranges.length} ranges`)
    assert.equal(ranges[0]?.from, 0)
    for (const [index, { from, to }] of ranges.entries()) {
      assert.ok(to > from)
      if (index > 0) assert.equal(from, ranges[index - 1]?.to)
    }
    await journal.close()
  })

  test('of nothing that nobody waits for', async (context) => {
    const ranges: Range[] = []
    const journal = await openWith(join(temporaryDirectory(context), 'a.wal'), hearing(ranges))
    for (let count = 0; count < 20; count++) journal.append(RECORD)
    await journal.flush()
    await journal.syncThrough(journal.nextLsn)
    await journal.close()
    assert.deepEqual(ranges, [])
  })
})

suite('writeback that is started early and', () => {
  test('D5 D10: fails is told to all who wait, at once, and ends the journal', async () => {
    const { disk, journal } = await onDisk()
    const delayMs = 1000
    disk.faults = ({ kind }) => {
      if (kind === 'startWriteback') return { error: 'EIO' }
      return kind === 'dataSync' ? { delayMs } : undefined
    }
    const begunAt = disk.now
    const results = await Promise.allSettled(commitMany(journal, 12))
    assert.ok(disk.now - begunAt < delayMs, 'its sync was waited for')
    for (const result of results) {
      assert.equal(result.status, 'rejected')
      assert.equal(result.reason.code, 'ERR_FSYS_IO')
    }
    assert.throws(() => journal.append(RECORD), { code: 'ERR_FSYS_POISONED' })
    await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
  })

  // ext4 drops what it finds no blocks for, and tells only the one for whom it was looking: a sync that comes later finds
  // nothing to do, and answers that all is well.
  test('D1 D5: fails behind a sync that was not told leaves nothing confirmed that is lost', async () => {
    const { disk, journal } = await onDisk()
    disk.faults = faultOnNth('startWriteback', 1, { error: 'EIO', delayMs: 1000 })
    // The sync of the same group is over long before.
    const results = await Promise.allSettled(commitMany(journal, 12))
    for (const result of results) {
      assert.equal(result.status, 'rejected')
      assert.equal(result.reason.code, 'ERR_FSYS_IO')
    }
    assert.equal(journal.durableLsn, 0)
    await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
  })

  test('D1 D5: fails is told to one who blocks for a sync, too', async () => {
    const { disk, journal } = await onDisk()
    disk.faults = faultOnNth('startWriteback', 1, { error: 'EIO', delayMs: 1000 })
    const waiting = Promise.allSettled(commitMany(journal, 12))
    assert.throws(() => journal.syncThroughSync(journal.nextLsn), { code: 'ERR_FSYS_IO' })
    assert.equal(journal.durableLsn, 0)
    for (const { status } of await waiting) assert.equal(status, 'rejected')
    await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
  })

  test('D10: takes long keeps the file open, and the close waiting', async () => {
    const { disk, journal } = await onDisk()
    const delayMs = 1000
    disk.faults = ({ kind }) => {
      if (kind === 'startWriteback') return { delayMs }
      return kind === 'dataSync' ? { error: 'EIO' } : undefined
    }
    const begunAt = disk.now
    const results = await Promise.allSettled(commitMany(journal, 12))
    for (const { status } of results) assert.equal(status, 'rejected')
    assert.ok(disk.now - begunAt < delayMs, 'a failure of the sync is not told at once')
    await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
    assert.ok(disk.now - begunAt >= delayMs)
    assert.deepEqual(disk.violations, [])
  })
})

/** Where a write and its sync can be one call, as with the addon. */
async function onDisk(): Promise<{ disk: SimDisk; journal: Journal }> {
  const disk = new SimDisk({ seed: 1, oneTrip: true })
  return { disk, journal: await openJournal('/a.wal', { storage: disk.process(), logBufferBytes: 16_384 }) }
}

test(
  'without the addon nothing starts it early, and info says why',
  { skip: !isPortable && 'with it, it is' },
  async (context) => {
    const ranges: Range[] = []
    const journal = await openWith(join(temporaryDirectory(context), 'a.wal'), hearing(ranges))
    assert.deepEqual(journal.info.writeback, { inUse: 'none', reason: 'Node has no call for it' })
    await Promise.all(commitMany(journal, 12))
    await journal.close()
    assert.deepEqual(ranges, [])
  },
)
