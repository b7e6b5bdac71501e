import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { draftName } from '#src/handle/draft-name.js'
import { createHandle } from '#src/handle/handle.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { call, type Steps } from '#src/storage/steps.js'

import { inEveryWorld, realWorld } from './worlds.js'

inEveryWorld('mkdir makes one level', function* (world) {
  const handle = world.handle({ root: world.base })
  yield* call(handle, 'mkdir', 'a')
  yield* call(handle, 'mkdir', 'a/b/', { mode: 0o700 })
  assert.deepEqual(world.names('a'), ['b'])
  assert.equal(world.permissions('a/b'), 0o700)
  world.put('f', '')
  world.symlink('nowhere', 'dangling')
  for (const path of ['a', 'a/b', '.', 'a/..', 'f', 'dangling']) {
    yield* fails('ERR_FSYS_EXISTS', () => call(handle, 'mkdir', path), path)
  }
  yield* fails('ERR_FSYS_NOT_FOUND', () => call(handle, 'mkdir', 'none/b'))
  yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'mkdir', 'f/b'))
  yield* fails('ERR_FSYS_BAD_NAME', () => call(handle, 'mkdir', 'n'.repeat(256)))
  yield* fails('ERR_FSYS_OUT_OF_RANGE', () => call(handle, 'mkdir', 'x', { mode: 0o1000 }))
  yield* fails('ERR_FSYS_INVALID_ARGUMENT', () => call(handle, 'mkdir', 'x', { recursive: true } as object))
})

inEveryWorld('mkdirAll makes what is missing, and says what came first', function* (world) {
  const handle = world.handle({ root: world.base })
  assert.equal(yield* call(handle, 'mkdirAll', 'a/b/c'), 'a')
  assert.equal(yield* call(handle, 'mkdirAll', 'a/b/c'), undefined)
  assert.equal(yield* call(handle, 'mkdirAll', './a//b/./d/e/'), './a//b/./d')
  assert.equal(yield* call(handle, 'mkdirAll', 'a/../f'), 'a/../f')
  assert.equal(yield* call(handle, 'mkdirAll', '.'), undefined)
  assert.deepEqual([world.names(), world.names('a/b'), world.names('a/b/d')], [['a', 'f'], ['c', 'd'], ['e']])
  world.symlink('a/b', 'link')
  assert.equal(yield* call(handle, 'mkdirAll', 'link/x'), 'link/x')
  assert.deepEqual(world.names('a/b'), ['c', 'd', 'x'])
  world.put('file', '')
  world.symlink('nowhere', 'dangling')
  for (const path of ['file', 'file/x', 'file/']) {
    yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'mkdirAll', path), path)
  }
  yield* fails('ERR_FSYS_NOT_FOUND', () => call(handle, 'mkdirAll', 'dangling/x'))
  const whole = world.handle()
  const path = join(world.base, 'p', 'q')
  assert.equal(yield* call(whole, 'mkdirAll', path), join(world.base, 'p'))
})

inEveryWorld('rmdir removes an empty directory', function* (world) {
  const handle = world.handle({ root: world.base })
  for (const name of ['a', 'a/b', 'd']) world.makeDirectory(name)
  world.put('f', '')
  world.symlink('d', 'link')
  yield* fails('ERR_FSYS_NOT_EMPTY', () => call(handle, 'rmdir', 'a'))
  assert.equal(yield* call(handle, 'rmdir', 'a/b/'), true)
  assert.equal(yield* call(handle, 'rmdir', 'a'), true)
  assert.equal(yield* call(handle, 'rmdir', 'a'), false)
  yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'rmdir', 'f'))
  yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'rmdir', 'link'))
  for (const path of ['.', 'd/.', 'd/..']) {
    yield* fails('ERR_FSYS_INVALID_ARGUMENT', () => call(handle, 'rmdir', path), path)
  }
  assert.deepEqual(world.names(), ['d', 'f', 'link'])
})

inEveryWorld('what only begins as the names of drafts do is a file as any other', function* (world) {
  const handle = world.handle({ root: world.base })
  yield* call(handle, 'write', '.fsys-draft-of-a-letter', 'Dear')
  const entries = yield* call(handle, 'list', '.')
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['.fsys-draft-of-a-letter'],
  )
  assert.equal(yield* call(handle, 'count', '.'), 1)
})

