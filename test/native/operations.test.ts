import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { pbkdf2 } from 'node:crypto'
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'

import { How, type WriteAndSync } from '#src/platform/native-addon.js'

import { fixturePath } from '../support/children.js'
import {
  addonFor,
  addonPath,
  diskDirectory,
  type FaultyAddon,
  openFile,
  type Outcome,
  outcomeOf,
  ringFor,
} from './support.js'

// Operations that somebody waits for: their callbacks, their memory, and how threads and processes end around them.

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

interface Bench {
  readonly addon: FaultyAddon
  readonly path: string
  readonly fd: number
  readonly start: WriteAndSync
}

const ENGINES = ['pool', 'ring'] as const

function benchFor(context: TestContext, engine: (typeof ENGINES)[number]): Bench | undefined {
  const addon = engine === 'ring' ? ringFor(context) : addonFor(context)
  if (addon === undefined) return undefined
  const path = join(diskDirectory(context), 'file')
  const start = engine === 'ring' ? addon.ringWrite : addon.writeAndSync
  return { addon, path, fd: openFile(context, path), start }
}

function runChild(task: string, path: string, engine: string): string {
  const words = [fixturePath('native-child'), task, addonPath, path, engine]
  return execFileSync(process.execPath, words, { encoding: 'utf8', timeout: 60_000 })
}

for (const engine of ENGINES) {
  test(`${engine}: finish blocks until an operation has ended, and calls back before it returns`, async (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    const { addon, fd, path, start } = bench
    const called: string[] = []
    const begin = (word: string): number =>
      start(fd, Buffer.from(word), 0, word.length, 0, How.writeAndSync, (result, written) => {
        called.push(`${word} ${result} ${written}`)
      })
    const [first, second, third] = ['first', 'next', 'last'].map(begin) as [number, number, number]
    assert.deepEqual(called, [])
    assert.equal(addon.finish(second), true)
    assert.deepEqual(called, ['next 0 4'])
    assert.equal(addon.finish(second), false)
    assert.equal(addon.finish(third), true)
    assert.deepEqual(called, ['next 0 4', 'last 0 4'])
    while (called.length < 3) await turn()
    assert.equal(called[2], 'first 0 5')
    assert.equal(addon.finish(first), false)
    for (let at = 0; at < 20; at++) await turn()
    assert.equal(called.length, 3, 'none is called twice')
    assert.equal(readFileSync(path, 'latin1').length, 5)
    assert.equal(addon.finish(2 ** 40 + 1), false)
  })

  test(`${engine}: finish may be called from a callback`, async (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    const { addon, fd, start } = bench
    const called: number[] = []
    const operations: number[] = []
    await new Promise<void>((resolve) => {
      for (let at = 0; at < 200; at++) {
        const operation = start(fd, Buffer.from('x'), 0, 1, at, How.writeOnly, () => {
          called.push(at)
          if (at % 3 === 0) for (let later = at + 1; later < at + 4; later++) addon.finish(operations[later] ?? 0)
          if (called.length === 200) resolve()
        })
        operations.push(operation)
      }
    })
    assert.deepEqual(
      called.toSorted((a, b) => a - b),
      operations.map((_, at) => at),
    )
  })

  test(`${engine}: an operation keeps the process running until its callback is called, and not longer`, (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    assert.equal(runChild('unreferenced', bench.path, engine), 'once\ntwice\n')
    assert.equal(readFileSync(bench.path, 'latin1'), 'oncetwice')
  })

  test(`${engine}: what a callback throws is uncaught; ticks and microtasks run after each callback`, (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    const lines = runChild('throwing', bench.path, engine).trim().split('\n')
    for (const word of ['first', 'second']) {
      const at = lines.indexOf(`uncaught ${word}`)
      assert.ok(at >= 0)
      assert.deepEqual(lines.slice(at, at + 3), [`uncaught ${word}`, `tick ${word}`, `microtask ${word}`])
    }
  })

  test(`${engine}: what a callback throws in finish reaches its caller`, (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    assert.equal(runChild('throwingNow', bench.path, engine), 'caught to the caller\n')
  })

  test(`${engine}: D4b memory that nobody else holds is written as it was, whatever the collector does`, async (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    const { fd, path, start } = bench
    const count = 300
    const size = 4000
    const ended: Promise<Outcome>[] = []
    for (let at = 0; at < count; at++) {
      // Every third is so small that it lies within JavaScript's heap, where things are moved.
      const bytes = new Uint8Array(at % 3 === 0 ? 40 : size).fill(at)
      ended.push(outcomeOf((callback) => start(fd, bytes, 0, bytes.length, at * size, How.writeAndSync, callback)))
      if (at % 50 === 0) collect()
      Array.from({ length: 50 }, () => new Uint8Array(size).fill(255))
    }
    const collecting = setInterval(collect, 1)
    const outcomes = await Promise.all(ended)
    clearInterval(collecting)
    assert.ok(outcomes.every(({ result }) => result === 0))
    const found = readFileSync(path)
    for (let at = 0; at < count; at++) {
      const length = at % 3 === 0 ? 40 : size
      const part = found.subarray(at * size, at * size + length)
      assert.ok(part.length === length && part.every((byte) => byte === (at & 255)), String(at))
    }
  })

  test(`${engine}: D4b threads that are terminated in the middle of it end well, many times`, async (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    const words = ['endless', addonPath, bench.path, engine]
    for (let round = 0; round < 12; round++) {
      const workers = [0, 1].map((index) => {
        return new Worker(fixturePath('native-child'), { workerData: words.with(2, `${bench.path}-${index}`) })
      })
      await Promise.all(
        workers.map(async (worker) => {
          worker.on('error', (error) => assert.fail(error))
          await new Promise((resolve) => worker.once('message', resolve))
          for (let turns = round; turns > 0; turns--) await turn()
          await worker.terminate()
        }),
      )
    }
    for (const index of [0, 1]) {
      const found = readFileSync(`${bench.path}-${index}`)
      assert.ok(found.length > 0 && found.every((byte) => byte === 7))
    }
  })

  test(`${engine}: a process that exits in the middle of it does so as it was told, many times`, (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    for (let round = 0; round < 5; round++) {
      assert.equal(runChild('hurried', bench.path, engine), '')
    }
  })

  test(`${engine}: a thread in which nobody waits any more ends, and so does one that never had any work`, async (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    for (const task of ['unreferenced', 'idle']) {
      const workerData = [task, addonPath, bench.path, engine]
      const worker = new Worker(fixturePath('native-child'), { workerData, stdout: true })
      assert.equal(await new Promise((resolve) => worker.once('exit', resolve)), 0)
    }
  })
}

