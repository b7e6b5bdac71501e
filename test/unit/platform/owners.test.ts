import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'

import { createOwners, owners } from '#src/platform/owners.js'
import type { Owner } from '#src/storage/storage.js'

const linux = { skip: process.platform === 'linux' ? false : 'needs the process file system of Linux' }
const modulePath = import.meta.resolve('#src/platform/owners.js')
const printSelf = `import { owners } from ${JSON.stringify(modulePath)}
console.log(JSON.stringify(owners.self()))
setInterval(() => {}, 1000)`

test('the calling thread is its own owner, and is never gone (D8)', () => {
  const me = owners.self()
  assert.equal(me.pid, process.pid)
  assert.deepEqual(owners.self(), me)
  assert.equal(owners.isGone(me), false)
})

test('on Linux an owner names boot, namespace, thread and start time (D8)', linux, () => {
  const me = owners.self()
  assert.match(me.boot, /^[0-9a-f-]{36}$/)
  assert.match(me.pidNamespace, /^pid:\[\d+\]/)
  assert.equal(me.thread, process.pid, 'the main thread has the id of the process')
  assert.ok(me.startTime > 0)
})

test('tokens never repeat', () => {
  const tokens = new Set(Array.from({ length: 1000 }, () => owners.token()))
  assert.equal(tokens.size, 1000)
})

test('a child process is there while it runs, and gone once it was killed (D8)', async (context) => {
  const { child, owner } = await spawnOwner(context)
  assert.equal(owner.pid, child.pid)
  assert.equal(owners.isGone(owner), false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(owners.isGone(owner), true)
})

test('a reused process id is recognised by its start time (D8)', linux, async (context) => {
  const { owner } = await spawnOwner(context)
  assert.equal(owners.isGone({ ...owner, startTime: owner.startTime - 1 }), true)
  assert.equal(owners.isGone({ ...owner, thread: owner.thread + 4_000_000 }), true)
})

test('a worker thread is an owner of its own, and gone once it was terminated (D8)', linux, async () => {
  const { worker, owner } = await startWorker()
  assert.equal(owner.pid, process.pid)
  assert.notEqual(owner.thread, owners.self().thread)
  assert.equal(owners.isGone(owner), false)
  await worker.terminate()
  assert.equal(owners.isGone(owner), true)
  assert.equal(owners.isGone(owners.self()), false)
})

test('what cannot be known is not taken for gone: another host or namespace, nonsense ids (D8)', async (context) => {
  const { child, owner } = await spawnOwner(context)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(owners.isGone({ ...owner, host: 'elsewhere' }), false)
  assert.equal(owners.isGone({ ...owner, pidNamespace: 'pid:[1]' }), false)
  for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 60]) assert.equal(owners.isGone({ ...owner, pid }), false, `${pid}`)
})

test('an owner of an earlier boot of this host is gone, but only where both boots are known (D8)', () => {
  const me = { ...owners.self(), pid: 1, thread: 1 }
  const isBootKnown = me.boot !== 'unknown'
  assert.equal(owners.isGone({ ...me, boot: 'an earlier one' }), isBootKnown)
  assert.equal(owners.isGone({ ...me, boot: 'unknown' }), false)
  assert.equal(owners.isGone({ ...me, boot: 'an earlier one', host: 'elsewhere' }), false)
})

