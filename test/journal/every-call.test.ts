import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { type Journal, openReader } from 'fsys'

import { openJournal, openJournalSync } from '../support/open-journal.js'
import { seededRandom } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

const SEED = Number(process.env['FSYS_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32))

for (const mode of ['cached', 'direct'] as const) {
  test(`D1 D2 D3 D4: ${mode}, by all calls at random, all that is confirmed is there, life after life; FSYS_TEST_SEED=${SEED}`, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const user = new User(SEED, mode === 'direct')
    for (let life = 0; life < 4; life++) {
      const options = { direct: mode === 'direct', logBufferBytes: life % 2 === 0 ? 4096 : 2 ** 20 }
      const journal = life % 2 === 0 ? await openJournal(path, options) : openJournalSync(path, options)
      if (mode === 'direct' && !journal.info.isDirect) {
        await journal.close()
        return unavailable(context, 'this file system has no direct I/O')
      }
      assert.equal(journal.info.isDirect, mode === 'direct')
      assert.equal(journal.info.recovery.records, user.records.length)
      await user.use(journal)
      if (life % 2 === 0) await journal.close()
      else journal.closeSync()
      assert.equal(statSync(path).size, journal.nextLsn)
      using reader = openReader(path)
      const found = Array.from(reader, ({ payload }) => Buffer.from(payload))
      assert.equal(found.length, user.records.length)
      for (const [index, bytes] of found.entries()) {
        assert.ok(bytes.equals(user.records[index] as Buffer), `record ${index}`)
      }
    }
  })
}

/** Uses a journal in all ways. */
class User {
  readonly records: Buffer[] = []
  readonly #random: () => number
  readonly #isDirect: boolean

  constructor(seed: number, isDirect: boolean) {
    this.#random = seededRandom(seed)
    this.#isDirect = isDirect
  }

  async use(journal: Journal): Promise<void> {
    const waiting: Promise<unknown>[] = []
    for (let step = 0; step < 150; step++) {
      const bytes = this.#next()
      const way = this.#below(7)
      if (way === 0) waiting.push(journal.commit(bytes))
      else if (way === 1) await journal.commit(bytes)
      else {
        const lsn = journal.append(bytes)
        if (way === 2) waiting.push(journal.flush())
        if (way === 3) this.#attempt(() => journal.flushSync())
        if (way === 4) this.#attempt(() => journal.syncThroughSync(lsn))
        if (way === 5) waiting.push(journal.syncThrough(lsn))
      }
      assert.ok(journal.durableLsn <= journal.writtenLsn && journal.writtenLsn <= journal.nextLsn)
    }
    await Promise.all(waiting)
  }

  #next(): Buffer {
    const most = [200, 200, 200, 9000, 150_000, 1_500_000][this.#below(6)] ?? 0
    const length = this.#below(20) === 0 ? most : this.#below(Math.min(most, 300))
    const bytes = Buffer.alloc(length, 1 + this.#below(255))
    this.records.push(bytes)
    return bytes
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }

  /** In direct mode a blocking call may be refused while a write is under way. */
  #attempt(call: () => unknown): void {
    try {
      call()
    } catch (error) {
      if (!this.#isDirect || (error as { code?: unknown }).code !== 'ERR_FSYS_BUSY') throw error
    }
  }
}
