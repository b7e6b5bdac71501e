import { monitorEventLoopDelay } from 'node:perf_hooks'

import { percentile } from '../statistics.js'
import type { Measurement, Task } from '../task.js'
import type { Contestant, Log } from './contestant.js'
import { cpuSeconds, peakMemoryBytes } from './process-figures.js'

/** Durable records, one after the other or by many callers at once, for as long as the task says. */
export async function measureCommit(contestant: Contestant, task: Task): Promise<Measurement> {
  const { path, recordBytes, committers, seconds } = task
  const record = Buffer.alloc(recordBytes, 'x')
  const log = await contestant.open?.(path, { variant: task.variant.split(','), recordBytes, committers })
  if (log === undefined) throw new Error('it has no log to commit to')
  const drive = committers === 1 ? commitOneByOne : commitTogether

  const warmedUp = await drive(log, record, committers, seconds)
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const cpuBefore = cpuSeconds()
  const begun = performance.now()
  const { operations, latencies } = await drive(log, record, committers, seconds)
  const ended = performance.now()
  const cpuAfter = cpuSeconds()
  delay.disable()
  await log.close()
  return {
    operations,
    seconds: (ended - begun) / 1000,
    cpuSeconds: cpuAfter - cpuBefore,
    memoryBytes: peakMemoryBytes(),
    confirmed: operations + warmedUp.operations,
    // Whoever blocks the loop for the whole time leaves no sample: then the whole time is the delay.
    loopDelayMs: log.commit === undefined ? ended - begun : delay.percentile(99) / 1e6,
    ...(latencies === undefined ? {} : { p50Us: percentile(latencies, 50), p99Us: percentile(latencies, 99) }),
    ...(log.served === undefined ? {} : { served: log.served }),
  }
}

interface Driven {
  readonly operations: number
  /** In microseconds. */
  readonly latencies?: readonly number[]
}

async function commitOneByOne(log: Log, record: Buffer, _committers: number, seconds: number): Promise<Driven> {
  const latencies: number[] = []
  const end = performance.now() + seconds * 1000
  let before = performance.now()
  while (before < end) {
    if (log.commit !== undefined) await log.commit(record)
    else log.commitSync?.(record)
    const after = performance.now()
    latencies.push((after - before) * 1000)
    before = after
  }
  return { operations: latencies.length, latencies }
}

async function commitTogether(log: Log, record: Buffer, committers: number, seconds: number): Promise<Driven> {
  let operations = 0
  const state = { isOver: false }
  const timer = setTimeout(() => {
    state.isOver = true
  }, seconds * 1000)
  async function committer(): Promise<void> {
    while (!state.isOver) {
      await log.commit?.(record)
      operations++
    }
  }
  await Promise.all(Array.from({ length: committers }, committer))
  clearTimeout(timer)
  return { operations }
}
