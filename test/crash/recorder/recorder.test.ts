import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { temporaryDirectory } from '../../support/temporary.js'
import { unavailable } from '../../support/unavailable.js'
import { batchChildPath, DIRECTORIES } from './batch-states.js'
import { parseLog } from './log.js'
import { buildRecorder, childPath, Recording, whyNoRecorder } from './recorder.js'
import { linesOfCalls, readTraces, straceOptions } from './strace.js'
import { nameOf, type Variant, VARIANTS } from './variant.js'

for (const variant of VARIANTS) {
  const what = `the recorder hears every call on the directory that strace hears, thread by thread; ${nameOf(variant)}`
  test(what, { timeout: 60_000 }, (context) => {
    compareWithStrace(context, variant, (root) => [childPath, root, '1', variant.mode, '120', '12'])
  })
}

for (const variant of VARIANTS.filter(({ mode }) => mode === 'cached')) {
  const what = `the recorder hears every call that strace hears of batches, by names from open directories; ${variant.engine}`
  test(what, { timeout: 60_000 }, (context) => {
    compareWithStrace(context, variant, (root) => {
      for (const name of DIRECTORIES) mkdirSync(join(root, name))
      return [batchChildPath, root, '1']
    })
  })
}

function compareWithStrace(context: TestContext, variant: Variant, prepare: (root: string) => readonly string[]): void {
  const reason = whyNoRecorder() ?? whyNoStrace()
  if (reason !== undefined) return unavailable(context, reason)
  const directory = temporaryDirectory(context)
  const recording = new Recording(buildRecorder(directory), directory, 'recorded', variant)
  mkdirSync(join(directory, 'traces'))
  const prefix = join(directory, 'traces', 'thread')
  const environment = Object.entries(recording.environment).flatMap(([name, value]) => ['-E', `${name}=${value}`])
  const command = [process.execPath, ...prepare(recording.root)]
  const { status, stderr } = spawnSync('strace', [...straceOptions(prefix), ...environment, ...command], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  const heard = linesOfCalls(parseLog(readFileSync(recording.log)).calls)
  assert.deepEqual(heard, readTraces(prefix, recording.root))
  assert.ok([...heard.values()].flat().length > 100)
}

function whyNoStrace(): string | undefined {
  const { status } = spawnSync('strace', ['-f', '--seccomp-bpf', '-o', '/dev/null', 'true'])
  return status === 0 ? undefined : 'there is no strace, or it may not trace'
}

test('the recorder sees memory that changes under an unfinished write', { timeout: 60_000 }, (context) => {
  const reason = whyNoRecorder()
  if (reason !== undefined) return unavailable(context, reason)
  const directory = temporaryDirectory(context)
  const recording = new Recording(buildRecorder(directory), directory, 'recorded', { engine: 'portable' })
  const program = `
    const { openSync, write } = require('node:fs')
    const bytes = Buffer.alloc(2 ** 24)
    const file = openSync(process.argv[1], 'w')
    let isOver = false
    let count = 0
    const change = () => {
      bytes[count++] = 1
      if (!isOver) setImmediate(change)
    }
    // The first one is left alone.
    write(file, bytes, () => {
      write(file, bytes, () => (isOver = true))
      change()
    })
  `
  const { status, stderr } = spawnSync(process.execPath, ['-e', program, join(recording.root, 'file')], {
    env: { ...process.env, ...recording.environment },
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  const writes = parseLog(readFileSync(recording.log)).calls.filter(({ kind }) => kind === 'write')
  assert.deepEqual(
    writes.map((call) => call.hasMemoryChanged),
    [false, true],
  )
})
