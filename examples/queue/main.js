import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'

import { Queue } from './queue.js'

const { values } = parseArgs({
  options: {
    directory: { type: 'string', default: join(tmpdir(), 'fsys-example-queue') },
    jobs: { type: 'string', default: '1000' },
    'compact-above': { type: 'string', default: '1048576' },
  },
})
const PRODUCERS = 4
const WORKERS = 4

const queue = await Queue.open(values.directory, { compactAboveBytes: Number(values['compact-above']) })
console.log(`${queue.size} jobs were left in ${values.directory}`)

let jobsToAdd = Number(values.jobs)
let producers = PRODUCERS
await Promise.all([...Array.from({ length: PRODUCERS }, produce), ...Array.from({ length: WORKERS }, work)])
console.log(`${queue.size} jobs are left`)
await queue.close()

async function produce() {
  while (jobsToAdd-- > 0) {
    const id = await queue.add(`a text that somebody wants the checksum of: ${Math.random()}`)
    console.log(`added ${id}`)
  }
  producers--
}

async function work() {
  while (true) {
    const job = await queue.take()
    if (job === undefined) {
      if (producers === 0) return
      await delay(1)
      continue
    }
    const { id, work: text, attempt } = job
    await delay(Math.random() * 5)
    const checksum = createHash('sha256').update(text).digest('hex')
    // From here on the world has seen it. If a crash strikes before the job is done with, the world will see it again.
    console.log(`worked ${id} ${checksum.slice(0, 16)}${attempt > 1 ? ` again, attempt ${attempt}` : ''}`)
    await queue.done(id)
    console.log(`done ${id}`)
  }
}
