import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

import { type Counts, addCounts, noCounts } from './counts.js'
import { type ExhaustiveCounts, type ExhaustiveOptions, addExhaustiveCounts, noExhaustiveCounts } from './exhaustive.js'
import type { Assignment, Report } from './worker.js'

export interface SwarmOptions {
  /** Random schedules get the seeds from here on. */
  readonly firstSeed: number
  readonly exhaustive?: ExhaustiveOptions
  /** It goes on until so many milliseconds have passed, and until there are so many schedules in all. */
  readonly forMs?: number
  readonly schedulesMin?: number
  /** It runs no more seeds than this. */
  readonly seedsMax?: number
}

export interface SwarmResult {
  readonly threads: number
  readonly seeds: number
  readonly totals: Counts
  readonly exhaustive: ExhaustiveCounts
  /** The first schedule of each thread that broke a promise; without a seed if it was an exhaustive one. */
  readonly failures: readonly { readonly seed: number | undefined; readonly message: string }[]
}

/** Exhaustive schedules first, then random ones, in as many threads as there are cores. */
export async function runSwarm(options: SwarmOptions): Promise<SwarmResult> {
  const { firstSeed, exhaustive, forMs = 0, schedulesMin = 0, seedsMax = Infinity } = options
  const threads = Math.min(availableParallelism(), 8, seedsMax)
  const reports = await Promise.all(
    Array.from({ length: threads }, (_, thread) =>
      runThread({
        thread,
        threads,
        exhaustive,
        firstSeed,
        forMs,
        schedulesMin: schedulesMin / threads,
        seedsMax: Math.ceil((seedsMax - thread) / threads),
      }),
    ),
  )
  const totals = noCounts()
  const exhaustiveTotals = noExhaustiveCounts()
  let seeds = 0
  for (const report of reports) {
    if (report.kind === 'failed') continue
    seeds += report.seeds
    addCounts(totals, report.totals)
    addExhaustiveCounts(exhaustiveTotals, report.exhaustive)
  }
  const failures = reports.flatMap((report) => (report.kind === 'failed' ? [report] : []))
  return { threads, seeds, totals, exhaustive: exhaustiveTotals, failures }
}

function runThread(assignment: Assignment): Promise<Report> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('worker.js', import.meta.url), {
      workerData: assignment,
      // Simulations make much that is soon forgotten: with more room for it, a tenth of the time is saved.
      resourceLimits: { maxYoungGenerationSizeMb: 192 },
    })
    worker.on('message', resolve)
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a thread ended with ${code} and without a report`)))
  })
}
