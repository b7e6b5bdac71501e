import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runSchedule } from './schedule.js'
import { runSwarm } from './swarm.js'

const SCHEDULES = 100_000
const firstSeed = Number(process.env['FSYS_SIM_SEED'] ?? Math.floor(Math.random() * 2 ** 40))

test(`D1-D6, D10: ${SCHEDULES} schedules of a journal through power cuts, kills and faults, from seed ${firstSeed} on`, async (t) => {
  const { schedules, totals, failures } = await runSwarm(firstSeed, SCHEDULES)
  const [failure] = failures
  if (failure !== undefined) {
    assert.fail(
      `seed ${failure.seed}; repeat it with: npm run sim -- --seed ${failure.seed} --schedules 1\n${failure.message}`,
    )
  }
  t.diagnostic(`${schedules} schedules: ${JSON.stringify(totals)}`)
  assert.ok(schedules >= SCHEDULES)
  // A swarm that has not been everywhere shows little.
  for (const [name, count] of Object.entries(totals)) assert.ok(count >= SCHEDULES / 1000, `${name}: ${count}`)
})

test('a schedule is the same, to the operation, each time that it runs with its seed', async () => {
  for (let seed = 1; seed <= 20; seed++) assert.deepEqual(await runSchedule(seed), await runSchedule(seed))
})
