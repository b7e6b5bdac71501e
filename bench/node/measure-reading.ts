import type { Measurement, Task } from '../task.js'
import type { Contestant } from './contestant.js'
import { cpuSeconds, peakMemoryBytes } from './process-figures.js'

/** All records that were prepared, read once to warm up and once for the figure. */
export async function measureReplay(contestant: Contestant, task: Task): Promise<Measurement> {
  if (contestant.replay === undefined) throw new Error('it cannot be replayed')
  const variant = task.variant.split(',')
  async function once(): Promise<void> {
    const { records, bytes } = (await contestant.replay?.(task.path, variant)) ?? { records: 0, bytes: 0 }
    if (records !== task.count || bytes !== task.count * task.recordBytes) {
      throw new Error(`a replay gave ${records} records of ${bytes} bytes in all, where ${task.count} were written`)
    }
  }
  await once()
  const cpuBefore = cpuSeconds()
  const begun = performance.now()
  await once()
  const seconds = (performance.now() - begun) / 1000
  return { operations: task.count, seconds, cpuSeconds: cpuSeconds() - cpuBefore, memoryBytes: peakMemoryBytes() }
}

/** How long until a log is ready for appending. Once: nobody opens the same log twice in a process. */
export async function measureOpen(contestant: Contestant, task: Task): Promise<Measurement> {
  if (contestant.reopen === undefined) throw new Error('it cannot be opened again')
  const cpuBefore = cpuSeconds()
  const begun = performance.now()
  const close = await contestant.reopen(task.path, task.variant.split(','))
  const seconds = (performance.now() - begun) / 1000
  const cpuAfter = cpuSeconds()
  await close()
  return { operations: task.count, seconds, cpuSeconds: cpuAfter - cpuBefore, memoryBytes: peakMemoryBytes() }
}
