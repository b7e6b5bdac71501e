// One thread of a swarm. For each assignment: its share of the exhaustive schedules, then random ones, or the first thing
// that breaks a promise.
import { parentPort } from 'node:worker_threads'

import { type Counts, addCounts, noCounts } from './counts.js'
import { type ExhaustiveCounts, type ExhaustiveOptions, exhaustAll, noExhaustiveCounts } from './exhaustive.js'
import { runSchedule } from './schedule.js'
import { tellFailure } from './tell-failure.js'

export interface Assignment {
  readonly thread: number
  readonly threads: number
  /** The exhaustive schedules, unless undefined. */
  readonly exhaustive: ExhaustiveOptions | undefined
  /** Random schedules get the seeds from here on, in turn with the other threads. */
  readonly firstSeed: number
  /** It goes on until so many milliseconds have passed, and until there are so many schedules. */
  readonly forMs: number
  readonly schedulesMin: number
  /** It runs no more seeds than this. */
  readonly seedsMax: number
}

export type Report =
  | { readonly kind: 'done'; readonly seeds: number; readonly totals: Counts; readonly exhaustive: ExhaustiveCounts }
  | { readonly kind: 'failed'; readonly seed: number | undefined; readonly message: string }

async function work(assignment: Assignment): Promise<Report> {
  const end = performance.now() + assignment.forMs
  const totals = noCounts()
  const exhaustive = noExhaustiveCounts()
  // Thousands of simulated failures make errors that nobody looks at.
  Error.stackTraceLimit = 0
  try {
    if (assignment.exhaustive !== undefined) {
      await exhaustAll(assignment.exhaustive, assignment, exhaustive, totals)
    }
  } catch (error) {
    return { kind: 'failed', seed: undefined, message: (error as Error).message }
  }
  let seeds = 0
  while (seeds < assignment.seedsMax && (totals.schedules < assignment.schedulesMin || performance.now() < end)) {
    const seed = assignment.firstSeed + seeds * assignment.threads + assignment.thread
    try {
      addCounts(totals, await runSchedule(seed))
    } catch {
      Error.stackTraceLimit = stackTraceLimit
      return { kind: 'failed', seed, message: await tellFailure(seed) }
    }
    seeds++
  }
  return { kind: 'done', seeds, totals, exhaustive }
}

const { stackTraceLimit } = Error
parentPort?.on('message', (assignment: Assignment) => {
  // What goes wrong here ends the thread, and so comes to whoever waits for the report.
  void work(assignment).then((report) => parentPort?.postMessage(report))
})
