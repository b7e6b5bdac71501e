import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { exploreAll } from './explore.js'
import { type Call, JournalRun } from './journal-run.js'

const FAULTS = 1

/** Who calls what, each one call after the other; and at least how many orders that makes. */
const WORKLOADS: readonly [readonly (readonly Call[])[], number][] = [
  [[['commit'], ['commit'], ['commit'], ['close']], 1100],
  [[['commit'], ['commit', 'commit'], ['syncThroughSync'], ['close']], 3200],
  [[['commit large'], ['commit'], ['syncThroughSync'], ['closeSync']], 1500],
  [[['append large', 'flush'], ['commit'], ['syncThroughSync'], ['close']], 3800],
  [[['commit large'], ['append large', 'commit large'], ['close']], 580],
  [[['commit'], ['append large', 'flush'], ['closeSync']], 460],
  [[['append', 'syncThrough'], ['commit large'], ['flushSync'], ['close', 'closeSync']], 6200],
]

describe('D1 D3 D4 D4b D5 D10: a journal, in all orders of its calls and of what the disk answers, with a fault anywhere', () => {
  for (const [callers, floor] of WORKLOADS) {
    test(callers.map((calls) => calls.join(', then ')).join('; '), async (t) => {
      let most = 0
      const orders = await exploreAll(async (choices) => {
        const run = new JournalRun(choices, callers, FAULTS)
        try {
          await run.run()
        } catch (error) {
          throw new Error(`after ${run.trace.join('; ')}: ${(error as Error).message}`, { cause: error })
        }
        most = Math.max(most, run.trace.length)
      })
      t.diagnostic(`${orders} orders, of up to ${most} events`)
      assert.ok(orders >= floor, `${orders} orders`)
    })
  }
})
