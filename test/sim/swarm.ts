import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

import type { Assignment, Report } from './worker.js'

export interface SwarmResult {
  readonly schedules: number
  readonly totals: Record<string, number>
  /** The first schedule of each thread that broke a promise. */
  readonly failures: readonly { readonly seed: number; readonly message: string }[]
}

/** Runs schedules with the seeds from `firstSeed` on, in as many threads as there are cores. */
export async function runSwarm(firstSeed: number, schedules: number): Promise<SwarmResult> {
  const threads = Math.min(availableParallelism(), 8)
  const share = Math.ceil(schedules / threads)
  const reports = await Promise.all(
    Array.from({ length: threads }, (_, thread) =>
      runThread({ firstSeed: firstSeed + thread * share, schedules: share }),
    ),
  )
  const totals: Record<string, number> = {}
  let done = 0
  for (const report of reports) {
    if (report.kind === 'failed') continue
    done += report.schedules
    for (const [name, count] of Object.entries(report.totals)) totals[name] = (totals[name] ?? 0) + count
  }
  const failures = reports.flatMap((report) => (report.kind === 'failed' ? [report] : []))
  return { schedules: done, totals, failures }
}

function runThread(assignment: Assignment): Promise<Report> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('worker.js', import.meta.url), { workerData: assignment })
    worker.on('message', (report: Report) => {
      if (report.kind !== 'progress') resolve(report)
    })
    worker.on('error', reject)
    worker.on('exit', (code) => reject(new Error(`a thread ended with ${code} and without a report`)))
  })
}
