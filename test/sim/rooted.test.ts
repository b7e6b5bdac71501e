import assert from 'node:assert/strict'
import { test } from 'node:test'

import { noCounts } from './counts.js'
import { exhaust, noExhaustiveCounts } from './exhaustive.js'
import { WORKLOADS } from './workloads.js'

/** One workload in so many, others each time: FSYS_ROOTED_SHARE=1 for all of them. */
const SHARE = Number(process.env['FSYS_ROOTED_SHARE'] ?? 6)
const FIRST = Math.floor(Math.random() * SHARE)

test('D1-D8, D10: small workloads in the root of a handle, every operation with every fault', async (t) => {
  const [counts, totals] = [noExhaustiveCounts(), noCounts()]
  for (const workload of WORKLOADS.filter((_, index) => index % SHARE === FIRST)) {
    await exhaust({ ...workload, isRooted: true }, { seed: 1, fates: 1, nestedStride: 5 }, counts, totals)
  }
  t.diagnostic(JSON.stringify(counts))
  // Workloads are of all sizes: of a share of them, a quarter of what is expected.
  const least = SHARE === 1 ? 1 : 1 / (4 * SHARE)
  assert.ok(counts.runs >= 8000 * least, `${counts.runs} runs with a fault`)
  assert.ok(counts.distinctStates >= 500 * least, `${counts.distinctStates} distinct states that a crash left`)
  assert.ok(counts.distinctNestedStates >= 500 * least, `${counts.distinctNestedStates} that a second crash left`)
})
