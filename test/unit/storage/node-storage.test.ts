import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { NodeStorage } from '#src/storage/node-storage.js'
import { call, run, runSync, type Steps } from '#src/storage/steps.js'
import type { StorageFile } from '#src/storage/storage.js'

const storage = new NodeStorage()

/** Runs the same work twice: blocking and waiting. */
function inBothWays(name: string, work: (directory: string) => Steps<void>): void {
  test(`${name} (blocking)`, (context) => runSync(work(temporary(context))))
  test(`${name} (waiting)`, (context) => run(work(temporary(context))))
}

inBothWays('a created file is empty, readable, writable and private', function* (directory) {
  const path = join(directory, 'a')
  const file = yield* call(storage, 'open', path, 'create')
  assert.equal((yield* call(file, 'stat')).size, 0)
  assert.equal(yield* call(file, 'write', Buffer.from('hello'), 3), 5)
  assert.deepEqual(yield* readAll(file), Buffer.from('\0\0\0hello'))
  if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600)
  yield* call(file, 'dataSync')
  yield* call(file, 'sync')
  yield* call(file, 'close')
})

inBothWays('create fails where something is, the other modes where nothing is', function* (directory) {
  const path = join(directory, 'a')
  yield* fails('ENOENT', () => call(storage, 'open', path, 'read'))
  yield* fails('ENOENT', () => call(storage, 'open', path, 'write'))
  yield* close(yield* call(storage, 'open', path, 'create'))
  yield* fails('EEXIST', () => call(storage, 'open', path, 'create'))
})

inBothWays('replace empties a file and keeps its identity; read does not write', function* (directory) {
  const path = join(directory, 'a')
  const first = yield* call(storage, 'open', path, 'replace')
  yield* call(first, 'write', Buffer.from('hello'), 0)
  const before = yield* call(first, 'stat')
  yield* close(yield* call(storage, 'open', path, 'replace'))
  const after = yield* call(first, 'stat')
  assert.deepEqual(after, {
    ...before,
    size: 0,
    modificationTime: after.modificationTime,
    changeTime: after.changeTime,
  })
  const reader = yield* call(storage, 'open', path, 'read')
  yield* fails(process.platform === 'win32' ? 'EPERM' : 'EBADF', () => call(reader, 'write', Buffer.from('x'), 0))
  yield* close(first)
  yield* close(reader)
})

inBothWays('positions beyond 2^32 work, and truncating grows and cuts', function* (directory) {
  const file = yield* call(storage, 'open', join(directory, 'a'), 'create')
  const position = 2 ** 33 + 1
  yield* call(file, 'write', Buffer.from('x'), position)
  const target = Buffer.alloc(4)
  assert.equal(yield* call(file, 'read', target, position - 2), 3)
  assert.deepEqual(target, Buffer.from('\0\0x\0'))
  yield* call(file, 'truncate', 7)
  assert.equal((yield* call(file, 'stat')).size, 7)
  yield* call(file, 'truncate', 2 ** 40)
  assert.equal((yield* call(file, 'stat')).size, 2 ** 40)
  yield* close(file)
})

inBothWays('stat tells files, directories and nothing apart, with nanoseconds of birth', function* (directory) {
  const path = join(directory, 'a')
  assert.equal(yield* call(storage, 'stat', path), undefined)
  const file = yield* call(storage, 'open', path, 'create')
  const facts = yield* call(storage, 'stat', path)
  const expected = statSync(path, { bigint: true })
  assert.deepEqual(facts, {
    isFile: true,
    isDirectory: false,
    isLink: false,
    size: 0,
    permissions: 0o600,
    user: Number(expected.uid),
    group: Number(expected.gid),
    accessTime: expected.atimeNs,
    modificationTime: expected.mtimeNs,
    changeTime: expected.ctimeNs,
    device: expected.dev,
    inode: expected.ino,
    links: 1,
    birthTime: expected.birthtimeNs,
  })
  assert.deepEqual(yield* call(file, 'stat'), facts)
  assert.equal((yield* call(storage, 'stat', directory))?.isFile, false)
  assert.equal(yield* call(storage, 'stat', join(path, 'below')), undefined)
  yield* close(file)
})

