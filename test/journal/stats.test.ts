import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import type { Journal, JournalOptions, JournalStats } from 'fsys'

import type { Engine } from '#src/platform/engine.js'
import { faultOnNth } from '#src/storage/sim/faults.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { engineStorage } from '../support/engines.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { seededRandom } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

const seed = Number(process.env['FSYS_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const FRAME = 12

/** Knows what the counts must be, from the LSNs of the records and the frontiers. */
class Ledger {
  readonly #journal: Journal
  readonly #origin: number
  readonly #ends: number[] = []

  constructor(journal: Journal) {
    this.#journal = journal
    this.#origin = journal.nextLsn
  }

  note(lsn: number): void {
    this.#ends.push(lsn)
  }

  check(): JournalStats {
    const stats = this.#journal.stats()
    const { nextLsn, writtenLsn, durableLsn } = this.#journal
    assert.deepEqual(
      { appended: stats.appended, written: stats.written, durable: stats.durable },
      { appended: this.#upTo(nextLsn), written: this.#upTo(writtenLsn), durable: this.#upTo(durableLsn) },
    )
    assert.equal(stats.groups.records.sum, stats.durable.records)
    assert.equal(stats.groups.bytes.sum, stats.durable.bytes)
    return stats
  }

  #upTo(lsn: number): JournalStats['appended'] {
    return { records: this.#ends.filter((end) => end <= lsn).length, bytes: lsn - this.#origin }
  }
}

suite('stats', () => {
  for (const engine of ['portable', 'pool', 'uring'] as const satisfies readonly Engine[]) {
    for (const direct of [false, true]) {
      const name = `count exactly at every moment, whatever is under way: ${engine}, ${direct ? 'direct' : 'cached'}`
      test(`${name} (FSYS_TEST_SEED=${seed})`, async (context) => {
        const storage = engineStorage(engine)
        if (typeof storage === 'string') return unavailable(context, storage)
        const path = join(temporaryDirectory(context), 'a.wal')
        const journal = await openJournal(path, { storage, direct, logBufferBytes: 131_072 })
        await mix(journal, seededRandom(seed))
        assert.equal(journal.stats().isPoisoned, false)
      })
    }
  }

  test('count from where the journal was opened', async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const first = await openJournal(path)
    await first.commit('before')
    await first.close()
    const journal = await openJournal(path)
    assert.deepEqual(journal.stats().durable, { records: 0, bytes: 0 })
    await journal.commit('after')
    assert.deepEqual(journal.stats().durable, { records: 1, bytes: FRAME + 5 })
    await journal.close()
    assert.deepEqual(journal.stats().durable, { records: 1, bytes: FRAME + 5 }, 'still there when it is closed')
  })

  test('tell how groups were shared, and how long they took', async (context) => {
    const journal = await openHere(context)
    await Promise.all(Array.from({ length: 10 }, () => journal.commit('x')))
    const last = journal.append('y')
    await Promise.all([journal.syncThrough(last), journal.syncThrough(last), journal.commit('z')])
    journal.append('w')
    journal.syncThroughSync(journal.nextLsn)
    const { groups, syncMs, writeMs, slowSyncs, unfinishedSyncMs } = journal.stats()
    assert.deepEqual([groups.waiters.count, groups.waiters.sum, groups.waiters.max], [3, 10 + 3 + 1, 10])
    assert.deepEqual([groups.records.count, groups.records.sum, groups.records.min], [3, 10 + 2 + 1, 1])
    assert.equal(syncMs.count, 3)
    assert.ok(syncMs.min > 0 && syncMs.sum >= syncMs.max && syncMs.max >= syncMs.p50)
    assert.equal(writeMs.count, journal.info.engine === 'portable' ? 3 : 0, 'a trip is one of syncMs')
    assert.deepEqual([slowSyncs, unfinishedSyncMs], [0, undefined])
    await journal.close()
  })

  test('count flushes as writes, and only if there was something to write', async (context) => {
    const journal = await openHere(context)
    journal.append('x')
    journal.flushSync()
    journal.flushSync()
    await journal.flush()
    journal.append('y')
    await journal.flush()
    journal.syncThroughSync(journal.nextLsn)
    assert.equal(journal.stats().writeMs.count, 2)
    await journal.close()
  })

  test('count appends that had to write: for want of room, and for their size', async (context) => {
    const journal = await openHere(context, { logBufferBytes: 4096 })
    const perBuffer = Math.floor(4096 / (100 + FRAME))
    for (let number = 0; number < perBuffer * 4 + 1; number++) journal.append(Buffer.alloc(100))
    let { fullBufferMs, oversizeMs } = journal.stats()
    assert.deepEqual([fullBufferMs.count, oversizeMs.count], [4, 0])
    assert.ok(fullBufferMs.sum > 0)
    journal.append(Buffer.alloc(10_000))
    ;({ fullBufferMs, oversizeMs } = journal.stats())
    assert.deepEqual([fullBufferMs.count, oversizeMs.count], [4, 1])
    await journal.close()
  })

  test('count what is written beside the records: zeros ahead, and the mark', async (context) => {
    const journal = await openHere(context)
    for (let number = 0; number < 50; number++) await journal.commit('x')
    const { zeroAhead } = journal.stats()
    assert.ok(zeroAhead.writes > 0)
    assert.equal(zeroAhead.bytes, zeroAhead.writes * 65_536)
    await journal.close()
    assert.ok(journal.stats().markWrites > 0)
  })

  test('are frozen, and do not follow', async (context) => {
    const journal = await openHere(context)
    const stats = journal.stats()
    journal.append('x')
    assert.equal(stats.appended.records, 0)
    for (const value of [stats, stats.appended, stats.written, stats.durable, stats.groups, stats.zeroAhead])
      assert.ok(Object.isFrozen(value))
    await journal.close()
  })

  test('D5: of a poisoned journal say so, and what had become durable before', async () => {
    const disk = new SimDisk()
    const journal = openJournalSync('/a.wal', { storage: disk.process() })
    const lsn = await journal.commit('good')
    disk.faults = faultOnNth('dataSync', 1, { error: 'EIO' })
    await assert.rejects(journal.commit('bad'), { code: 'ERR_FSYS_IO' })
    const { isPoisoned, appended, durable, groups } = journal.stats()
    assert.equal(isPoisoned, true)
    assert.deepEqual([appended.records, durable.records, durable.bytes, groups.waiters.count], [2, 1, lsn, 1])
    await assert.rejects(journal.close())
  })
})

async function openHere(context: Parameters<typeof temporaryDirectory>[0], options?: JournalOptions): Promise<Journal> {
  return openJournal(join(temporaryDirectory(context), 'a.wal'), options)
}

/** All calls, in any order, small records and large ones; checks the counts after each, and while others are under way. */
async function mix(journal: Journal, random: () => number): Promise<void> {
  const ledger = new Ledger(journal)
  const pending: Promise<unknown>[] = []
  const record = (): Buffer => Buffer.alloc(Math.floor(random() ** 8 * 300_000), 'x')
  const tryBlocking = (call: () => unknown): void => {
    try {
      call()
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'ERR_FSYS_BUSY')
    }
  }
  for (let round = 0; round < 300; round++) {
    const choice = random()
    if (choice < 0.5) ledger.note(journal.append(record()))
    else if (choice < 0.6) ledger.note(journal.append('some text'))
    else if (choice < 0.8) {
      pending.push(journal.commit(record()))
      ledger.note(journal.nextLsn)
    } else if (choice < 0.85) pending.push(journal.flush())
    else if (choice < 0.88) tryBlocking(() => journal.flushSync())
    else if (choice < 0.91) tryBlocking(() => journal.syncThroughSync(journal.nextLsn))
    else if (choice < 0.95) await setImmediate()
    else pending.push(journal.syncThrough(journal.nextLsn).then(() => ledger.check()))
    ledger.check()
  }
  await Promise.all(pending)
  await journal.close()
  const { appended, durable } = ledger.check()
  assert.deepEqual(durable, appended)
}
