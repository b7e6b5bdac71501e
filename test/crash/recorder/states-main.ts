// npm run states: as many crash states of what real processes did as you like.
import { parseArgs } from 'node:util'

import { withRecorder } from './recorder.js'
import { checkStates, record, STATES_A_RECORDING } from './states.js'
import { nameOf, variantOf } from './variant.js'

const HELP = `usage: npm run states -- [--states N] [--seed S]

  --states N  how many (default 20000)
  --seed S    the first seed; each ${STATES_A_RECORDING} states are of another run of the workload, with the next seed, and by the
              next of the engines that call libc, in the page cache or past it (default: random, printed)`

const { values } = parseArgs({
  options: {
    states: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    help: { type: 'boolean', default: false },
  },
})

async function checkMany(library: string, directory: string): Promise<void> {
  let seed = Number(values.seed)
  for (let left = Number(values.states); left > 0; seed++) {
    const variant = variantOf(seed)
    const log = await record(library, directory, seed, variant)
    const { states, bad } = await checkStates(log, directory, seed, Math.min(left, STATES_A_RECORDING), variant)
    left -= states
    print(`seed ${seed}, ${nameOf(variant)}: ${log.calls.length} calls, ${states} states`)
    if (bad === undefined) continue
    print(`repeat it with: npm run states -- --seed ${seed} --states ${states}\n${bad}`)
    process.exitCode = 1
    return
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

if (values.help) print(HELP)
else await withRecorder(checkMany)
