import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Random } from '#src/storage/sim/random.js'

import { type Counts, addCounts, noCounts } from './counts.js'
import { runChoices, runSchedule } from './schedule.js'
import { Swarm } from './swarm.js'

const FOR_MS = 20_000
/** However busy the machine is, it does not end before these. */
const SCHEDULES_MIN = 45_000
/** A swarm that has not been everywhere shows little. Of the rarest things that are counted there are 40 by then. */
const SEEN_MIN = 10
const firstSeed = Number(process.env['FSYS_SIM_SEED'] ?? Math.floor(Math.random() * 2 ** 40))

test(`D1-D8, D10: every operation of small workloads with every fault, then schedules at random, from seed ${firstSeed} on`, async (t) => {
  await using swarm = new Swarm()
  const result = await swarm.run({
    firstSeed,
    exhaustive: { seed: firstSeed, fates: 3, nestedStride: 1 },
    forMs: FOR_MS,
    schedulesMin: SCHEDULES_MIN,
  })
  const { seeds, totals, exhaustive, failures } = result
  const [failure] = failures
  if (failure !== undefined) {
    const which = failure.seed === undefined ? `FSYS_SIM_SEED=${firstSeed}` : `seed ${failure.seed}`
    assert.fail(`${which}: ${failure.message}`)
  }
  t.diagnostic(`exhaustive: ${JSON.stringify(exhaustive)}`)
  t.diagnostic(`all, with ${seeds} seeds: ${JSON.stringify(totals)}`)
  assert.ok(exhaustive.runs >= 8000, `${exhaustive.runs} runs with a fault`)
  assert.ok(exhaustive.states >= 25_000, `${exhaustive.states} states that a crash left`)
  assert.ok(exhaustive.nestedStates >= 100_000, `${exhaustive.nestedStates} states that a second crash left`)
  assert.ok(exhaustive.distinctNestedStates >= 3000, `${exhaustive.distinctNestedStates} of them distinct`)
  assert.ok(totals.schedules >= SCHEDULES_MIN)
  for (const [name, count] of Object.entries(totals)) {
    if (name !== 'hugeRecords') assert.ok(count >= SEEN_MIN, `${name}: ${count}`)
  }
})

test('D1-D6: records of megabytes', async () => {
  const totals: Counts = noCounts()
  for (let seed = 1; seed <= 12; seed++) {
    addCounts(totals, await runChoices(new Random(firstSeed + seed), { areRecordsHuge: true }))
  }
  assert.ok(totals.hugeRecords > 0, `${totals.hugeRecords} records of megabytes`)
})

test('a schedule is the same, to the operation, each time that it runs with its seed', async () => {
  for (let seed = 1; seed <= 20; seed++) assert.deepEqual(await runSchedule(seed), await runSchedule(seed))
})
