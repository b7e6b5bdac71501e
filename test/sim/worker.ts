// Runs schedules with a range of seeds, and reports what they came to, or the first one that breaks a promise.
import { parentPort, workerData } from 'node:worker_threads'

import { runSchedule } from './schedule.js'

export interface Assignment {
  readonly firstSeed: number
  readonly schedules: number
}

export type Report =
  | { readonly kind: 'progress' | 'done'; readonly schedules: number; readonly totals: Record<string, number> }
  | { readonly kind: 'failed'; readonly seed: number; readonly message: string }

const { firstSeed, schedules } = workerData as Assignment
const totals: Record<string, number> = {}
// Thousands of simulated failures make errors that nobody looks at; a failing schedule runs again, with stack and trace.
const { stackTraceLimit } = Error
Error.stackTraceLimit = 0

async function main(): Promise<void> {
  for (let index = 0; index < schedules; index++) {
    const seed = firstSeed + index
    try {
      const outcome = await runSchedule(seed)
      for (const [name, count] of Object.entries(outcome)) totals[name] = (totals[name] ?? 0) + count
    } catch {
      Error.stackTraceLimit = stackTraceLimit
      const message = await runSchedule(seed, 500).then(
        () => 'it failed, and did not when it was run again: it depends on more than its seed',
        (error: unknown) => String((error as Error).stack),
      )
      parentPort?.postMessage({ kind: 'failed', seed, message } satisfies Report)
      return
    }
    if (index % 1000 === 999)
      parentPort?.postMessage({ kind: 'progress', schedules: index + 1, totals } satisfies Report)
  }
  parentPort?.postMessage({ kind: 'done', schedules, totals } satisfies Report)
}

void main()
