import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { type Journal, openReader } from 'fsys'

import { KernelPool } from '#src/checksum/kernel-pool.js'
import { decodeMark } from '#src/journal/mark.js'
import { Random } from '#src/storage/sim/random.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import type { Storage } from '#src/storage/storage.js'

import { type StorageCall, interposed } from '../support/interposed.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'

// What others do while the disk is busy with a write or a sync.

/** Storage whose waiting calls of these names wait until they are let go, one by one, in their order. */
class Held {
  readonly storage: Storage
  readonly #waiting: (() => void)[] = []
  #isOver = false

  constructor(path: string, ...names: readonly string[]) {
    this.storage = interposed(({ name, isSync, path: of }: StorageCall) => {
      if (isSync || this.#isOver || of !== path || !names.includes(name)) return undefined
      return new Promise<void>((resolve) => this.#waiting.push(resolve))
    })
  }

  /** Waits until as many are under way. */
  async until(count: number): Promise<void> {
    while (this.#waiting.length < count) await setImmediate()
  }

  letGo(): void {
    this.#waiting.shift()?.()
  }

  /** Those to come too. */
  letGoOfAll(): void {
    this.#isOver = true
    for (const letGo of this.#waiting.splice(0)) letGo()
  }
}

suite('while a sync is under way', () => {
  test('D1 D4: what is written meanwhile is not covered by it', async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const held = new Held(path, 'file.dataSync')
    const journal = await openJournal(path, { storage: held.storage })
    const first = journal.append('first')
    const waiting = journal.syncThrough(first)
    await held.until(1)
    journal.append('second')
    journal.flushSync()
    journal.append('third')
    held.letGo()
    assert.equal(await waiting, first)
    assert.equal(journal.durableLsn, first)
    journal.closeSync()
  })

  test('D4: durableLsn does not go back, when a blocking sync has been quicker', async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const held = new Held(path, 'file.dataSync')
    const journal = await openJournal(path, { storage: held.storage })
    const waiting = journal.syncThrough(journal.append('first'))
    await held.until(1)
    const second = journal.append('second')
    assert.equal(journal.syncThroughSync(second), second)
    held.letGo()
    assert.equal(await waiting, second)
    assert.equal(journal.durableLsn, second)
    await journal.close()
  })

  test('D4: it covers nothing that was staged while its own write was under way', async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const held = new Held(path, 'file.write', 'file.dataSync')
    const journal = await openJournal(path, { storage: held.storage })
    const large = journal.append(Buffer.alloc(100_000, 'l'))
    const waiting = journal.syncThrough(large)
    await held.until(1)
    const late = journal.append('late')
    held.letGo()
    await held.until(1)
    // The sync of the large one: who wants to be sure of the late one must wait for another.
    const waitingLate = journal.syncThrough(late)
    held.letGo()
    assert.equal(await waiting, large)
    await held.until(1)
    assert.equal(journal.durableLsn, large)
    held.letGoOfAll()
    assert.equal(await waitingLate, late)
    await journal.close()
  })

  test('D6: what is appended meanwhile is not in the mark', async () => {
    const { disk, journal } = openOnDisk(1)
    const first = journal.append('first')
    disk.faults = ({ kind, isBlocking }) => {
      if (kind === 'dataSync' && !isBlocking) journal.append('second')
      return undefined
    }
    assert.equal(await journal.syncThrough(first), first)
    assert.ok(journal.nextLsn > first)
    await disk.advance(200)
    const slots = Buffer.from(disk.image(`${PATH}.mark`) ?? [])
    const marked = [decodeMark(slots), decodeMark(slots.subarray(4096))].map((slot) => slot?.durableLsn)
    assert.equal(Math.max(...marked.map(Number)), first)
    disk.faults = undefined
    await journal.close()
  })

  for (const [mode, ways] of Object.entries({
    cached: {},
    'cached, in one trip': { oneTrip: true },
    'direct, in one trip': { oneTrip: true, direct: true },
  })) {
    test(`D1 D5: a blocking sync beside it does not confirm what a failed write-back has lost, ${mode}`, async () => {
      assert.ok((await lostAndTold(ways)) >= 100)
    })
  }
})

/** In how many runs a blocking sync has heard that what was written is lost; in no other may it be lost. */
async function lostAndTold(ways: Ways): Promise<number> {
  let told = 0
  for (let seed = 1; seed <= 400; seed++) {
    const { disk, journal } = openOnDisk(seed, undefined, ways)
    journal.append(Buffer.alloc(3000, 'a'))
    journal.flushSync()
    // In every second run, it is the unfinished sync that meets the failure.
    const isMet = seed % 2 === 0
    if (isMet)
      disk.faults = ({ kind, isBlocking }) => (kind === 'dataSync' && !isBlocking ? { error: 'EIO' } : undefined)
    const waiting = journal.syncThrough(journal.nextLsn).catch(() => undefined)
    // A few turns: its sync is asked for, has begun, or is over. If it has failed when the blocking one begins, nobody may have heard of it yet.
    for (let turn = seed % 5; turn > 0; turn--) await nextTurn()
    if (!isMet) disk.failWriteback(PATH)
    try {
      journal.syncThroughSync(journal.append('b'))
      // What was synced before the failure is not lost, and what is its own sync need not hear of it.
      const durable = Buffer.from(disk.durableImage(PATH) ?? [])
      assert.ok(durable.subarray(8, 3008).equals(Buffer.alloc(3000, 'a')), `seed ${seed}: it is confirmed, and lost`)
      assert.equal(String.fromCharCode(durable[3020] ?? 0), 'b')
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      told++
      const { code, cause } = error as { code?: string; cause?: { code?: string } }
      assert.equal(code === 'ERR_FSYS_POISONED' ? cause?.code : code, 'ERR_FSYS_IO', `seed ${seed}: ${String(error)}`)
    }
    await waiting
    await journal.close().catch(() => {})
  }
  return told
}

suite('while a write is under way', () => {
  test('D3 D4b: its memory stays as it is, whatever is appended, however large, until it has returned', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { disk, storage, journal } = openOnDisk(seed)
      const records: Buffer[] = []
      const append = (length: number): void => {
        const record = Buffer.alloc(length, String(records.length))
        records.push(record)
        journal.append(record)
      }
      append(100_000)
      const flushed = journal.flush()
      if (seed % 4 === 0) append(300_000)
      // Through both slots and round again.
      for (let number = 0; number < 12; number++) append(seed % 2 === 0 ? 40_000 : 131_000)
      if (seed % 4 === 1) append(300_000)
      await flushed
      await journal.close()
      assert.deepEqual(disk.violations, [], `seed ${seed}`)
      using reader = openReader(PATH, { storage })
      let read = 0
      for (const { payload } of reader) assert.ok(payload.equals(records[read++] as Buffer), `seed ${seed}`)
      assert.equal(read, records.length)
    }
  })

