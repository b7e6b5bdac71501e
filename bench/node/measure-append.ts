import type { Measurement, Task } from '../task.js'
import type { Contestant, Log } from './contestant.js'
import { cpuSeconds, peakMemoryBytes } from './process-figures.js'

/** Records handed to the system, then one sync; or a sync after each so many. */
export async function measureAppend(contestant: Contestant, task: Task): Promise<Measurement> {
  const { path, recordBytes, count, syncEvery } = task
  const record = Buffer.alloc(recordBytes, 'x')
  const options = { variant: task.variant.split(','), recordBytes, committers: 1 }
  if (contestant.open === undefined) throw new Error('it has no log to append to')

  // On a file of its own, so that the one that counts begins empty.
  const trial = await contestant.open(`${path}-trial`, options)
  await append(trial, record, warmUpCount(task), syncEvery)
  await trial.sync?.()
  await trial.close()

  const log = await contestant.open(path, options)
  const cpuBefore = cpuSeconds()
  const begun = performance.now()
  await append(log, record, count, syncEvery)
  const appended = performance.now()
  await log.sync?.()
  const synced = performance.now()
  const cpuAfter = cpuSeconds()
  await log.close()
  return {
    operations: count,
    seconds: (appended - begun) / 1000,
    syncSeconds: (synced - appended) / 1000,
    cpuSeconds: cpuAfter - cpuBefore,
    memoryBytes: peakMemoryBytes(),
    ...(log.served === undefined ? {} : { served: log.served }),
  }
}

/** A tenth of it, and not more than 32 MiB: enough for the compiler, and short for the disk. */
function warmUpCount({ count, recordBytes, syncEvery }: Task): number {
  const records = Math.ceil(Math.min(count / 10, 2 ** 25 / recordBytes))
  return syncEvery === 0 ? records : Math.ceil(records / syncEvery) * syncEvery
}

async function append(log: Log, record: Buffer, count: number, syncEvery: number): Promise<void> {
  if (log.appendAll === undefined) throw new Error('it cannot append without a sync')
  if (syncEvery === 0) return log.appendAll(record, count)
  for (let done = 0; done < count; done += syncEvery) {
    await log.appendAll(record, syncEvery)
    await log.sync?.()
  }
}
