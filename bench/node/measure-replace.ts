import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Measurement, Task } from '../task.js'
import type { Contestant } from './contestant.js'
import { cpuSeconds, peakMemoryBytes } from './process-figures.js'

/** All files of a directory are replaced, after a tenth of as many in another one. */
export async function measureReplace(contestant: Contestant, task: Task): Promise<Measurement> {
  const { path, recordBytes, count } = task
  if (contestant.replace === undefined) throw new Error('it replaces no files')
  const content = Buffer.alloc(recordBytes, 'x')
  const variant = task.variant.split(',')
  const trial = `${path}-trial`
  await contestant.replace(trial, makeFiles(trial, content, Math.ceil(count / 10)), content, variant)

  const names = makeFiles(path, content, count)
  const cpuBefore = cpuSeconds()
  const begun = performance.now()
  await contestant.replace(path, names, content, variant)
  const ended = performance.now()
  return {
    operations: count,
    seconds: (ended - begun) / 1000,
    cpuSeconds: cpuSeconds() - cpuBefore,
    memoryBytes: peakMemoryBytes(),
    confirmed: count + Math.ceil(count / 10),
  }
}

function makeFiles(directory: string, content: Buffer, count: number): string[] {
  mkdirSync(directory)
  const names = Array.from({ length: count }, (_, index) => `file-${index}`)
  for (const name of names) writeFileSync(join(directory, name), content)
  return names
}
