// Runs cases with a range of seeds, and reports what they reached, or the first one that fails.
import { parentPort, workerData } from 'node:worker_threads'

import { Random } from '#src/storage/sim/random.js'

import { readBases } from './corpus.js'
import { runCase } from './run-case.js'
import { Tally } from './surface.js'
import { MEMORY_SURFACES, surfaceOf } from './surfaces.js'

export interface Assignment {
  readonly firstSeed: number
  readonly cases: number
  /** One surface only. */
  readonly surface: string | undefined
  /** Where the seed of the case under way stands, for the case that never ends. */
  readonly current: Float64Array
}

export type Report =
  | { readonly kind: 'progress' }
  | { readonly kind: 'done'; readonly tallies: Tallies }
  | { readonly kind: 'failed'; readonly seed: number; readonly surface: string; readonly message: string }

/** By surface, how often what was reached. */
export type Tallies = ReadonlyMap<string, ReadonlyMap<string, number>>

const { firstSeed, cases, surface: wanted, current } = workerData as Assignment
const only = MEMORY_SURFACES.find(({ name }) => name === wanted)
// Most cases end in an error that nobody looks at; a failing one runs again, with its stack.
const { stackTraceLimit } = Error
Error.stackTraceLimit = 0
const PROGRESS_CASES = 500

async function main(): Promise<void> {
  const bases = readBases()
  const tallies = new Map(MEMORY_SURFACES.map(({ name }) => [name, new Tally()]))
  for (let index = 0; index < cases; index++) {
    const seed = firstSeed + index
    current[0] = seed
    const surface = only ?? surfaceOf(seed)
    const input = surface.make(new Random(seed), bases)
    try {
      const running = runCase(surface, input, tallies.get(surface.name) as Tally)
      // Blocking cases need no turn of the loop.
      if (running !== undefined) await running
    } catch (error) {
      report({
        kind: 'failed',
        seed,
        surface: surface.name,
        message: await explain(error, () => runCase(surface, input, new Tally())),
      })
      return
    }
    if (index % PROGRESS_CASES === 0) report({ kind: 'progress' })
  }
  report({ kind: 'done', tallies: new Map(Array.from(tallies, ([name, { counts }]) => [name, counts])) })
}

async function explain(error: unknown, again: () => void | Promise<void>): Promise<string> {
  Error.stackTraceLimit = stackTraceLimit
  try {
    await again()
  } catch (second) {
    return String((second as Error).stack)
  }
  return `${String(error)} (not when it ran again: it depends on what ran before it)`
}

function report(message: Report): void {
  parentPort?.postMessage(message)
}

void main()
