import assert from 'node:assert/strict'
import { readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { temporaryDirectory } from '../support/temporary.js'
import { KILLS, random, runExample, seed } from './killing.js'

const MAIN = 'examples/queue/main.js'

/** What a queue has told, over all of its lives. */
class Witness {
  readonly added = new Set<number>()
  readonly worked = new Map<number, number>()
  readonly done = new Set<number>()
  again = 0

  hear(line: string): void {
    const [, what, digits, rest = ''] = /^(added|worked|done) (\d+)(.*)$/u.exec(line) ?? []
    if (what === undefined) return assert.match(line, /^\d+ jobs (?:were|are) left/u)
    const id = Number(digits)
    const about = `job ${id}, seed ${seed}`
    if (what === 'added') {
      assert.ok(!this.added.has(id), `no id is given twice: ${about}`)
      this.added.add(id)
    } else if (what === 'done') {
      assert.ok(!this.done.has(id), `none is acknowledged twice: ${about}`)
      this.done.add(id)
    } else {
      assert.ok(!this.done.has(id), `what is done is not worked on again: ${about}`)
      const times = this.worked.get(id) ?? 0
      this.worked.set(id, times + 1)
      const attempt = Number(/again, attempt (\d+)$/u.exec(rest)?.[1] ?? 1)
      assert.ok(attempt > times, `whoever works on it again says so: ${about}`)
      if (times > 0) this.again++
    }
  }
}

test(`the queue, killed ${KILLS} times at random moments, loses no job, and does none twice without saying so`, async () => {
  const directory = join(temporaryDirectory(), 'not', 'there', 'yet')
  const witness = new Witness()
  const words = [MAIN, '--directory', directory, '--compact-above', '2000']
  for (let kill = 0; kill < KILLS; kill++) {
    const { lines, stderr } = await runExample([...words, '--jobs', '60'], '', random.below(4) * random.below(40))
    assert.equal(stderr, '', `seed ${seed}`)
    for (const line of lines) witness.hear(line)
  }
  const last = await runExample([...words, '--jobs', '0'])
  assert.deepEqual([last.status, last.stderr], [0, ''])
  for (const line of last.lines) witness.hear(line)
  assert.equal(last.lines.at(-1), '0 jobs are left')
  for (const id of witness.added) assert.ok(witness.worked.has(id), `no job is lost: ${id}, seed ${seed}`)
  assert.ok(witness.added.size > KILLS, 'there was something to lose')
  // Nothing is left of all that, but that its ids have been given.
  await runExample([...words, '--jobs', '0'])
  for (const line of (await runExample([...words, '--jobs', '5'])).lines) witness.hear(line)
  assert.equal(readdirSync(directory).filter((name) => /^state\.\d+\.wal$/u.test(name)).length, 1)
})

test('the queue, killed while its journal is begun anew, loses no job either', async () => {
  const directory = temporaryDirectory()
  const witness = new Witness()
  const words = [MAIN, '--directory', directory, '--compact-above', '100']
  for (const line of (await runExample([...words, '--jobs', '40'])).lines) witness.hear(line)
  for (let kill = 0; kill < KILLS / 2; kill++) {
    const watcher = watch(directory)
    const isStruck = new Promise<void>((strike) => {
      // The first change of such a name is the new file's, the second the removal of the old one.
      let changes = random.below(2)
      watcher.on('change', (change, name) => {
        if (change === 'rename' && /^state\.\d+\.wal$/u.test(String(name)) && changes-- === 0) strike()
      })
    })
    const { lines, stderr } = await runExample([...words, '--jobs', '10'], '', isStruck)
    watcher.close()
    assert.equal(stderr, '', `seed ${seed}`)
    for (const line of lines) witness.hear(line)
    // So that there is something to leave out the next time, and something to take over.
    for (const line of (await runExample([...words, '--jobs', '20'], '', 40)).lines) witness.hear(line)
  }
  for (const line of (await runExample([...words, '--jobs', '0'])).lines) witness.hear(line)
  for (const id of witness.added) assert.ok(witness.worked.has(id), `no job is lost: ${id}, seed ${seed}`)
})

test('two processes cannot have the queue at the same time', async () => {
  const directory = temporaryDirectory()
  const { Queue } = (await import(new URL('../../../examples/queue/queue.js', import.meta.url).href)) as {
    Queue: { open(directory: string): Promise<{ close(): Promise<void> }> }
  }
  const queue = await Queue.open(directory)
  const other = await runExample([MAIN, '--directory', directory, '--jobs', '1'])
  assert.match(other.stderr, /ERR_FSYS_LOCKED/u)
  await queue.close()
  assert.equal((await runExample([MAIN, '--directory', directory, '--jobs', '1'])).status, 0)
})
