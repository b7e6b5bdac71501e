import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { createHandle, type Handle } from '#src/handle/handle.js'
import { RootedScope } from '#src/handle/rooted-scope.js'
import { defaultStorage } from '#src/storage/default-storage.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import { call, runSync, type Steps } from '#src/storage/steps.js'
import type { StorageDirectory } from '#src/storage/storage.js'

import { startRacer } from '../support/racer.js'
import { temporaryDirectory } from '../support/temporary.js'
import { inEveryWorld, type World } from './worlds.js'

/** Everything that takes a path, once for each place that a path has. */
const calls: Readonly<Record<string, (handle: Handle, path: string) => Steps<unknown>>> = {
  write: (handle, path) => call(handle, 'write', path, 'evil'),
  writeCopy: (handle, path) => call(handle, 'writeCopy', path, 'evil'),
  append: (handle, path) => call(handle, 'append', path, 'evil'),
  writeAt: (handle, path) => call(handle, 'writeAt', path, 0, 'evil'),
  read: (handle, path) => call(handle, 'read', path),
  readAt: (handle, path) => call(handle, 'readAt', path, 0, 1),
  'copy from': (handle, path) => call(handle, 'copy', path, 'inside'),
  'copy to': (handle, path) => call(handle, 'copy', 'inside', path),
  truncate: (handle, path) => call(handle, 'truncate', path, 0),
  punchHole: (handle, path) => call(handle, 'punchHole', path, 0, 1),
  writeZeros: (handle, path) => call(handle, 'writeZeros', path, 0, 1),
  exists: (handle, path) => call(handle, 'exists', path),
  stat: (handle, path) => call(handle, 'stat', path),
  isFile: (handle, path) => call(handle, 'isFile', path),
  isDirectory: (handle, path) => call(handle, 'isDirectory', path),
  sync: (handle, path) => call(handle, 'sync', path),
  journal: (handle, path) => call(handle, 'journal', path),
  mkdirAll: (handle, path) => call(handle, 'mkdirAll', path),
  list: (handle, path) => call(handle, 'list', path),
  countAll: (handle, path) => call(handle, 'countAll', path),
}

/** Those that take a link itself for what is meant. */
const callsOnLinks: typeof calls = {
  delete: (handle, path) => call(handle, 'delete', path),
  'rename from': (handle, path) => call(handle, 'rename', path, 'elsewhere'),
  'rename to': (handle, path) => call(handle, 'rename', 'inside', path),
  mkdir: (handle, path) => call(handle, 'mkdir', path),
  rmdir: (handle, path) => call(handle, 'rmdir', path),
  rmdirAll: (handle, path) => call(handle, 'rmdirAll', path),
}

/** A root with a secret beside it, and links that lead there. */
function prepare(world: World): Handle {
  for (const name of ['root', 'root/d', 'outside']) world.makeDirectory(name)
  world.put('outside/secret', 'secret')
  world.put('root/inside', 'inside')
  world.put('root/d/file', 'file')
  world.symlink('../outside', 'root/up')
  world.symlink('../outside/secret', 'root/file-up')
  world.symlink('../outside/new', 'root/new-up')
  world.symlink(join(world.base, 'outside'), 'root/absolute')
  world.symlink(join(world.base, 'root', 'inside'), 'root/absolute-inside')
  world.symlink('d/../../outside', 'root/around')
  world.symlink('../..', 'root/d/two-up')
  world.symlink('..', 'root/d/one-up')
  world.symlink('d/one-up/d/file', 'root/winding')
  return world.handle({ root: join(world.base, 'root') })
}

inEveryWorld('paths that say that they lead outside are refused', function* (world) {
  const handle = prepare(world)
  const outside = join(world.base, 'outside')
  for (const path of [
    '..',
    '../outside/secret',
    'd/../../outside/secret',
    './../x',
    outside,
    join(outside, 'secret'),
  ]) {
    for (const [name, make] of Object.entries({ ...calls, ...callsOnLinks })) {
      yield* refuses(`${name} ${path}`, () => make(handle, path))
    }
  }
  unharmed(world)
})

