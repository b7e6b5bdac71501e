import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Histogram } from '#src/histogram.js'

test('an empty histogram is all zeros', () => {
  const { buckets, ...rest } = new Histogram().snapshot()
  assert.deepEqual(rest, { count: 0, sum: 0, min: 0, max: 0, p50: 0, p90: 0, p99: 0, p999: 0 })
  assert.equal(buckets.length, 27)
  assert.ok(buckets.every(({ count }) => count === 0))
})

test('each value is at or below the bound of its bucket, and above the one before', () => {
  for (let log2 = 0; log2 <= 26; log2++) {
    for (const value of [2 ** log2 - 1, 2 ** log2, 2 ** log2 + 1]) {
      const histogram = new Histogram()
      histogram.record(value)
      for (const { upTo, count } of histogram.snapshot().buckets) assert.equal(count, value <= upTo ? 1 : 0, `${value}`)
    }
  }
})

test('percentiles are at most 6.25 % too high, and never too low', () => {
  for (const stepsPerUnit of [1, 1000]) {
    const values = Array.from({ length: 10_000 }, (_, index) => Math.ceil(1.0015 ** index) / stepsPerUnit)
    const histogram = new Histogram(stepsPerUnit)
    for (const value of values.toReversed()) histogram.record(value)
    const snapshot = histogram.snapshot()
    for (const [name, fraction] of [
      ['p50', 0.5],
      ['p90', 0.9],
      ['p99', 0.99],
      ['p999', 0.999],
    ] as const) {
      const exact = values[Math.ceil(values.length * fraction) - 1] as number
      assert.ok(snapshot[name] >= exact && snapshot[name] <= exact * 1.0625, `${name}: ${snapshot[name]} for ${exact}`)
    }
    assert.equal(snapshot.min, values[0])
    assert.equal(snapshot.max, values.at(-1))
    assert.ok(Math.abs(snapshot.sum / values.reduce((sum, value) => sum + value) - 1) < 1e-9)
  }
})

test('up to 16, percentiles are exact', () => {
  const histogram = new Histogram()
  for (let value = 1; value <= 10; value++) histogram.record(value)
  const { p50, p90, p99 } = histogram.snapshot()
  assert.deepEqual([p50, p90, p99], [5, 9, 10])
})

test('what is smaller than a clock can tell counts as nothing, what is larger than all cells in the last', () => {
  const histogram = new Histogram(1000)
  histogram.record(-0.001)
  histogram.record(0)
  histogram.record(2 ** 40)
  const { count, max, p50, p999, buckets } = histogram.snapshot()
  assert.deepEqual([count, max, p50], [3, 2 ** 40, 0])
  assert.equal(p999, 2 ** 31 / 1000)
  assert.equal(buckets.at(-1)?.count, 2)
})

test('a snapshot is frozen, and does not follow', () => {
  const histogram = new Histogram()
  const snapshot = histogram.snapshot()
  histogram.record(1)
  assert.equal(snapshot.count, 0)
  assert.ok(Object.isFrozen(snapshot) && Object.isFrozen(snapshot.buckets) && snapshot.buckets.every(Object.isFrozen))
})