inEveryWorld('rmdir takes a directory for empty that holds drafts of the dead only', function* (world) {
  const handle = world.handle({ root: world.base })
  world.makeDirectory('a')
  const alive = world.storage.owners.self()
  const gone = { ...alive, pid: 2 ** 30, thread: 2 ** 30, startTime: 1 }
  world.put(`a/${draftName(alive, '0')}`, '')
  world.put(`a/${draftName(gone, '0')}`, '')
  assert.deepEqual(yield* call(handle, 'list', 'a'), [])
  yield* fails('ERR_FSYS_NOT_EMPTY', () => call(handle, 'rmdir', 'a'))
  yield* call(handle, 'delete', `a/${draftName(alive, '0')}`)
  world.put(`a/${draftName(gone, '1')}`, '')
  assert.equal(yield* call(handle, 'rmdir', 'a'), true)
})

inEveryWorld('rmdirAll removes all that is in a directory, and nothing that links in it lead to', function* (world) {
  const handle = world.handle({ root: world.base })
  for (const name of ['a', 'a/b', 'a/b/c', 'a/empty', 'kept']) world.makeDirectory(name)
  for (const name of ['a/f', 'a/b/f', 'a/b/c/f', 'kept/f']) world.put(name, 'x')
  for (let index = 0; index < 300; index++) world.put(`a/b/f${index}`, '')
  world.symlink('../kept', 'a/link')
  world.symlink('../../kept/f', 'a/b/link')
  world.symlink('kept', 'link')
  assert.equal(yield* call(handle, 'rmdirAll', 'a/'), true)
  assert.equal(yield* call(handle, 'rmdirAll', 'a'), false)
  assert.deepEqual([world.names(), world.names('kept')], [['kept', 'link'], ['f']])
  yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'rmdirAll', 'link'))
  yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'rmdirAll', 'link/'))
  yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'rmdirAll', 'kept/f'))
  yield* fails('ERR_FSYS_NOT_FOUND', () => call(handle, 'rmdirAll', 'none/a'))
  for (const path of ['.', './', 'kept/.', 'kept/..']) {
    yield* fails('ERR_FSYS_INVALID_ARGUMENT', () => call(handle, 'rmdirAll', path), path)
  }
  assert.deepEqual(world.names('kept'), ['f'])
})

inEveryWorld('list, scan, scanAll and the counts tell what is there', function* (world) {
  const handle = world.handle({ root: world.base })
  for (const name of ['d', 'd/e', 'd/e/g', 'empty']) world.makeDirectory(name)
  for (const name of ['b', 'a', 'd/f', 'd/e/.h']) world.put(name, '')
  world.symlink('d', 'link')
  const entries = yield* call(handle, 'list', '.')
  assert.deepEqual(entries, [
    { name: 'a', kind: 'file', path: 'a' },
    { name: 'b', kind: 'file', path: 'b' },
    { name: 'd', kind: 'directory', path: 'd' },
    { name: 'empty', kind: 'directory', path: 'empty' },
    { name: 'link', kind: 'link', path: 'link' },
  ])
  assert.deepEqual(pathsOf(yield* call(handle, 'list', 'link')), ['e', 'f'])
  assert.deepEqual(yield* call(handle, 'list', 'empty'), [])
  assert.deepEqual(pathsOf(yield* all(handle.scan('.', { kind: 'directory' }))), ['d', 'empty'])
  const deep = pathsOf(yield* all(handle.scanAll('.')))
  assert.deepEqual(deep, ['a', 'b', 'd', 'd/e', 'd/e/.h', 'd/e/g', 'd/f', 'empty', 'link'])
  assert.deepEqual(pathsOf(yield* all(handle.scanAll('d'))), ['e', 'e/.h', 'e/g', 'f'])
  assert.equal(yield* call(handle, 'count', '.'), 5)
  assert.equal(yield* call(handle, 'count', '.', { kind: 'file' }), 2)
  assert.equal(yield* call(handle, 'countAll', '.'), 9)
  assert.equal(yield* call(handle, 'countAll', '.', { kind: 'directory' }), 4)
  yield* fails('ERR_FSYS_NOT_FOUND', () => call(handle, 'list', 'none'))
  yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => call(handle, 'count', 'a'))
  yield* fails('ERR_FSYS_NOT_A_DIRECTORY', () => all(handle.scanAll('a')))
  yield* fails('ERR_FSYS_INVALID_ARGUMENT', () => call(handle, 'count', '.', { kind: 'pipe' as 'file' }))
})

