// npm run inject: every fault at every call that it can meet, and a SIGKILL at every call, by each of the engines that call
// libc, in the page cache and past it, for as many seeds as you like.
import { parseArgs } from 'node:util'

import { type Injected, injectFaults, killAtCalls } from './injection.js'
import { withRecorder } from './recorder.js'
import { nameOf, type Variant, VARIANTS } from './variant.js'

const HELP = `usage: npm run inject -- [--seeds N] [--seed S]

  --seeds N  how many workloads (default 1)
  --seed S   the first one's seed; the lengths of the records follow from it (default: random, printed)`

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    help: { type: 'boolean', default: false },
  },
})

async function injectMany(library: string, directory: string): Promise<void> {
  // All children have been waited for when it is over.
  const context = { after: (): void => {} }
  const first = Number(values.seed)
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    for (const variant of VARIANTS) {
      report(seed, variant, await killAtCalls(context, library, directory, seed, variant, 1))
      report(seed, variant, await injectFaults(context, library, directory, seed, variant, 1))
    }
  }
}

function report(seed: number, variant: Variant, { cases, outcomes, broken }: Injected): void {
  const lines = Object.entries(outcomes).map(([outcome, count]) => `  ${outcome}: ${count}`)
  for (const line of [`seed ${seed}, ${nameOf(variant)}: ${cases} cases`, ...lines, ...broken]) print(line)
  if (broken.length > 0) process.exitCode = 1
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

if (values.help) print(HELP)
else await withRecorder(injectMany)