inBothWays('names are listed, moved, linked and removed', function* (directory) {
  const at = (name: string): string => join(directory, name)
  yield* close(yield* call(storage, 'open', at('a'), 'create'))
  yield* close(yield* call(storage, 'open', at('b'), 'create'))
  assert.equal(yield* call(storage, 'link', at('a'), at('b')), false)
  assert.equal(yield* call(storage, 'link', at('a'), at('c')), true)
  yield* call(storage, 'rename', at('c'), at('d'))
  yield* call(storage, 'rename', at('b'), at('e'))
  assert.deepEqual((yield* call(storage, 'list', directory)).toSorted(), ['a', 'd', 'e'])
  yield* call(storage, 'rename', at('e'), at('a'))
  yield* call(storage, 'unlink', at('d'))
  assert.deepEqual(yield* call(storage, 'list', directory), ['a'])
  yield* fails('ENOENT', () => call(storage, 'unlink', at('d')))
  yield* fails('ENOENT', () => call(storage, 'rename', at('d'), at('a')))
  yield* fails('ENOENT', () => call(storage, 'list', at('d')))
})

inBothWays('the real path has no links left', function* (directory) {
  mkdirSync(join(directory, 'real'))
  symlinkSync(join(directory, 'real'), join(directory, 'seeming'), 'junction')
  assert.equal(yield* call(storage, 'realPath', join(directory, 'seeming')), join(realpathSync(directory), 'real'))
  yield* fails('ENOENT', () => call(storage, 'realPath', join(directory, 'nothing')))
})

inBothWays('a directory can be synced; what is none is refused', function* (directory) {
  assert.equal(yield* call(storage, 'syncDirectory', directory), process.platform !== 'win32')
  yield* fails('ENOENT', () => call(storage, 'syncDirectory', join(directory, 'nothing')))
  yield* close(yield* call(storage, 'open', join(directory, 'a'), 'create'))
  if (process.platform !== 'win32') yield* fails('ENOTDIR', () => call(storage, 'syncDirectory', join(directory, 'a')))
})

inBothWays('a closed file refuses work, and a second close does nothing', function* (directory) {
  const file = yield* call(storage, 'open', join(directory, 'a'), 'create')
  yield* call(file, 'close')
  const next = yield* call(storage, 'open', join(directory, 'b'), 'create')
  yield* call(file, 'close')
  yield* call(next, 'write', Buffer.from('x'), 0)
  yield* fails('EBADF', () => call(file, 'write', Buffer.from('x'), 0))
  yield* fails('EBADF', () => call(file, 'stat'))
  yield* close(next)
})

test('the clock only grows, its timers can be cancelled, and soon comes after the microtasks of a microtask', async () => {
  const { clock } = storage
  const order: string[] = []
  const before = clock.now()
  clock.startTimer(1, () => order.push('cancelled'))()
  queueMicrotask(() => {
    clock.soon(() => order.push('soon'))
    queueMicrotask(() => order.push('microtask'))
  })
  await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(order, ['microtask', 'soon'])
  assert.ok(clock.now() > before)
})

function* readAll(file: StorageFile): Steps<Buffer> {
  const target = Buffer.alloc((yield* call(file, 'stat')).size)
  return target.subarray(0, yield* call(file, 'read', target, 0))
}

function close(file: StorageFile): Steps<void> {
  return call(file, 'close')
}

function* fails(code: string, work: () => Steps<unknown>): Steps<void> {
  try {
    yield* work()
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, code)
    return
  }
  assert.fail(`should have failed with ${code}`)
}

function temporary(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'fsys-storage-'))
  context.after(() => rmSync(path, { recursive: true }))
  return path
}
