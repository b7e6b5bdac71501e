import { type Measurement, parseTask } from '../task.js'
import type { Contestant } from './contestant.js'
import { measureAppend } from './measure-append.js'
import { measureCommit } from './measure-commit.js'
import { measureOpen, measureReplay } from './measure-reading.js'
import { measureReplace } from './measure-replace.js'

// node program.js <contestant> <task ...>: one run of a contestant that is written for Node.js.

const [name = '', ...words] = process.argv.slice(2)
const task = parseTask(words)
const { contestant } = (await import(`./contestants/${name}.js`)) as { contestant: Contestant }

async function measure(): Promise<Measurement> {
  switch (task.work) {
    case 'append':
      return measureAppend(contestant, task)
    case 'commit':
      return measureCommit(contestant, task)
    case 'replay':
      return measureReplay(contestant, task)
    case 'open':
      return measureOpen(contestant, task)
    case 'replace':
      return measureReplace(contestant, task)
    case 'prepare': {
      if (contestant.prepare === undefined) throw new Error(`${name} prepares nothing`)
      await contestant.prepare(task.path, Buffer.alloc(task.recordBytes, 'x'), task.count)
      return { operations: task.count, seconds: 0, cpuSeconds: 0, memoryBytes: 0 }
    }
  }
}

console.log(JSON.stringify(await measure()))