inEveryWorld('symbolic links that lead outside are not followed', function* (world) {
  const handle = prepare(world)
  for (const path of [
    'up/secret',
    'up/new',
    'absolute/secret',
    'around/secret',
    'd/two-up/outside/secret',
    'up/../x',
  ]) {
    for (const [name, make] of Object.entries({ ...calls, ...callsOnLinks })) {
      yield* refuses(`${name} ${path}`, () => make(handle, path))
    }
  }
  for (const path of ['up', 'file-up', 'new-up', 'absolute', 'absolute-inside', 'around', 'd/two-up']) {
    for (const [name, make] of Object.entries(calls)) {
      // What is asked about as a directory is opened as one; what is a link is found out by looking at it.
      yield* refuses(`${name} ${path}`, () => make(handle, path))
    }
  }
  unharmed(world)
})

inEveryWorld('symbolic links that stay inside are followed', function* (world) {
  const handle = prepare(world)
  assert.equal((yield* call(handle, 'read', 'winding')).toString(), 'file')
  yield* call(handle, 'write', 'd/one-up/d/one-up/inside', 'new')
  assert.equal(world.content('root/inside'), 'new')
  assert.equal(yield* call(handle, 'isDirectory', 'd/one-up'), true)
  assert.equal(yield* call(handle, 'delete', 'file-up'), true)
  unharmed(world)
})

inEveryWorld(
  'paths longer than the system takes are walked step by step, and names longer than that are refused',
  function* (world) {
    const handle = prepare(world)
    yield* call(handle, 'write', `${'d/../'.repeat(1000)}d/long`, 'x')
    assert.equal(world.content('root/d/long'), 'x')
    for (const path of ['n'.repeat(256), `${'n'.repeat(256)}/a`, `${'d/../'.repeat(1000)}${'n'.repeat(256)}`]) {
      try {
        yield* call(handle, 'write', path, 'x')
        assert.fail('it is too long')
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, 'ERR_FSYS_BAD_NAME', String(error).slice(0, 100))
      }
    }
  },
)

inEveryWorld('the root is the directory that was opened, wherever it is moved to', function* (world) {
  const handle = prepare(world)
  if (world.storage.openDirectorySync(world.base).isPinned) {
    yield* call(world.storage, 'rename', join(world.base, 'root'), join(world.base, 'moved'))
    world.makeDirectory('root')
    yield* call(handle, 'write', 'd/file', 'new')
    assert.equal(world.content('moved/d/file'), 'new')
    assert.deepEqual(world.names('root'), [])
  }
})

inEveryWorld('a journal is opened within the root', function* (world) {
  const handle = prepare(world)
  const journal = yield* call(handle, 'journal', 'd/app.wal')
  assert.equal(journal.info.path, join(world.base, 'root/d/app.wal'))
  yield* call(journal, 'close')
})

function* refuses(what: string, work: () => Steps<unknown>): Steps<void> {
  try {
    yield* work()
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'ERR_FSYS_OUTSIDE_ROOT', `${what}: ${String(error)}`)
    return
  }
  assert.fail(`${what} was not refused`)
}

function unharmed(world: World): void {
  assert.deepEqual(world.names('outside'), ['secret'])
  assert.equal(world.content('outside/secret'), 'secret')
}

test('where directories cannot be pinned, what was opened is verified, and refused outside', async (context) => {
  const base = temporaryDirectory(context)
  for (const name of ['root', 'root/d', 'outside', 'outside/e']) mkdirSync(join(base, name))
  const storage = new NodeStorage({ pinsDirectories: false })
  const root = storage.openDirectorySync(join(base, 'root'))
  // Between two steps of the walk, somebody puts a link in the place of the directory that was entered.
  const swapping: StorageDirectory = Object.assign(Object.create(root) as StorageDirectory, {
    openBeneathSync: () => undefined,
    realPathSync: () => root.realPathSync(),
    openDirectorySync(name: string) {
      const found = root.openDirectorySync(name)
      renameSync(join(base, 'root/d'), join(base, 'root/away'))
      symlinkSync('../outside', join(base, 'root/d'))
      return found
    },
  })
  const scope = new RootedScope(join(base, 'root'), swapping)
  assert.throws(() => runSync(scope.openDirectory('d/e')), { code: 'ERR_FSYS_OUTSIDE_ROOT' })
  root.closeSync()
})