test('without a process file system only a missing process is gone, never a thread (D8)', async (context) => {
  const portable = createOwners('/nowhere')
  const me = portable.self()
  assert.deepEqual([me.boot, me.pidNamespace, me.thread, me.startTime], ['unknown', 'unknown', 0, 0])
  assert.equal(portable.isGone(me), false)
  assert.equal(portable.isGone({ ...me, thread: 77, startTime: 7 }), false)
  const { child } = await spawnOwner(context)
  const other = { ...me, pid: child.pid ?? 0 }
  assert.equal(portable.isGone(other), false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(portable.isGone(other), true)
})

test('a command name with spaces and parentheses does not shift the fields (D8)', linux, (context) => {
  const proc = fakeProc(context)
  proc.task(process.pid, process.pid, 'S', 4711, { name: 'a) S 1 (b c' })
  assert.equal(createOwners(proc.path).self().startTime, 4711)
})

test('a process whose leader is dead is gone only when every thread is (D8)', linux, (context) => {
  const proc = fakeProc(context)
  proc.task(process.pid, process.pid, 'S', 10)
  proc.task(77, 77, 'Z', 20)
  proc.task(77, 78, 'D', 21)
  const mine = createOwners(proc.path)
  const leader = { ...mine.self(), pid: 77, thread: 77, startTime: 20 }
  assert.equal(mine.isGone(leader), false, 'a thread still sits in a write')
  assert.equal(mine.isGone({ ...leader, thread: 79, startTime: 22 }), false, 'so do calls of a thread that has ended')
  proc.task(77, 78, 'X', 21)
  assert.equal(mine.isGone(leader), true)
  assert.equal(mine.isGone({ ...leader, thread: 79, startTime: 22 }), true)
})

test('a thread that is missing from a process that is being killed is not gone yet (D8)', linux, (context) => {
  const { proc, mine, worker } = processWithWorker(context)
  assert.equal(mine.isGone(worker), true, 'the process lives on without this thread')
  proc.status(77, 77, 1n << 8n)
  assert.equal(mine.isGone(worker), false, 'SIGKILL is pending')
  proc.status(77, 77, 0n)
  proc.task(77, 77, 'S', 20, { flags: 4 })
  assert.equal(mine.isGone(worker), false, 'the leader is exiting')
})

// The next open behind `await worker.terminate()` could meet the lock of a thread that was still there to be seen.
test('a thread that has been waited for is gone, although its entry is there for a moment (D8)', linux, (context) => {
  const { proc, mine, worker } = processWithWorker(context)
  for (const [state, flags, isGone] of [
    ['R', 0, false],
    ['D', 0, false],
    ['R', 4, true],
    ['X', 4, true],
  ] as const) {
    proc.task(77, 78, state, 21, { flags })
    proc.status(77, 78, 0n)
    assert.equal(mine.isGone(worker), isGone, `${state}, flags ${flags}`)
  }
  proc.task(77, 79, 'D', 22)
  proc.status(77, 77, 1n << 8n)
  assert.equal(mine.isGone(worker), false, 'its process is being killed, and a thread still sits in a write')
})

// A leader that had taken the signal, and was not seen to exit yet, let another process write beside a late write of this one.
test(
  'a thread is not gone while a write of its process sits in a thread that is being killed (D8)',
  linux,
  (context) => {
    const { proc, mine, worker } = processWithWorker(context)
    proc.task(77, 79, 'D', 22)
    proc.status(77, 79, 0n)
    assert.equal(mine.isGone(worker), true, 'the process lives on without this thread')
    proc.status(77, 79, 1n << 8n)
    assert.equal(mine.isGone(worker), false, 'the thread has ended')
    proc.task(77, 78, 'R', 21, { flags: 4 })
    proc.status(77, 78, 0n)
    assert.equal(mine.isGone(worker), false, 'the thread is exiting')
  },
)

test('a living process whose entry is hidden is not gone (D8)', linux, (context) => {
  const proc = fakeProc(context)
  proc.task(process.pid, process.pid, 'S', 10)
  const mine = createOwners(proc.path)
  assert.equal(mine.isGone({ ...mine.self(), pid: process.ppid, thread: process.ppid, startTime: 3 }), false)
})

async function spawnOwner(context: TestContext): Promise<{ child: ChildProcess; owner: Owner }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', printSelf], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  context.after(() => child.kill('SIGKILL'))
  assert.ok(child.stdout)
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, owner: JSON.parse(line.toString()) as Owner }
}

async function startWorker(): Promise<{ worker: Worker; owner: Owner }> {
  const code = `import(${JSON.stringify(modulePath)}).then(({ owners }) => {
    require('node:worker_threads').parentPort.postMessage(owners.self())
    setInterval(() => {}, 1000)
  })`
  const worker = new Worker(code, { eval: true })
  const [owner] = (await once(worker, 'message')) as [Owner]
  return { worker, owner }
}

/** A process 77 with a leader that lives, and an owner that was, or is, its thread 78. */
function processWithWorker(context: TestContext) {
  const proc = fakeProc(context)
  proc.task(process.pid, process.pid, 'S', 10)
  proc.task(77, 77, 'S', 20)
  proc.status(77, 77, 0n)
  const mine = createOwners(proc.path)
  return { proc, mine, worker: { ...mine.self(), pid: 77, thread: 78, startTime: 21 } }
}

/** Enough of a process file system, in a directory. */
function fakeProc(context: TestContext) {
  const path = mkdtempSync(join(tmpdir(), 'fsys-proc-'))
  context.after(() => rmSync(path, { recursive: true }))
  mkdirSync(join(path, 'sys/kernel/random'), { recursive: true })
  mkdirSync(join(path, 'self/ns'), { recursive: true })
  writeFileSync(join(path, 'sys/kernel/random/boot_id'), 'this boot\n')
  symlinkSync('pid:[1]', join(path, 'self/ns/pid'))
  symlinkSync(`${process.pid}/task/${process.pid}`, join(path, 'thread-self'))
  const template = readFileSync('/proc/self/stat', 'latin1')
    .replace(/^.*\) /, '')
    .split(' ')
  return {
    path,
    task(pid: number, thread: number, state: string, startTime: number, { name = 'node', flags = 0 } = {}): void {
      const fields = [state, ...template.slice(1)]
      fields[6] = `${flags}`
      fields[19] = `${startTime}`
      mkdirSync(join(path, `${pid}/task/${thread}`), { recursive: true })
      writeFileSync(join(path, `${pid}/task/${thread}/stat`), `${thread} (${name}) ${fields.join(' ')}`)
    },
    status(pid: number, thread: number, pending: bigint): void {
      writeFileSync(
        join(path, `${pid}/task/${thread}/status`),
        `Name:\tnode\nSigPnd:\t${pending.toString(16).padStart(16, '0')}\n`,
      )
    },
  }
}
