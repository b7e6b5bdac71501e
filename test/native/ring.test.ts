import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'

import { How } from '#src/platform/native-addon.js'

import { fixturePath } from '../support/children.js'
import { unavailable } from '../support/unavailable.js'
import { addonPath, diskDirectory, errno, hasAddon, openFile, outcomeOf, ringFor } from './support.js'

// What is the ring's own: registered files and memory, its limits, and who refuses it.

const OPERATIONS = 1000

test('what is registered is written through and from as anything else', async (t) => {
  const addon = ringFor(t)
  if (addon === undefined) return
  const path = join(diskDirectory(t), 'file')
  const fd = openFile(t, path, constants.O_DIRECT)
  const memory = Buffer.from(new ArrayBuffer(2 ** 20 + 4096)).fill(7)
  const start = 4096 - (addon.addressOf(memory) % 4096)
  assert.deepEqual(addon.ringRefusals(), [0, 0])
  const file = addon.ringRegisterFile(fd)
  const slot = addon.ringRegisterBuffer(memory.subarray(start))
  assert.ok(file >= 2 ** 30 && slot >= 0)
  for (const how of Object.values(How)) {
    memory.fill(how + 1)
    for (const descriptor of [fd, file]) {
      const outcome = await outcomeOf((callback) =>
        addon.ringWrite(descriptor, memory, start + 4096, start + 12_288, 4096, how, callback),
      )
      assert.deepEqual(outcome, { result: 0, written: 8192 })
      assert.ok(
        readFileSync(path)
          .subarray(4096)
          .equals(Buffer.alloc(8192, how + 1)),
      )
    }
  }
  assert.equal(addon.ringUnregisterBuffer(slot), 0)
  assert.equal(addon.ringUnregisterBuffer(slot), errno('EINVAL'))
  assert.equal(addon.ringUnregisterFile(file), 0)
  assert.equal(addon.ringUnregisterFile(file), errno('EBADF'))
  const late = await outcomeOf((callback) => addon.ringWrite(file, memory, start, start + 512, 0, 0, callback))
  assert.equal(late.result, errno('EBADF'))
})

test('what is registered stays so while an operation uses it, and can be had 64 times', (t) => {
  const addon = ringFor(t)
  if (addon === undefined) return
  const fd = openFile(t, join(diskDirectory(t), 'file'))
  const memory = Buffer.alloc(2 ** 20)
  const files = Array.from({ length: 65 }, () => addon.ringRegisterFile(fd))
  const slots = Array.from({ length: 65 }, () => addon.ringRegisterBuffer(memory))
  assert.equal(files.pop(), errno('ENFILE'))
  assert.equal(slots.pop(), errno('ENFILE'))
  assert.equal(new Set([...files, ...slots].filter((number) => number >= 0)).size, 128)
  const operation = addon.ringWrite(files[0]!, memory, 0, memory.length, 0, How.writeAndSync, () => {})
  const used = slots.filter((slot) => addon.ringUnregisterBuffer(slot) === errno('EBUSY'))
  assert.equal(used.length, 1)
  assert.equal(addon.ringUnregisterFile(files[0]!), errno('EBUSY'))
  addon.finish(operation)
  assert.equal(addon.ringUnregisterBuffer(used[0]!), 0)
  for (const file of files) assert.equal(addon.ringUnregisterFile(file), 0)
})

test('what cannot be registered is refused', (t) => {
  const addon = ringFor(t)
  if (addon === undefined) return
  assert.equal(addon.ringRegisterFile(-1), errno('EBADF'))
  assert.equal(addon.ringRegisterFile(2 ** 31 - 1), errno('EBADF'))
  assert.equal(addon.ringRegisterBuffer(new Uint8Array(0)), errno('EINVAL'))
  assert.equal(addon.ringUnregisterFile(2 ** 30 + 64), errno('EBADF'))
  assert.equal(addon.ringUnregisterFile(3), errno('EBADF'))
  assert.equal(addon.ringUnregisterBuffer(-1), errno('EINVAL'))
  assert.equal(addon.ringUnregisterBuffer(64), errno('EINVAL'))
})

