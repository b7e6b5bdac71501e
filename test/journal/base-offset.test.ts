import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { Journal } from '#src/journal/journal.js'
import { open } from '#src/journal/open.js'
import { settleJournalOptions } from '#src/journal/options.js'
import { openReader } from '#src/journal/reader.js'
import { asLsn } from '#src/lsn.js'
import type { SimStorage } from '#src/storage/sim-storage.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { runSync } from '#src/storage/steps.js'

// Positions are doubles. Arithmetic that is right for small files only is found where a number stops fitting into 31 or 32
// bits, and where it stops being exact. The simulated disk's files are sparse, so a journal can begin that far up.

const PATH = '/data/app.wal'

function openAt(storage: SimStorage, origin: number, logBufferBytes = 4096): Journal {
  const options = settleJournalOptions({ storage, logBufferBytes })
  return new Journal(runSync(open(PATH, origin, options)), options)
}

function readFrom(storage: SimStorage, origin: number): [lsn: number, text: string][] {
  using reader = openReader(PATH, { storage })
  reader.seek(asLsn(origin))
  return Array.from(reader, ({ lsn, payload }) => [lsn - origin, payload.toString('latin1', 0, 8)])
}

for (const origin of [2 ** 31 - 100, 2 ** 32 - 100]) {
  describe(`a journal whose first frame begins at ${origin}`, () => {
    test('D1 D2 D6: append, commit, power cut, resume and scan', async () => {
      const disk = new SimDisk({ seed: origin })
      disk.makeDirectory('/data')
      const expected: [number, string][] = []
      let end = 0
      for (let life = 0; life < 4; life++) {
        const journal = openAt(disk.process(), origin)
        assert.equal(journal.nextLsn, origin + end)
        assert.equal(journal.durableLsn, origin + end)
        for (const payload of [`a${life}`, `b${life}`.padEnd(3000, '.'), `c${life}`.padEnd(9000, '.'), '']) {
          expected.push([end, payload.slice(0, 8)])
          end += payload.length + 12
          assert.equal(await journal.commit(payload), origin + end)
        }
        journal.append('never synced, and torn')
        journal.flushSync()
        disk.cutPower()
        await journal.close().catch(() => {})
        const storage = disk.process()
        const survived = openAt(storage, origin)
        const last = survived.nextLsn - origin
        assert.ok(
          last === end || last === end + 34,
          `${last} is where the confirmed records end, or the unconfirmed one`,
        )
        if (last > end) {
          expected.push([end, 'never sy'])
          end = last
        }
        assert.deepEqual(readFrom(storage, origin), expected)
        await survived.close()
      }
    })
  })
}

describe('a journal that reaches 2^53 - 1 bytes', () => {
  const origin = 2 ** 53 - 100

  test('takes what fits, refuses the rest with ERR_FSYS_LSN_LIMIT, and loses nothing by that', async () => {
    const disk = new SimDisk({ seed: 53 })
    disk.makeDirectory('/data')
    const storage = disk.process()
    const journal = openAt(storage, origin)
    assert.equal(await journal.commit('first'), origin + 17)
    const before = journal.nextLsn
    for (const tooLong of ['x'.repeat(71), Buffer.alloc(71), Buffer.alloc(5000)]) {
      assert.throws(() => journal.append(tooLong), { name: 'RangeError', code: 'ERR_FSYS_LSN_LIMIT' })
      await assert.rejects(journal.commit(tooLong), { code: 'ERR_FSYS_LSN_LIMIT' })
    }
    assert.throws(() => journal.appendBatch([Buffer.alloc(30), Buffer.alloc(30)]), { code: 'ERR_FSYS_LSN_LIMIT' })
    assert.equal(journal.nextLsn, before)
    // 99 bytes in all: 17 are taken, and 82 make exactly one frame of 70.
    assert.equal(await journal.commit('y'.repeat(70)), Number.MAX_SAFE_INTEGER)
    assert.throws(() => journal.append(''), { code: 'ERR_FSYS_LSN_LIMIT' })
    await journal.close()

    disk.cutPower()
    const again = disk.process()
    const reopened = openAt(again, origin)
    assert.equal(reopened.durableLsn, Number.MAX_SAFE_INTEGER)
    assert.throws(() => reopened.append(''), { code: 'ERR_FSYS_LSN_LIMIT' })
    assert.deepEqual(readFrom(again, origin), [
      [0, 'first'],
      [17, 'yyyyyyyy'],
    ])
    await reopened.close()
  })

  test('D6: a torn tail there is cut off', async () => {
    const disk = new SimDisk({ seed: 54 })
    disk.makeDirectory('/data')
    const storage = disk.process()
    const journal = openAt(storage, origin)
    await journal.commit('first')
    await journal.commit('second')
    await journal.close()
    disk.corrupt(PATH, origin + 30, 1)
    const marked = disk.process()
    assert.throws(() => openAt(marked, origin), { code: 'ERR_FSYS_DAMAGED' })
    const settled = settleJournalOptions({ storage: marked, onDamage: 'cut' })
    const reopened = new Journal(runSync(open(PATH, origin, settled)), settled)
    assert.equal(reopened.nextLsn, origin + 17)
    assert.equal(reopened.info.recovery.savedTail?.bytes, 18)
    assert.equal(await reopened.commit('again'), origin + 34)
    await reopened.close()
  })
})
