import assert from 'node:assert/strict'
import { constants } from 'node:buffer'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createHandle } from '#src/handle/handle.js'
import { call, type Steps } from '#src/storage/steps.js'

import { inEveryWorld } from './worlds.js'

inEveryWorld('write makes a file, and replaces it', function* (world) {
  const handle = world.handle()
  const path = join(world.base, 'a')
  yield* call(handle, 'write', path, 'one')
  assert.equal(world.content('a'), 'one')
  yield* call(handle, 'write', path, Buffer.from('two, longer'))
  assert.equal(world.content('a'), 'two, longer')
  yield* call(handle, 'write', path, new Uint8Array(0))
  assert.equal(world.content('a'), '')
  assert.deepEqual(world.names(), ['a'])
})

inEveryWorld('write takes pieces, small and large ones', function* (world) {
  const handle = world.handle({ root: world.base })
  const pieces = ['a', Buffer.alloc(70_000, 'b'), 'c', 'd'.repeat(3), Buffer.alloc(2 ** 20 + 1, 'e'), '']
  yield* call(handle, 'write', 'a', pieces)
  assert.equal(world.content('a'), `a${'b'.repeat(70_000)}cddd${'e'.repeat(2 ** 20 + 1)}`)
})

inEveryWorld('a file that is replaced keeps its permission bits, a new one gets those asked for', function* (world) {
  const handle = world.handle({ root: world.base })
  for (const permissions of [0o600, 0o640, 0o666, 0o400]) {
    world.put('a', 'old', permissions)
    yield* call(handle, 'write', 'a', 'new')
    assert.equal(world.permissions('a'), permissions)
    assert.equal(world.content('a'), 'new')
  }
  yield* call(handle, 'write', 'b', 'new', { mode: 0o600 })
  assert.equal(world.permissions('b'), 0o600)
  world.put('c', 'old', 0o4755)
  yield* call(handle, 'write', 'c', 'new')
  assert.equal(world.permissions('c'), 0o755)
})

inEveryWorld('write goes through a symbolic link, and leaves it', function* (world) {
  const handle = world.handle({ root: world.base })
  world.makeDirectory('d')
  world.symlink('d/target', 'link')
  world.symlink('link', 'd/../second')
  yield* call(handle, 'write', 'second', 'one')
  assert.equal(world.content('d/target'), 'one')
  yield* call(handle, 'write', 'link', 'two')
  assert.equal(world.content('d/target'), 'two')
  assert.deepEqual(world.names('d'), ['target'])
  assert.deepEqual(world.names(), ['d', 'link', 'second'])
})

inEveryWorld('writeCopy keeps mode bits and times', function* (world) {
  const handle = world.handle({ root: world.base })
  world.put('a', 'old', 0o751)
  const before = yield* call(handle, 'stat', 'a')
  const file = yield* call(world.storage, 'open', join(world.base, 'a'), 'write')
  yield* call(file, 'setTimes', 1_000_000_000_123_456_000n, 1_100_000_000_654_321_000n)
  yield* call(file, 'close')
  assert.deepEqual(yield* call(handle, 'writeCopy', 'a', 'new'), {
    owner: true,
    extended: world.storage.hasAttributes,
  })
  const after = yield* call(handle, 'stat', 'a')
  assert.equal(world.content('a'), 'new')
  assert.deepEqual([after.permissions, after.user, after.group], [0o751, before.user, before.group])
  assertNear(after.accessTime, 1_000_000_000_123_456_000n)
  assertNear(after.modificationTime, 1_100_000_000_654_321_000n)
  assert.deepEqual(yield* call(handle, 'writeCopy', 'new', 'x'), { owner: false, extended: false })
  assert.equal(world.content('new'), 'x')
})

function assertNear(time: bigint, expected: bigint): void {
  const difference = time - expected
  assert.ok(difference > -2000n && difference < 2000n, `${time} is not ${expected}`)
}

inEveryWorld('append makes a file, and adds to it', function* (world) {
  const handle = world.handle({ root: world.base })
  yield* call(handle, 'append', 'a', 'one', { mode: 0o600 })
  assert.equal(world.permissions('a'), 0o600)
  yield* call(handle, 'append', 'a', Buffer.from(' two'))
  yield* call(handle, 'append', 'a', '')
  assert.equal(world.content('a'), 'one two')
})