  test('D4b: closeSync leaves it its memory and its file', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const memory = new KernelPool()
      const { disk, storage, journal } = openOnDisk(seed, memory)
      journal.append(Buffer.alloc(100_000, 'a'))
      const flushed = journal.flush()
      journal.closeSync()
      const other = openJournalSync('/data/b.wal', { storage, memory, logBufferBytes: LOG_BUFFER_BYTES })
      other.append(Buffer.alloc(100_000, 'b'))
      await flushed
      other.closeSync()
      await journal.close()
      assert.deepEqual(disk.violations, [], `seed ${seed}`)
    }
  })

  test('D4b: past the page cache, closeSync cuts off the padding of one that it has waited for', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { disk, journal } = openOnDisk(seed, undefined, { oneTrip: true, direct: true })
      const lsn = journal.append(Buffer.alloc(100_000, 'a'))
      const flushed = journal.flush()
      journal.closeSync()
      await flushed
      assert.equal(disk.image(PATH)?.length, lsn, `seed ${seed}`)
    }
  })

  test('D5: when appending has waited for a trip whose sync fails, that is what everybody hears, and nothing is cut', async () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { disk, journal } = openOnDisk(seed, undefined, { oneTrip: true, direct: true })
      // Written, and not durable: so the trip's sync is one of the file.
      journal.append('a')
      await journal.flush()
      const waiting = journal.commit(Buffer.alloc(10_000, 'b'))
      const end = journal.nextLsn
      await nextTurn()
      disk.faults = ({ kind }) => (kind === 'dataSync' ? { error: 'EIO' } : undefined)
      const goOn = (): void => {
        for (let number = 0; number < 10_000; number++) journal.append(recordOf(number))
      }
      const failure = { code: 'ERR_FSYS_IO', message: /^cannot sync journal/u }
      assert.throws(goOn, failure, `seed ${seed}`)
      await assert.rejects(waiting, failure)
      await disk.settle()
      assert.ok(Number(disk.image(PATH)?.length) > end, `seed ${seed}`)
      await journal.close().catch(() => {})
    }
  })

  test('D3: what it hands over has its checksums', async () => {
    const { disk, storage, journal } = openOnDisk(1)
    journal.append(Buffer.alloc(100_000, 'a'))
    journal.append('b')
    await journal.flush()
    using reader = openReader(PATH, { storage })
    assert.equal(Array.from(reader).length, 2)
    await journal.close()
    assert.deepEqual(disk.violations, [])
  })

  test('D5: when it fails, the journal is given up', async () => {
    const { disk, journal } = openOnDisk(1)
    journal.append(Buffer.alloc(100_000, 'a'))
    disk.faults = ({ kind, isBlocking }) => (kind === 'write' && !isBlocking ? { error: 'EIO' } : undefined)
    await assert.rejects(journal.flush(), { code: 'ERR_FSYS_IO' })
    disk.faults = undefined
    assert.throws(() => journal.append('b'), { code: 'ERR_FSYS_POISONED' })
    await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
  })

  test('D5: when a blocking one fails, the file is cut back only behind it', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { disk, journal } = openOnDisk(seed)
      const confirmed = await journal.commit('confirmed')
      journal.append(Buffer.alloc(100_000, 'a'))
      const flushed = journal.flush().catch((error: unknown) => error)
      // It gets a part of its bytes to the disk, and then there is no room either.
      let writes = 0
      disk.faults = ({ kind, isBlocking }) => {
        if (kind !== 'write') return undefined
        return !isBlocking && writes++ === 0 ? { short: 50_000 } : { error: 'ENOSPC' }
      }
      assert.throws(() => journal.flushSync(), { code: 'ERR_FSYS_NO_SPACE' })
      assert.equal(((await flushed) as { code?: string }).code, 'ERR_FSYS_NO_SPACE')
      await disk.settle()
      assert.equal(disk.image(PATH)?.length, confirmed, `seed ${seed}`)
      await journal.close().catch(() => {})
    }
  })
})

