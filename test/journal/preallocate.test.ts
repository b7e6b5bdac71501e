import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'

import { type Advice, type Journal, type JournalOptions, openReader } from 'fsys'

import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { engineStorage } from '../support/engines.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

const MIB = 2 ** 20
const ALL_ADVICE: readonly Advice[] = ['normal', 'sequential', 'random', 'will-need', 'dont-need', 'no-reuse']

/** A journal with the addon, on a file system that sets blocks aside; undefined, and the test skipped, where there is none. */
async function openHere(context: TestContext, options: JournalOptions = {}): Promise<Journal | undefined> {
  const storage = engineStorage('pool')
  if (typeof storage === 'string') {
    unavailable(context, storage)
    return undefined
  }
  const path = join(temporaryDirectory(context), 'a.wal')
  const journal = await openJournal(path, { storage, ...options })
  if (await journal.preallocate(0, 4096)) return journal
  await journal.close()
  unavailable(context, 'this file system sets no blocks aside')
  return undefined
}

function allocatedBytes({ info }: Journal): number {
  return statSync(info.path).blocks * 512
}

suite('preallocate', () => {
  for (const direct of [false, true]) {
    test(`sets blocks aside, and closing gives back what no record has reached, ${direct ? 'direct' : 'cached'}`, async (context) => {
      const journal = await openHere(context, { direct })
      if (journal === undefined) return
      assert.deepEqual(journal.info.preallocate, { inUse: 'fallocate' })
      const { size } = statSync(journal.info.path)
      assert.equal(await journal.preallocate(0, 4 * MIB), true)
      assert.equal(journal.preallocateSync(4 * MIB, 4 * MIB), true)
      assert.ok(allocatedBytes(journal) >= 8 * MIB)
      assert.equal(statSync(journal.info.path).size, size)
      // Zeros are written ahead into it as well.
      for (let count = 0; count < 40; count++) await journal.commit(`record ${count}`)
      const { nextLsn } = journal
      await journal.close()
      assert.equal(statSync(journal.info.path).size, nextLsn)
      assert.ok(allocatedBytes(journal) < MIB, `${allocatedBytes(journal)}`)
      using reader = openReader(journal.info.path)
      assert.equal(Array.from(reader).length, 40)
    })

    test(`keepPreallocated keeps it for the next life, ${direct ? 'direct' : 'cached'}`, async (context) => {
      const journal = await openHere(context, { direct, keepPreallocated: true })
      if (journal === undefined) return
      const { path } = journal.info
      await journal.preallocate(0, 8 * MIB)
      for (let count = 0; count < 40; count++) await journal.commit(`record ${count}`)
      const { nextLsn } = journal
      journal.closeSync()
      assert.equal(statSync(path).size, nextLsn)
      assert.ok(allocatedBytes(journal) >= 8 * MIB)
      const again = await openJournal(path, { keepPreallocated: true })
      assert.equal(again.info.recovery.bytesCut, 0)
      assert.equal(again.nextLsn, nextLsn)
      assert.ok(allocatedBytes(again) >= 8 * MIB)
      await again.close()
    })
  }

  test('what is set aside while the journal is closed is given back too', async (context) => {
    const journal = await openHere(context)
    if (journal === undefined) return
    await journal.commit('x')
    const setting = journal.preallocate(0, 8 * MIB)
    await Promise.all([setting, journal.close()])
    assert.ok(allocatedBytes(journal) < MIB, `${allocatedBytes(journal)}`)
  })

  test('D4b: the file stays open until an unfinished call has returned', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { disk, journal } = openOnDisk({}, seed)
      await journal.commit('x')
      const waiting = [journal.preallocate(0, MIB), journal.advise(0, 0, 'normal')]
      if (seed % 2 === 0) journal.closeSync()
      else await journal.close()
      assert.deepEqual(await Promise.all(waiting), [true, true])
      await journal.close()
      assert.deepEqual(disk.violations, [])
    }
  })

  test('resolves to false without the addon, and info says why', async (context) => {
    const storage = engineStorage('portable')
    assert.ok(typeof storage !== 'string')
    const journal = await openJournal(join(temporaryDirectory(context), 'a.wal'), { storage })
    assert.deepEqual(journal.info.preallocate, { inUse: 'none', reason: 'Node has no call for it' })
    assert.deepEqual(journal.info.advise, { inUse: 'none', reason: 'Node has no call for it' })
    assert.equal(await journal.preallocate(0, MIB), false)
    assert.equal(journal.preallocateSync(0, MIB), false)
    assert.equal(await journal.advise(0, 0, 'sequential'), false)
    assert.equal(journal.adviseSync(0, 0, 'sequential'), false)
    await journal.close()
  })

  test('resolves to false where the file system has no such thing, and info says so afterwards', async () => {
    const { journal } = openOnDisk({ preallocation: false })
    assert.equal(journal.info.preallocate.inUse, 'fallocate')
    assert.equal(await journal.preallocate(0, MIB), false)
    assert.deepEqual(journal.info.preallocate, { inUse: 'none', reason: 'the file system has no such thing' })
    await journal.close()
  })

  test('D5: a full disk is an error to its caller alone', async () => {
    const { disk, journal } = openOnDisk()
    await journal.commit('before')
    disk.freeBytes = MIB
    await assert.rejects(journal.preallocate(0, 4 * MIB), { code: 'ERR_FSYS_NO_SPACE', errno: 'ENOSPC' })
    assert.throws(() => journal.preallocateSync(0, 4 * MIB), { code: 'ERR_FSYS_NO_SPACE' })
    assert.equal(disk.freeBytes, MIB)
    await journal.commit('after')
    assert.equal(await journal.preallocate(0, MIB / 2), true)
    await journal.close()
  })

  test('what is set aside is there when the disk is full, and the tail has nothing to save after a crash (D7)', async () => {
    const { disk, journal } = openOnDisk()
    await journal.preallocate(0, MIB)
    disk.freeBytes = 0
    for (let count = 0; count < 20; count++) await journal.commit(Buffer.alloc(10_000, 1))
    const { nextLsn } = journal
    disk.cutPower()
    await journal.close().catch(() => {})
    disk.freeBytes = Infinity
    const again = openJournalSync(PATH, { storage: disk.process() })
    assert.equal(again.nextLsn, nextLsn)
    assert.equal(again.info.recovery.savedTail, undefined)
    again.closeSync()
  })

  test('what is no range is refused, and so is a journal that is closed', async () => {
    const { journal } = openOnDisk()
    for (const [offset, length] of [
      [-1, 10],
      [0, 0],
      [0.5, 10],
      [0, 2 ** 53],
      [2 ** 53 - 1, 1],
      [NaN, 1],
    ] as const) {
      await assert.rejects(journal.preallocate(offset, length), { name: 'RangeError', code: 'ERR_FSYS_OUT_OF_RANGE' })
      assert.throws(() => journal.preallocateSync(offset, length), { code: 'ERR_FSYS_OUT_OF_RANGE' })
    }
    await assert.rejects(journal.preallocate('0' as unknown as number, 1), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
    await journal.close()
    await assert.rejects(journal.preallocate(0, 1), { code: 'ERR_FSYS_CLOSED' })
    assert.throws(() => journal.preallocateSync(0, 1), { code: 'ERR_FSYS_CLOSED' })
  })
})

