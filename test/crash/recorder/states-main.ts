// npm run states: as many crash states of what real processes did as you like.
import { parseArgs } from 'node:util'

import { judgeOfBatches, recordBatches } from './batch-states.js'
import type { Log } from './log.js'
import { withRecorder } from './recorder.js'
import { checkStates, judgeOfJournal, record, type StateJudge, STATES_A_RECORDING } from './states.js'
import { nameOf, variantOf } from './variant.js'

const HELP = `usage: npm run states -- [--states N] [--seed S]

  --states N  how many of journals (default 20000), and a tenth of that of batches
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
  const first = Number(values.seed)
  await checkSeeds(first, 1, async (seed) => {
    const variant = variantOf(seed)
    const log = await record(library, directory, seed, variant)
    return { what: nameOf(variant), log, judge: judgeOfJournal(log, directory, variant) }
  })
  await checkSeeds(first, BATCH_SHARE, async (seed) => {
    const { engine } = variantOf(seed)
    const recorded = await recordBatches(library, directory, seed, engine)
    return { what: `batches, ${engine}`, log: recorded.log, judge: judgeOfBatches(recorded, directory) }
  })
}

interface Recorded {
  readonly what: string
  readonly log: Log
  readonly judge: StateJudge
}

/** Of batches there is less to go wrong. */
const BATCH_SHARE = 0.1

/** So many states as a share of those that are wanted. */
async function checkSeeds(first: number, share: number, recordOne: (seed: number) => Promise<Recorded>): Promise<void> {
  for (let [seed, left] = [first, Math.ceil(Number(values.states) * share)]; left > 0; seed++) {
    const { what, log, judge } = await recordOne(seed)
    const checked = await checkStates(log, seed, Math.min(left, STATES_A_RECORDING), judge)
    left -= checked.states
    print(`seed ${seed}, ${what}: ${log.calls.length} calls, ${checked.states} states`)
    if (checked.bad === undefined) continue
    print(
      `repeat it with: npm run states -- --seed ${seed} --states ${Math.ceil(checked.states / share)}\n${checked.bad}`,
    )
    process.exitCode = 1
    return
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

if (values.help) print(HELP)
else await withRecorder(checkMany)