inEveryWorld('writeAt, truncate, writeZeros and punchHole change a file in place', function* (world) {
  const handle = world.handle({ root: world.base })
  world.put('a', '0123456789')
  yield* call(handle, 'writeAt', 'a', 2, 'ab')
  assert.equal(world.content('a'), '01ab456789')
  yield* call(handle, 'writeAt', 'a', 12, 'z')
  assert.equal(world.content('a'), '01ab456789\0\0z')
  yield* call(handle, 'truncate', 'a', 4)
  assert.equal(world.content('a'), '01ab')
  yield* call(handle, 'truncate', 'a', 6)
  assert.equal(world.content('a'), '01ab\0\0')
  yield* call(handle, 'writeZeros', 'a', 1, 2)
  assert.equal(world.content('a'), '0\0\0b\0\0')
  yield* call(handle, 'writeZeros', 'a', 5, 300_000)
  assert.equal((yield* call(handle, 'stat', 'a')).size, 300_005)
  world.put('b', 'x'.repeat(10_000))
  const outcome = yield* call(handle, 'punchHole', 'b', 100, 5000)
  assert.ok(outcome === 'hole' || outcome === 'zeros')
  assert.equal(world.content('b'), `${'x'.repeat(100)}${'\0'.repeat(5000)}${'x'.repeat(4900)}`)
  yield* call(handle, 'punchHole', 'b', 9000, 5000)
  assert.equal((yield* call(handle, 'stat', 'b')).size, 10_000)
  assert.equal(yield* call(handle, 'punchHole', 'b', 20_000, 10), 'hole')
  assert.equal((yield* call(handle, 'stat', 'b')).size, 10_000)
})

inEveryWorld('read and readAt give what is there', function* (world) {
  const handle = world.handle({ root: world.base })
  world.put('a', '0123456789')
  assert.equal((yield* call(handle, 'read', 'a')).toString(), '0123456789')
  assert.equal((yield* call(handle, 'readAt', 'a', 2, 3)).toString(), '234')
  assert.equal((yield* call(handle, 'readAt', 'a', 8, 10)).toString(), '89')
  assert.equal((yield* call(handle, 'readAt', 'a', 10, 1)).length, 0)
  assert.equal((yield* call(handle, 'readAt', 'a', 20, 1)).length, 0)
  world.put('empty', '')
  assert.equal((yield* call(handle, 'read', 'empty')).length, 0)
})

inEveryWorld(
  'readAt of more than a buffer can hold is refused as read is, and gives what there is of less',
  function* (world) {
    const handle = world.handle({ root: world.base })
    world.put('a', 'x')
    const length = constants.MAX_LENGTH + 1
    if (!Number.isSafeInteger(length * 2)) return
    assert.equal((yield* call(handle, 'readAt', 'a', 0, length)).length, 1)
    yield* call(handle, 'truncate', 'a', length)
    yield* fails('ERR_FSYS_OUT_OF_RANGE', () => call(handle, 'read', 'a'))
    yield* fails('ERR_FSYS_OUT_OF_RANGE', () => call(handle, 'readAt', 'a', 0, length))
    assert.equal((yield* call(handle, 'readAt', 'a', length - 2, length)).length, 2)
  },
)

test(
  'readAt reads files that the kernel makes up, which have no size',
  { skip: process.platform === 'linux' ? false : 'there is no /proc' },
  async () => {
    const handle = createHandle({ mode: 'prod' })
    const text = readFileSync('/proc/self/mountinfo', 'utf8')
    assert.ok(text.length > 3)
    assert.equal((await handle.readAt('/proc/self/mountinfo', 0, 3)).toString(), text.slice(0, 3))
    assert.equal(handle.readAtSync('/proc/self/mountinfo', 1, 1_000_000).toString(), text.slice(1))
    handle.close()
  },
)

inEveryWorld('copy makes an equal file, and replaces one', function* (world) {
  const handle = world.handle({ root: world.base })
  const content = 'abc'.repeat(500_000)
  world.put('a', content, 0o640)
  const { bytes, primitive } = yield* call(handle, 'copy', 'a', 'b')
  assert.equal(bytes, content.length)
  assert.ok(['reflink', 'copy_file_range', 'read and write'].includes(primitive))
  assert.equal(world.content('b'), content)
  assert.equal(world.permissions('b'), 0o640)
  world.put('c', 'old', 0o600)
  yield* call(handle, 'copy', 'a', 'c')
  assert.equal(world.content('c'), content)
  assert.equal(world.permissions('c'), 0o600)
  world.put('empty', '')
  assert.equal((yield* call(handle, 'copy', 'empty', 'd')).bytes, 0)
  assert.equal(world.content('d'), '')
  yield* call(handle, 'copy', 'a', 'a')
  assert.equal(world.content('a'), content)
})

