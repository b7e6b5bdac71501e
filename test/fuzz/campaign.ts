import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

import type { Assignment, Report, Tallies } from './worker.js'

export interface Plan {
  readonly firstSeed: number
  readonly cases: number
  readonly surface?: string | undefined
}

export interface Failure {
  readonly seed: number
  readonly surface: string | undefined
  readonly message: string
}

export interface Result {
  readonly tallies: Tallies
  readonly failures: readonly Failure[]
}

/** No case takes a thousandth of this, even where many others share the machine. */
const STUCK_MS = 120_000

/** Runs cases with the seeds from `firstSeed` on, in as many threads as there are cores. */
export async function runCampaign({ firstSeed, cases, surface }: Plan): Promise<Result> {
  const threads = Math.min(availableParallelism(), 8, cases)
  const share = Math.ceil(cases / threads)
  const outcomes = await Promise.all(
    Array.from({ length: threads }, (_, thread) => {
      const current = new Float64Array(new SharedArrayBuffer(8))
      const first = firstSeed + thread * share
      return runThread({ firstSeed: first, cases: Math.min(share, firstSeed + cases - first), surface, current })
    }),
  )
  return {
    tallies: sum(outcomes.flatMap((outcome) => ('tallies' in outcome ? [outcome.tallies] : []))),
    failures: outcomes.flatMap((outcome) => ('tallies' in outcome ? [] : [outcome])),
  }
}

function runThread(assignment: Assignment): Promise<Failure | { readonly tallies: Tallies }> {
  return new Promise((resolve, reject) => {
    // Everything is short-lived.
    const resourceLimits = { maxYoungGenerationSizeMb: 64 }
    const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: assignment, resourceLimits })
    const watch = setTimeout(() => {
      const [seed = 0] = assignment.current
      resolve({ seed, surface: assignment.surface, message: `it does not end within ${STUCK_MS / 1000} s` })
      void worker.terminate()
    }, STUCK_MS)
    worker.on('message', (report: Report) => {
      if (report.kind === 'progress') watch.refresh()
      else resolve(report)
    })
    worker.on('error', reject)
    worker.on('exit', (code) => {
      clearTimeout(watch)
      reject(new Error(`a thread ended with ${code} and without a report`))
    })
  })
}

export function sum(all: readonly Tallies[]): Tallies {
  const sums = new Map<string, Map<string, number>>()
  for (const tallies of all) {
    for (const [surface, counts] of tallies) {
      const sumsOfSurface = sums.get(surface) ?? new Map<string, number>()
      sums.set(surface, sumsOfSurface)
      for (const [what, count] of counts) sumsOfSurface.set(what, (sumsOfSurface.get(what) ?? 0) + count)
    }
  }
  return sums
}
