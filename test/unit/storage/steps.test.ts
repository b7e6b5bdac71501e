import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { call, run, runSync } from '#src/storage/steps.js'
import type { Steps } from '#src/storage/steps.js'

/** Counts, in both ways; fails at 3. */
class Counter {
  readonly log: string[] = []
  async add(amount: number): Promise<number> {
    await Promise.resolve()
    this.log.push(`waiting ${amount}`)
    if (amount === 3) throw new Error('three')
    return amount + 1
  }
  addSync(amount: number): number {
    this.log.push(`blocking ${amount}`)
    if (amount === 3) throw new Error('three')
    return amount + 1
  }
}

function* work(counter: Counter, times: number): Steps<string> {
  let sum = 0
  try {
    for (let index = 0; index < times; index++) sum = yield* call(counter, 'add', sum)
    return `sum ${sum}`
  } catch (error) {
    yield* call(counter, 'add', 100)
    throw error
  }
}

describe('work that is written once', () => {
  test('runs blocking', () => {
    const counter = new Counter()
    assert.equal(runSync(work(counter, 3)), 'sum 3')
    assert.deepEqual(counter.log, ['blocking 0', 'blocking 1', 'blocking 2'])
  })

  test('runs waiting', async () => {
    const counter = new Counter()
    assert.equal(await run(work(counter, 3)), 'sum 3')
    assert.deepEqual(counter.log, ['waiting 0', 'waiting 1', 'waiting 2'])
  })

  test('sees the failure of a call, and can clean up, in both ways', async () => {
    const counter = new Counter()
    assert.throws(() => runSync(work(counter, 9)), /three/)
    await assert.rejects(run(work(counter, 9)), /three/)
    assert.deepEqual(
      counter.log.filter((line) => line.endsWith('100')),
      ['blocking 100', 'waiting 100'],
    )
  })
})