for (const [mode, direct] of Object.entries({ cached: false, direct: true })) {
  suite(`while a write is under way that appending has begun, ${mode}`, () => {
    test('D2 D3 D4b: small records go through both slots, round and round', async () => {
      for (let seed = 1; seed <= 15; seed++) {
        const { disk, storage, journal } = openOnDisk(seed, undefined, { oneTrip: true, direct })
        const random = new Random(seed)
        const waiting: Promise<unknown>[] = []
        let count = 0
        for (let round = 0; round < 30; round++) {
          // A flush of more than 64 KiB is a waiting write.
          const some = random.chance(0.5) ? random.below(300) : 1000 + random.below(3000)
          for (let number = 0; number < some; number++) journal.append(recordOf(count++))
          const choice = random.below(6)
          // Behind a flush, more is staged in the slot that is being written.
          if (choice < 2) waiting.push(journal.flush())
          else if (choice === 2) waiting.push(journal.syncThrough(journal.nextLsn))
          else if (choice === 3) journal.syncThroughSync(journal.nextLsn)
          for (let turn = random.below(4); turn > 0; turn--) await nextTurn()
        }
        await Promise.all(waiting)
        await journal.close()
        assert.deepEqual(disk.violations, [], `seed ${seed}`)
        using reader = openReader(PATH, { storage })
        let read = 0
        for (const { payload } of reader) assert.ok(payload.equals(recordOf(read++)), `seed ${seed}, record ${read}`)
        assert.equal(read, count, `seed ${seed}`)
      }
    })

    test('D5 D10: when it fails, everybody hears of it', async () => {
      for (let seed = 1; seed <= 20; seed++) {
        const { disk, journal } = openOnDisk(seed, undefined, { oneTrip: true, direct })
        const confirmed = await journal.commit('confirmed')
        disk.faults = ({ kind, isBlocking }) => (kind === 'write' && !isBlocking ? { error: 'EIO' } : undefined)
        for (let number = 0; journal.nextLsn < LOG_BUFFER_BYTES * 1.5; number++) journal.append(recordOf(number))
        const waiting = journal.syncThrough(journal.nextLsn)
        // Some appends more would wait for it, and so be told at once.
        if (seed % 2 === 0) {
          const goOn = (): void => {
            for (let number = 0; number < 2000; number++) journal.append(recordOf(number))
          }
          assert.throws(goOn, { code: 'ERR_FSYS_IO' })
        }
        await assert.rejects(waiting, { code: 'ERR_FSYS_IO' })
        disk.faults = undefined
        assert.throws(() => journal.append('more'), { code: 'ERR_FSYS_POISONED' })
        assert.equal(journal.durableLsn, confirmed)
        await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
        assert.deepEqual(disk.violations, [], `seed ${seed}`)
      }
    })

    test('D5: when it fails and nobody waits, the journal is poisoned all the same', async () => {
      const { disk, journal } = openOnDisk(1, undefined, { oneTrip: true, direct })
      disk.faults = ({ kind, isBlocking }) => (kind === 'write' && !isBlocking ? { error: 'EIO' } : undefined)
      for (let number = 0; journal.nextLsn < LOG_BUFFER_BYTES * 1.5; number++) journal.append(recordOf(number))
      await disk.settle()
      disk.faults = undefined
      assert.throws(() => journal.append('more'), { code: 'ERR_FSYS_POISONED' })
      assert.equal(journal.stats().isPoisoned, true)
      await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
    })
  })
}

/** Small, and no two alike. */
function recordOf(number: number): Buffer {
  return Buffer.from(`${number} `.repeat(1 + (number % 12)))
}

/** The simulated disk goes on by one step a turn. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

const PATH = '/data/a.wal'
const LOG_BUFFER_BYTES = 128 * 1024

interface Ways {
  readonly oneTrip?: boolean
  readonly direct?: boolean
}

function openOnDisk(
  seed: number,
  memory?: KernelPool,
  { oneTrip = false, direct = false }: Ways = {},
): { disk: SimDisk; storage: Storage; journal: Journal } {
  const disk = new SimDisk({ seed, oneTrip })
  disk.makeDirectory('/data')
  const storage = disk.process()
  const options = { storage, direct, logBufferBytes: LOG_BUFFER_BYTES, ...(memory && { memory }) }
  return { disk, storage, journal: openJournalSync(PATH, options) }
}
