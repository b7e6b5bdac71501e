// npm run sim: schedules for as long as you like.
import { parseArgs } from 'node:util'

import { Swarm } from './swarm.js'
import { tellReplay } from './tell-failure.js'

const HELP = `usage: npm run sim -- [--seed S] [--minutes M | --lives N] [--exhaustive F] [--replay CODE]

  --seed S        the first seed; each run of one to three lives has the next one (default: random, printed)
  --minutes M     go on for so long (default 1)
  --lives N       so many runs, and no longer
  --exhaustive F  first every operation of the small workloads with every fault, and for each crash F ways to survive,
                  beside 'nothing unsynced' and 'everything', and a second crash at every operation of the recovery
  --replay CODE   tells the run that a failure has printed, operation by operation`

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    lives: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    exhaustive: { type: 'string' },
    replay: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  if (values.help) {
    console.log(HELP)
    return
  }
  if (values.replay !== undefined) {
    console.log(await tellReplay(values.replay))
    return
  }
  let firstSeed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 40))
  const seedsMax = values.lives === undefined ? Infinity : Number(values.lives)
  const end = performance.now() + (values.lives === undefined ? Number(values.minutes) * 60_000 : 0)
  let fates = values.exhaustive === undefined ? undefined : Number(values.exhaustive)
  await using swarm = new Swarm()
  do {
    const startedAt = performance.now()
    const usedBefore = process.cpuUsage()
    const forMs = seedsMax === Infinity ? Math.min(10_000, Math.max(0, end - startedAt)) : Infinity
    const exhaustive = fates === undefined ? {} : { exhaustive: { seed: firstSeed, fates, nestedStride: 1 } }
    // One round after the other, so that there is something to see.
    // oxlint-disable-next-line no-await-in-loop
    const result = await swarm.run({ firstSeed, seedsMax, forMs, ...exhaustive })
    for (const { seed, message } of result.failures) {
      console.error(seed === undefined ? message : `seed ${seed}: ${message}`)
      process.exitCode = 1
    }
    if (fates !== undefined) console.log(`exhaustive: ${JSON.stringify(result.exhaustive)}`)
    const used = process.cpuUsage(usedBefore)
    const { schedules } = result.totals
    const rate = Math.round(schedules / ((performance.now() - startedAt) / 1000) / result.threads)
    // Beside others this is the one that says something.
    const cpuRate = Math.round(schedules / ((used.user + used.system) / 1e6))
    console.log(
      `seeds from ${firstSeed}: ${result.seeds} runs, ${rate} schedules a second and thread, ${cpuRate} a second of ` +
        `processor time, ${JSON.stringify(result.totals)}`,
    )
    if (result.failures.length > 0) return
    firstSeed += result.seeds + result.threads
    fates = undefined
  } while (performance.now() < end)
}

await main()
