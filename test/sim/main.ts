// npm run sim: schedules for as long as you like.
import { parseArgs } from 'node:util'

import { runSwarm } from './swarm.js'

const HELP = `usage: npm run sim -- [--seed S] [--schedules N | --minutes M]

  --seed S       the first seed; each schedule has the next one (default: random, printed)
  --schedules N  how many
  --minutes M    go on for so long (default 1)`

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    schedules: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  if (values.help) {
    console.log(HELP)
    return
  }
  let seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 40))
  const end = performance.now() + Number(values.minutes) * 60_000
  const batch = Number(values.schedules ?? 20_000)
  do {
    const { schedules, totals, failures } = await runSwarm(seed, batch)
    for (const failure of failures) {
      console.error(
        `seed ${failure.seed} (repeat: npm run sim -- --seed ${failure.seed} --schedules 1)\n${failure.message}`,
      )
      process.exitCode = 1
    }
    console.log(`seeds from ${seed}: ${schedules} schedules, ${JSON.stringify(totals)}`)
    if (failures.length > 0) return
    seed += batch
  } while (values.schedules === undefined && performance.now() < end)
}

await main()
