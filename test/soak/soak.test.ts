import assert from 'node:assert/strict'
import { truncateSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { openJournal } from 'fsys'

import { temporaryDirectory } from '../support/temporary.js'
import { Ledger, LedgerError } from './ledger.js'
import { SLOT_BYTES } from './messages.js'
import { RecordContent } from './record-content.js'
import { GROWTH_MAX, findGrowth } from './resources.js'
import { runSoak } from './soak.js'

const SEED = 1

test('D1 D2 D3 D8 D9 D10: writers that are killed and writers that are not, for a few seconds (npm run soak for longer)', async (t) => {
  const seed = Number(process.env['FSYS_SOAK_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
  t.diagnostic(`seed ${seed}; repeat it with: FSYS_SOAK_SEED=${seed} node scripts/test.js soak`)
  const directory = temporaryDirectory(t)
  const { signal } = new AbortController()
  const result = await runSoak({ durationMs: 4000, seed, directory, signal }, () => {})
  t.diagnostic(JSON.stringify(result))
  // In so few seconds the pool of kernels fills up only; in a minute and more, `npm run soak` holds buffers to their bound.
  const errors = result.errors.filter((error) => !error.startsWith('externalBytes went'))
  assert.deepEqual(errors, [])
  assert.equal(result.recordsVerified, result.recordsAcknowledged)
  assert.ok(result.recordsVerified > 20, `${result.recordsVerified} records verified`)
  assert.ok(result.lives > 3, `${result.lives} lives`)
  assert.ok(result.start !== undefined && result.end !== undefined)
})

describe('a ledger sees', () => {
  const content = new RecordContent(SEED, SLOT_BYTES)

  /** A journal of ten records, and the ledger of one who was told of all of them. */
  const written = async (path: string, epochOf: (index: number) => number): Promise<Ledger> => {
    const ledger = new Ledger(path, 2, content)
    const journal = await openJournal(path)
    ledger.hear({ say: 'opened', journal: 2, epoch: 1, records: 0, cleanEnd: 0 })
    for (let index = 0; index < 10; index++) journal.append(content.make({ journal: 2, epoch: epochOf(index), index }))
    await journal.close()
    ledger.hear({ say: 'acknowledged', journal: 2, records: 10, lsn: journal.durableLsn })
    return ledger
  }

  test('that all is there', async (t) => {
    const ledger = await written(join(temporaryDirectory(t), 'j'), () => 1)
    ledger.verify()
    assert.deepEqual(ledger.totals, { acknowledged: 10, verified: 10 })
  })

  test('that an acknowledged record is lost', async (t) => {
    const path = join(temporaryDirectory(t), 'j')
    const ledger = await written(path, () => 1)
    ledger.verify()
    truncateSync(path, 30)
    assert.throws(() => ledger.verify(), LedgerError)
  })

  test('that a record is one of an earlier life', async (t) => {
    const ledger = await written(join(temporaryDirectory(t), 'j'), (index) => (index === 7 ? 0 : 1))
    assert.throws(() => ledger.verify(), /record 7 of epoch 1/u)
  })

  test('that it was acknowledged at another LSN', async (t) => {
    const ledger = await written(join(temporaryDirectory(t), 'j'), () => 1)
    ledger.hear({ say: 'acknowledged', journal: 2, records: 10, lsn: 12 })
    assert.throws(() => ledger.verify(), /ends at \d+, not at 12/u)
  })

  test('that an open finds something else than was there', async (t) => {
    const ledger = await written(join(temporaryDirectory(t), 'j'), () => 1)
    ledger.verify()
    const opened = { say: 'opened', journal: 2, epoch: 2, records: 9, cleanEnd: 100 } as const
    assert.throws(() => ledger.hear(opened), /it opens with 9/u)
  })

  test('that a journal is emptied, which is right if its writer has said so', async (t) => {
    const path = join(temporaryDirectory(t), 'j')
    const ledger = await written(path, () => 1)
    ledger.verify()
    ledger.hear({ say: 'resetting', journal: 2 })
    truncateSync(path, 0)
    ledger.verify()
    ledger.hear({ say: 'opened', journal: 2, epoch: 2, records: 0, cleanEnd: 0 })
    assert.deepEqual(ledger.totals, { acknowledged: 10, verified: 10 })
  })
})

test('what has grown more than it may is told', () => {
  const none = { rssBytes: 0, heapBytes: 0, externalBytes: 0, descriptors: 0, threads: 0 }
  assert.deepEqual(findGrowth(none, GROWTH_MAX), [])
  for (const [name, bound] of Object.entries(GROWTH_MAX)) {
    const grown = findGrowth(none, { ...none, [name]: bound + 1 })
    assert.equal(grown.length, 1)
    assert.match(grown[0] ?? '', new RegExp(name, 'u'))
  }
})