suite('advise', () => {
  test('takes every advice, of a journal and of a reader, to the end or not', async (context) => {
    const journal = await openHere(context)
    if (journal === undefined) return
    assert.deepEqual(journal.info.advise, { inUse: 'posix_fadvise' })
    for (let count = 0; count < 100; count++) journal.append(Buffer.alloc(10_000, count))
    await journal.syncThrough(journal.nextLsn)
    const storage = engineStorage('pool')
    assert.ok(typeof storage !== 'string')
    using reader = openReader(journal.info.path, { storage })
    for (const advice of ALL_ADVICE) {
      for (const length of [0, 4096]) {
        assert.equal(await journal.advise(0, length, advice), true)
        assert.equal(journal.adviseSync(0, length, advice), true)
        assert.equal(await reader.advise(0, length, advice), true)
        assert.equal(reader.adviseSync(0, length, advice), true)
      }
    }
    assert.equal(Array.from(reader).length, 100)
    await journal.close()
  })

  // Linux begins to write what it is to forget, and ext4 has dropped it when it found no blocks: the sync after it said that
  // all was well.
  test('D1: nothing is to be forgotten that is not durable', async () => {
    const { disk, journal } = openOnDisk()
    const durable = await journal.commit(Buffer.alloc(10_000))
    journal.append(Buffer.alloc(20_000))
    journal.flushSync()
    const told: [position: number, length: number][] = []
    disk.faults = ({ kind, position, length }) => {
      if (kind === 'advise') told.push([position ?? -1, length ?? -1])
      return undefined
    }
    for (const [offset, length] of [
      [0, 0],
      [4096, 0],
      [0, 4096],
      [100, 50_000],
      [8192, 0],
      [durable, 4096],
    ] as const) {
      assert.equal(await journal.advise(offset, length, 'dont-need'), true)
      assert.equal(journal.adviseSync(offset, length, 'dont-need'), true)
    }
    const expected = [
      [0, 8192],
      [4096, 4096],
      [0, 4096],
      [100, 8092],
    ]
    assert.deepEqual(
      told,
      expected.flatMap((each) => [each, each]),
    )
    assert.equal(await journal.advise(0, 0, 'will-need'), true)
    assert.deepEqual(told.at(-1), [0, 0])
    await journal.close()
  })

  test('what is no advice is refused, and so is who is closed; a reader that is being closed waits', async () => {
    const { disk, journal } = openOnDisk()
    await journal.commit('x')
    const reader = openReader(PATH, { storage: disk.process() })
    for (const of of [journal, reader]) {
      const wrong = 'soon' as Advice
      await assert.rejects(of.advise(0, 0, wrong), { name: 'TypeError', code: 'ERR_FSYS_INVALID_ARGUMENT' })
      assert.throws(() => of.adviseSync(0, 0, wrong), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
      await assert.rejects(of.advise(-1, 0, 'normal'), { code: 'ERR_FSYS_OUT_OF_RANGE' })
      assert.throws(() => of.adviseSync(0, -1, 'normal'), { code: 'ERR_FSYS_OUT_OF_RANGE' })
    }
    const advising = reader.advise(0, 0, 'will-need')
    reader.close()
    assert.equal(await advising, true)
    assert.deepEqual(disk.violations, [])
    await journal.close()
    for (const of of [journal, reader]) {
      await assert.rejects(of.advise(0, 0, 'normal'), { code: 'ERR_FSYS_CLOSED' })
      assert.throws(() => of.adviseSync(0, 0, 'normal'), { code: 'ERR_FSYS_CLOSED' })
    }
  })

  test('a failure is told, and poisons nothing', async () => {
    const { disk, journal } = openOnDisk()
    await journal.commit('x')
    const reader = openReader(PATH, { storage: disk.process() })
    disk.faults = ({ kind }) => (kind === 'advise' ? { error: 'EIO' } : undefined)
    for (const of of [journal, reader]) {
      await assert.rejects(of.advise(0, 0, 'normal'), { code: 'ERR_FSYS_IO' })
      assert.throws(() => of.adviseSync(0, 0, 'normal'), { code: 'ERR_FSYS_IO' })
    }
    reader.close()
    await journal.commit('y')
    await journal.close()
  })
})

const PATH = '/data/a.wal'

function openOnDisk(rules: { readonly preallocation?: boolean } = {}, seed = 1): { disk: SimDisk; journal: Journal } {
  const disk = new SimDisk({ seed, ...rules })
  disk.makeDirectory('/data')
  return { disk, journal: openJournalSync(PATH, { storage: disk.process() }) }
}