test('pool: finish does itself what no thread has taken up yet', async (t) => {
  const bench = benchFor(t, 'pool')
  if (bench === undefined) return
  const { addon, fd, start } = bench
  // The pool has four threads.
  const isBusy = Promise.all(Array.from({ length: 8 }, () => promisify(pbkdf2)('a', 'b', 100_000, 64, 'sha512')))
  let isOver = false
  void isBusy.then(() => (isOver = true))
  let outcome: number | undefined
  const operation = start(fd, Buffer.from('now'), 0, 3, 0, How.writeAndSync, (result) => (outcome = result))
  assert.equal(addon.finish(operation), true)
  assert.equal(outcome, 0)
  await turn()
  assert.equal(isOver, false)
  await isBusy
  for (let at = 0; at < 20; at++) await turn()
})

test('ring: D4b a thread that is terminated ends only when the system has done with its memory', async (t) => {
  const addon = ringFor(t)
  if (addon === undefined) return
  // What is written into a pipe that is full stays under way until somebody reads.
  const path = join(diskDirectory(t), 'pipe')
  execFileSync('mkfifo', [path])
  const pipe = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
  t.after(() => closeSync(pipe))
  const filling = Buffer.alloc(65_536, 1)
  let expected = untilEmptyOrFull(() => writeSync(pipe, filling))
  const workerData = ['stuck', addonPath, path, 'ring']
  const worker = new Worker(fixturePath('native-child'), { workerData })
  expected += await new Promise<number>((resolve) => worker.once('message', resolve))
  let hasEnded = false
  const ended = worker.terminate().then(() => (hasEnded = true))
  for (let round = 0; round < 20; round++) {
    await delay(5)
    collect()
    assert.equal(hasEnded, false)
  }
  const found = Buffer.alloc(expected)
  let length = 0
  while (length < expected) {
    length += untilEmptyOrFull((count) => readSync(pipe, found, length + count, expected - length - count, null))
    await turn()
  }
  await ended
  assert.ok(found.subarray(-100).every((byte) => byte === 7))
})

/** How many bytes can be moved before that would have to wait. */
function untilEmptyOrFull(move: (count: number) => number): number {
  let count = 0
  try {
    for (let moved = 1; moved > 0; count += moved) moved = move(count)
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
  }
  return count
}