inEveryWorld('a scan that is left early closes what it has opened, and another one begins anew', function* (world) {
  const handle = world.handle({ root: world.base })
  for (let index = 0; index < 600; index++) world.put(`f${index}`, '')
  const scan = handle.scan('.')
  for (let round = 0; round < 3; round++) {
    const first = yield* call(new Loop(scan, 1), 'go')
    assert.equal(first.length, 1)
  }
  assert.equal((yield* all(scan)).length, 600)
  handle.close()
  yield* fails('ERR_FSYS_CLOSED', () => all(scan))
})

test('scan: a signal ends it with its reason, and the handle closes when the last scan has ended', async (context) => {
  const world = realWorld(context)
  const handle = world.handle({ root: world.base })
  for (let index = 0; index < 600; index++) world.put(`f${index}`, '')
  const reason = new Error('enough')
  const stop = new AbortController()
  let seen = 0
  await assert.rejects(async () => {
    for await (const _ of handle.scan('.', { signal: stop.signal })) {
      seen += 1
      if (seen === 10) {
        stop.abort(reason)
        handle.close()
      }
    }
  }, reason)
  assert.ok(seen < 600)
})

test('mkdirAll takes the levels of others as they are, where it may not read the directory that holds them', () => {
  const disk = new SimDisk()
  for (const path of ['/base', '/base/a']) disk.makeDirectory(path)
  let isMissing = false
  disk.faults = ({ kind, path }) =>
    kind === 'syncDirectory' && path === '/base' ? { error: isMissing ? 'EIO' : 'EACCES' } : undefined
  const handle = createHandle({ storage: disk.process(), mode: 'prod' })
  assert.equal(handle.mkdirAllSync('/base/a/b'), '/base/a/b')
  assert.throws(() => handle.mkdirAllSync('/base/c'), { code: 'ERR_FSYS_UNCONFIRMED', errno: 'EACCES' })
  isMissing = true
  assert.throws(() => handle.mkdirAllSync('/base/a'), { code: 'ERR_FSYS_UNCONFIRMED', errno: 'EIO' })
})

test('rmdirAll goes on where a file system leaves names out of a listing, and gives up against somebody who makes new ones', () => {
  const disk = new SimDisk()
  for (const path of ['/base', '/base/a', '/base/a/b']) disk.makeDirectory(path)
  const storage = disk.process()
  storage.openSync('/base/a/f', 'create').closeSync()
  let intrusions = 1
  disk.faults = ({ kind, path }) => {
    if (kind === 'removeDirectory' && path.endsWith('/a') && intrusions-- > 0) {
      disk.process().openSync(`/base/a/new${intrusions}`, 'create').closeSync()
    }
    return undefined
  }
  const handle = createHandle({ storage, root: '/base', mode: 'prod' })
  assert.equal(handle.rmdirAllSync('a'), true)
  disk.makeDirectory('/base/a')
  intrusions = Infinity
  storage.openSync('/base/a/f', 'create').closeSync()
  assert.throws(() => handle.rmdirAllSync('a'), { code: 'ERR_FSYS_NOT_EMPTY' })
})

/** What a scan gives, blocking or waiting. */
function* all<Item>(scan: Iterable<Item> & AsyncIterable<Item>): Steps<Item[]> {
  return yield* call(new Loop(scan, Infinity), 'go')
}

class Loop<Item> {
  readonly #items: Iterable<Item> & AsyncIterable<Item>
  readonly #countMax: number

  constructor(items: Iterable<Item> & AsyncIterable<Item>, countMax: number) {
    this.#items = items
    this.#countMax = countMax
  }

  async go(): Promise<Item[]> {
    const found: Item[] = []
    for await (const item of this.#items) if (found.push(item) >= this.#countMax) break
    return found
  }

  goSync(): Item[] {
    const found: Item[] = []
    for (const item of this.#items) if (found.push(item) >= this.#countMax) break
    return found
  }
}

function pathsOf(entries: readonly { readonly path: string }[]): string[] {
  return entries.map(({ path }) => path).toSorted()
}

function* fails(code: string, work: () => Steps<unknown>, what = code): Steps<void> {
  try {
    yield* work()
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, code, `${what}: ${String(error)}`)
    return
  }
  assert.fail(`${what} has not failed`)
}
