import { once } from 'node:events'
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

/**
 * As many threads as there are cores. They stay for the next run: it takes a second or two until what they do is compiled,
 * and until then they are at half their speed.
 */
export class Swarm {
  readonly #threads: readonly Worker[]

  constructor(threads: number = availableParallelism()) {
    this.#threads = Array.from({ length: Math.min(threads, THREADS_MAX) }, startThread)
  }

  /** Exhaustive schedules first, then random ones. */
  async run(options: SwarmOptions): Promise<SwarmResult> {
    const { firstSeed, exhaustive, forMs = 0, schedulesMin = 0, seedsMax = Infinity } = options
    const threads = Math.min(this.#threads.length, seedsMax)
    const reports = await Promise.all(
      this.#threads.slice(0, threads).map((worker, thread) =>
        runOn(worker, {
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

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map((worker) => worker.terminate()))
  }
}

const THREADS_MAX = 8

function startThread(): Worker {
  return new Worker(new URL('worker.js', import.meta.url), {
    // Simulations make much that is soon forgotten: with more room for it, a tenth of the time is saved.
    resourceLimits: { maxYoungGenerationSizeMb: 192 },
  })
}

async function runOn(worker: Worker, assignment: Assignment): Promise<Report> {
  const over = new AbortController()
  try {
    const { signal } = over
    worker.postMessage(assignment)
    // An 'error' rejects both.
    const [answer] = await Promise.race([
      once(worker, 'message', { signal }),
      once(worker, 'exit', { signal }).then(([code]) => {
        throw new Error(`a thread ended with ${code} and without a report`)
      }),
    ])
    return answer as Report
  } finally {
    over.abort()
  }
}