inEveryWorld('delete removes a file or a link, and says whether there was one', function* (world) {
  const handle = world.handle({ root: world.base })
  world.put('a', 'x')
  world.symlink('a', 'link')
  assert.equal(yield* call(handle, 'delete', 'link'), true)
  assert.deepEqual(world.names(), ['a'])
  assert.equal(yield* call(handle, 'delete', 'a'), true)
  for (const path of ['a', 'none/a', 'link/a']) assert.equal(yield* call(handle, 'delete', path), false)
  world.makeDirectory('d')
  yield* fails('ERR_FSYS_NOT_A_FILE', () => call(handle, 'delete', 'd'))
})

inEveryWorld('rename moves files, directories and links, and replaces files', function* (world) {
  const handle = world.handle({ root: world.base })
  world.makeDirectory('d')
  world.makeDirectory('e')
  world.put('a', 'a')
  world.put('b', 'b')
  yield* call(handle, 'rename', 'a', 'b')
  assert.deepEqual([world.content('b'), world.names()], ['a', ['b', 'd', 'e']])
  yield* call(handle, 'rename', 'b', 'd/b')
  assert.equal(world.content('d/b'), 'a')
  world.symlink('d', 'link')
  yield* call(handle, 'rename', 'link', 'other')
  yield* fails('ERR_FSYS_NOT_EMPTY', () => call(handle, 'rename', 'e', 'd'))
  yield* call(handle, 'rename', 'd', 'e')
  assert.deepEqual([world.names(), world.names('e')], [['e', 'other'], ['b']])
  yield* fails('ERR_FSYS_NOT_FOUND', () => call(handle, 'rename', 'd', 'f'))
})

inEveryWorld('rename says why a directory cannot be moved, and names both places by their paths', function* (world) {
  const handle = world.handle({ root: world.base })
  for (const path of ['d', 'd/e', 'd/e/f']) world.makeDirectory(path)
  for (const to of ['d/x', 'd/e/x']) {
    const error = yield* failure(() => call(handle, 'rename', 'd', to))
    assert.equal(error.code, 'ERR_FSYS_INTO_ITSELF', to)
    assert.match(error.message, /^cannot rename ".*d": ".*x" is within it$/u)
    assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /proc/u)
  }
  const busy = yield* failure(() => call(handle, 'rename', '.', 'x'))
  assert.equal(busy.code, 'ERR_FSYS_BUSY')
  assert.doesNotMatch(busy.message, /proc/u)
  world.put('d/e/n', 'n')
  const full = yield* failure(() => call(handle, 'rename', 'd/e/f', 'd/e'))
  assert.equal(full.code, 'ERR_FSYS_NOT_EMPTY')
  assert.doesNotMatch(full.message, /proc/u)
  if (!world.isSimulated) {
    const { path, dest } = full.cause as { path: string; dest: string }
    assert.deepEqual([path, dest], [`${world.base}/d/e/f`, `${world.base}/d/e`])
  }
  assert.deepEqual([world.names(), world.names('d/e')], [['d'], ['f', 'n']])
})

inEveryWorld('a path that ends in a slash asks for a directory, and a file is none', function* (world) {
  const handle = world.handle({ root: world.base })
  world.put('n', 'n')
  assert.equal(yield* call(handle, 'exists', 'n/'), false)
  for (const path of ['n/', 'n/x/']) {
    yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'delete', path))
    yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'write', path, 'x'))
    yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'stat', path))
    yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'read', path))
  }
  // There can be nothing of that name.
  assert.equal(yield* call(handle, 'delete', 'n/x'), false)
  assert.equal(yield* call(handle, 'delete', 'none/'), false)
  assert.equal(world.content('n'), 'n')
})

inEveryWorld('rename moves no file to a path that ends in a slash, where only a directory can be', function* (world) {
  const handle = world.handle({ root: world.base })
  world.put('n', 'n')
  world.symlink('n', 'link')
  for (const name of ['n', 'link'])
    yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'rename', name, 'none/'))
  assert.deepEqual(world.names(), ['link', 'n'])
  world.makeDirectory('d')
  yield* call(handle, 'rename', 'd', 'e/')
  assert.deepEqual(world.names(), ['e', 'link', 'n'])
})