test('odd paths are the caller’s mistake', () => {
  const handle = createHandle({ root: '.' })
  for (const path of ['', 'a\0b', 'lone \uD800', 3, null, undefined, new URL('https://example.org/a')]) {
    assert.throws(() => handle.readSync(path as string), { code: 'ERR_FSYS_INVALID_ARGUMENT' }, String(path))
  }
  handle.close()
  assert.throws(() => createHandle({ root: '/none/such' }), { code: 'ERR_FSYS_NOT_FOUND' })
  assert.throws(() => createHandle({ root: '' }), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
})

test('what Windows keeps for devices is refused there, and nowhere else', () => {
  const directory = {} as StorageDirectory
  const windows = new RootedScope('C:\\data', directory, 'win32')
  const devices = [
    'CON',
    'con.txt',
    'nul',
    'd/NUL',
    'd\\AUX.a.b',
    'Com1',
    'LPT9.log',
    'com¹',
    'CONIN$',
    'a:b',
    'x.',
    'x ',
  ]
  for (const name of devices) {
    assert.throws(() => windows.settle(name), { code: 'ERR_FSYS_BAD_NAME' }, name)
    assert.equal(new RootedScope('/data', directory, 'linux').settle(name), name)
  }
  for (const name of ['console', 'nullable', 'com', 'COM10', 'd/aux2', '.nul', 'a.con']) windows.settle(name)
  for (const name of ['..\\x', 'a\\..\\..\\x', '\\x']) {
    assert.throws(() => windows.settle(name), { code: 'ERR_FSYS_OUTSIDE_ROOT' }, name)
  }
})

const linux = { skip: process.platform === 'linux' ? false : 'it takes directories that are pinned' }

suite('somebody swaps directories and links all the time', linux, () => {
  const storages = { 'the best engine': defaultStorage(false), 'Node alone': new NodeStorage() }
  for (const [kind, storage] of Object.entries(storages)) {
    test(`nothing is written or read outside (${kind})`, async (context) => {
      const base = temporaryDirectory(context)
      for (const name of ['root', 'root/d', 'root/d/e', 'outside', 'outside/e']) mkdirSync(join(base, name))
      writeFileSync(join(base, 'outside/e/file'), 'secret')
      writeFileSync(join(base, 'outside/file'), 'secret')
      const racer = await startRacer(join(base, 'root'))
      const handle = createHandle({ storage, root: join(base, 'root') })
      const tally: Record<string, number> = {}
      const end = performance.now() + RACE_MS
      try {
        while (performance.now() < end) {
          for (const path of ['d/e/file', 'd/file', 'f', 'd/e/../file']) {
            count(tally, await attempt(() => handle.write(path, 'inside')))
            count(tally, await attempt(() => Promise.resolve(handle.writeSync(path, 'inside'))))
            count(tally, await attempt(() => handle.append(path, 'inside')))
            const read = await handle.read(path).catch(() => Buffer.from(''))
            assert.ok(!read.includes('secret'), 'the secret was read')
            count(tally, await attempt(() => handle.delete(path)))
          }
        }
      } finally {
        await racer.stop()
        handle.close()
      }
      context.diagnostic(JSON.stringify(tally))
      const outside = readdirSync(join(base, 'outside'), { recursive: true }).map(String)
      assert.deepEqual(outside.toSorted(), ['e', 'e/file', 'file'])
      assert.equal(readFileSync(join(base, 'outside/file'), 'utf8'), 'secret')
      assert.equal(readFileSync(join(base, 'outside/e/file'), 'utf8'), 'secret')
      assert.ok((tally['done'] ?? 0) > 0, 'nothing was ever done')
      assert.ok((tally['ERR_FSYS_OUTSIDE_ROOT'] ?? 0) > 0, 'no link was ever met')
    })
  }
})

const RACE_MS = 1500

async function attempt(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
    return 'done'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}

function count(tally: Record<string, number>, what: string): void {
  tally[what] = (tally[what] ?? 0) + 1
}
