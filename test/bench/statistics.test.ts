import { deepEqual, equal, throws } from 'node:assert/strict'
import { test } from 'node:test'

import { interleave } from '../../bench/rounds.js'
import { median, percentile, ratio, spread } from '../../bench/statistics.js'

test('a median is the middle, or between the two in the middle', () => {
  equal(median([3, 1, 2]), 2)
  equal(median([4, 1, 3, 2]), 2.5)
  deepEqual(spread([5, 9, 7]), { median: 7, least: 5, most: 9 })
})

test('a percentile is a value that was measured, and not exceeded by so many', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index)
  equal(percentile(values, 50), 50)
  equal(percentile(values, 99), 99)
  equal(percentile(values, 100), 100)
  equal(percentile([7], 1), 7)
})

test('a ratio is taken within each round: a slow round on both sides does not move it', () => {
  equal(ratio([10, 10, 100], [5, 5, 50]), 2)
  throws(() => ratio([1, 2], [1]), RangeError)
})

test('rounds are interleaved, every second one backwards', async () => {
  const order: string[] = []
  const outcomes = await interleave(['a', 'b', 'c'], 3, async (entrant, round) => {
    order.push(`${entrant}${round}`)
    return round
  })
  deepEqual(order, ['a0', 'b0', 'c0', 'c1', 'b1', 'a1', 'a2', 'b2', 'c2'])
  deepEqual(outcomes.get('b'), { values: [0, 1, 2] })
})

test('who fails takes no part in later rounds, and the others go on', async () => {
  let runs = 0
  const outcomes = await interleave(['good', 'bad'], 3, async (entrant) => {
    if (entrant === 'good') return 1
    runs++
    throw new Error('no such peer')
  })
  equal(runs, 1)
  deepEqual(outcomes.get('bad'), { reason: 'no such peer' })
  deepEqual(outcomes.get('good'), { values: [1, 1, 1] })
})