inEveryWorld('exists, isFile, isDirectory and stat look at what a path leads to', function* (world) {
  const handle = world.handle({ root: world.base })
  world.put('a', 'four', 0o640)
  world.makeDirectory('d')
  world.symlink('a', 'link')
  world.symlink('nowhere', 'dangling')
  const seen = function* (path: string): Steps<boolean[]> {
    const isFile = yield* call(handle, 'isFile', path)
    const isDirectory = yield* call(handle, 'isDirectory', path)
    return [yield* call(handle, 'exists', path), isFile, isDirectory]
  }
  assert.deepEqual(yield* seen('a'), [true, true, false])
  assert.deepEqual(yield* seen('link'), [true, true, false])
  for (const path of ['d', 'd/', '.', 'd/..']) assert.deepEqual(yield* seen(path), [true, false, true], path)
  for (const path of ['dangling', 'none', 'none/a', 'a/b', 'a/'])
    assert.deepEqual(yield* seen(path), [false, false, false], path)
  const { size, permissions, links, isLink } = yield* call(handle, 'stat', 'link')
  assert.deepEqual({ size, permissions, links, isLink }, { size: 4, permissions: 0o640, links: 1, isLink: false })
  yield* fails('ERR_FSYS_NOT_FOUND', () => call(handle, 'stat', 'none'))
})

inEveryWorld('sync takes files and directories', function* (world) {
  const handle = world.handle({ root: world.base })
  world.put('a', 'x')
  world.makeDirectory('d')
  for (const path of ['a', 'd', '.', 'd/']) yield* call(handle, 'sync', path)
  yield* fails('ERR_FSYS_NOT_FOUND', () => call(handle, 'sync', 'none'))
})

inEveryWorld('what is no file, and what is not there, is refused by name', function* (world) {
  const handle = world.handle({ root: world.base })
  world.makeDirectory('d')
  world.put('f', 'x')
  for (const path of ['d', 'd/', '.', 'd/.', 'new/']) {
    yield* fails('ERR_FSYS_NOT_A_FILE', () => call(handle, 'write', path, 'x'), path)
  }
  for (const path of ['d', '.']) {
    yield* fails('ERR_FSYS_NOT_A_FILE', () => call(handle, 'append', path, 'x'), path)
    yield* fails('ERR_FSYS_NOT_A_FILE', () => call(handle, 'read', path), path)
    yield* fails('ERR_FSYS_NOT_A_FILE', () => call(handle, 'truncate', path, 0), path)
    yield* fails('ERR_FSYS_NOT_A_FILE', () => call(handle, 'copy', path, 'x'), path)
    yield* fails('ERR_FSYS_NOT_A_FILE', () => call(handle, 'copy', 'f', path), path)
  }
  for (const [path, code] of Object.entries({ 'none/a': 'ERR_FSYS_NOT_FOUND', 'f/a': 'ERR_FSYS_NOT_A_DIRECTORY' })) {
    yield* fails(code, () => call(handle, 'write', path, 'x'), path)
    yield* fails(code, () => call(handle, 'read', path), path)
  }
  yield* fails('ERR_FSYS_NOT_FOUND', () => call(handle, 'writeAt', 'none', 0, 'x'))
  yield* fails('ERR_FSYS_BAD_NAME', () => call(handle, 'write', 'n'.repeat(256), 'x'))
  world.symlink('loop', 'loop')
  yield* fails('ERR_FSYS_LINKS', () => call(handle, 'write', 'loop', 'x'))
  assert.deepEqual(world.names(), ['d', 'f', 'loop'])
})

inEveryWorld('a closed handle does nothing more', function* (world) {
  const handle = world.handle({ root: world.base })
  handle.close()
  handle.close()
  yield* fails('ERR_FSYS_CLOSED', () => call(handle, 'write', 'a', 'x'))
  yield* fails('ERR_FSYS_CLOSED', () => call(handle, 'exists', 'a'))
})

function* fails(code: string, work: () => Steps<unknown>, what?: string): Steps<void> {
  const error = yield* failure(work, `${what}: ${code}`)
  assert.equal(error.code, code, `${what}: ${error.message}`)
}

function* failure(work: () => Steps<unknown>, what = 'a failure'): Steps<Error & { readonly code?: unknown }> {
  let result: unknown
  try {
    result = yield* work()
  } catch (error) {
    return error as Error
  }
  assert.fail(`${what} was to come, and there was ${String(result)}`)
}