test('D10: a thousand operations at once all get an answer, in a ring for 128', async (t) => {
  const addon = ringFor(t)
  if (addon === undefined) return
  const path = join(diskDirectory(t), 'file')
  const fd = openFile(t, path)
  const expected = Buffer.from(Uint8Array.from({ length: OPERATIONS * 100 }, (_, at) => at * 31))
  const outcomes = await Promise.all(
    Array.from({ length: OPERATIONS }, (_, at) => {
      const start = at * 100
      return outcomeOf((callback) => {
        return addon.ringWrite(fd, expected, start, start + 100, start, at % 50 === 0 ? How.writeAndSync : 0, callback)
      })
    }),
  )
  assert.ok(outcomes.every(({ result, written }) => result === 0 && written === 100))
  assert.ok(readFileSync(path).equals(expected))
})

test('many threads have a ring each', async (t) => {
  const addon = ringFor(t)
  if (addon === undefined) return
  const directory = diskDirectory(t)
  const paths = Array.from({ length: 6 }, (_, at) => join(directory, String(at)))
  const codes = await Promise.all(
    paths.map((path) => {
      const worker = new Worker(fixturePath('native-child'), { workerData: ['steady', addonPath, path, 'ring'] })
      return new Promise((resolve, reject) => worker.once('error', reject).once('exit', resolve))
    }),
  )
  assert.ok(codes.every((code) => code === 0))
  for (const path of paths) {
    const found = readFileSync(path)
    assert.equal(found.length, 200 * 1000)
    assert.ok(found.every((byte, at) => byte === (Math.floor(at / 1000) & 255)))
  }
})

interface Refusals {
  readonly open: number
  readonly again: number
  readonly write: number
  readonly file: number
  readonly refusals: number[]
  readonly buffer: number
}

/** What a process has to say in which the ring is refused in some way. */
function refusalsIn(context: TestContext, command: string, ...words: readonly string[]): Refusals | undefined {
  if (spawnSync(command, ['--version']).status !== 0) {
    unavailable(context, `there is no ${command}`)
    return undefined
  }
  const child = [process.execPath, fixturePath('native-child'), 'refused', addonPath, '', 'ring']
  const { stdout, stderr } = spawnSync(command, [...words, ...child], { encoding: 'utf8', timeout: 60_000 })
  const line = stdout.split('\n').find((text) => text.startsWith('{'))
  if (line === undefined) throw new Error(`it said nothing: ${stderr}`)
  return JSON.parse(line) as Refusals
}

for (const code of ['EPERM', 'ENOSYS'] as const) {
  test(`where io_uring_setup says ${code} there is no ring, and all else works`, (t) => {
    if (!hasAddon) return unavailable(t, 'the native addon could not be built')
    const options = ['-f', '--seccomp-bpf', '-qqq', '-o', '/dev/null']
    const inject = [...options, '-e', `inject=io_uring_setup:error=${code}`]
    const found = refusalsIn(t, 'strace', ...inject, '-e', 'trace=io_uring_setup')
    if (found === undefined) return
    assert.deepEqual([found.open, found.again], [errno(code), errno(code)])
    const none = errno('ENXIO')
    assert.deepEqual([found.write, found.file, found.buffer, ...found.refusals], [none, none, none, none, none])
  })
}

// The superuser may lock as much as there is; without that privilege not.
const WITHOUT_PRIVILEGE = ['--bounding-set', '-ipc_lock', '--inh-caps', '-ipc_lock', 'sh', '-c']

test('where little memory may be locked the ring works, and no large buffer is registered', (t) => {
  if (ringFor(t) === undefined) return
  const found = refusalsIn(t, 'setpriv', ...WITHOUT_PRIVILEGE, 'ulimit -l 512 && exec "$@"', 'sh')
  if (found === undefined) return
  assert.deepEqual([found.open, found.write, found.buffer], [0, 0, errno('ENOMEM')])
})

test('where no memory may be locked there is no ring', (t) => {
  if (ringFor(t) === undefined) return
  const found = refusalsIn(t, 'setpriv', ...WITHOUT_PRIVILEGE, 'ulimit -l 0 && exec "$@"', 'sh')
  if (found === undefined) return
  assert.deepEqual([found.open, found.write], [errno('ENOMEM'), errno('ENXIO')])
})
