import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'

import { defaultStorage } from '#src/storage/default-storage.js'
import type { NodeFile } from '#src/storage/node-file.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import { call, run, runSync, type Steps } from '#src/storage/steps.js'
import type { Storage, StorageDirectory } from '#src/storage/storage.js'
import { SimDisk } from '#src/testing.js'

import { unavailable } from '../../support/unavailable.js'

const linux = { skip: process.platform === 'linux' ? false : 'it takes directories that are pinned' }

/** A storage, and a directory on it with a file `a`, a directory `d`, and links to both and to nowhere. */
interface Place {
  readonly storage: Storage
  readonly path: string
}

const places: Readonly<Record<string, (context: TestContext) => Place>> = {
  'the best engine': (context) => ({ storage: defaultStorage(false), path: prepared(context) }),
  'Node alone': (context) => ({ storage: new NodeStorage(), path: prepared(context) }),
  'without pinned directories': (context) => ({
    storage: new NodeStorage({ pinsDirectories: false }),
    path: prepared(context),
  }),
  simulated() {
    const disk = new SimDisk()
    disk.makeDirectory('/base')
    disk.makeDirectory('/base/d')
    const storage = disk.process()
    const file = storage.openSync('/base/a', 'create', 0o644)
    file.writeSync(Buffer.from('content'), 0)
    for (const [target, name] of LINKS) disk.symlink(target, `/base/${name}`)
    return { storage, path: '/base' }
  },
}

const LINKS = [
  ['a', 'link-to-a'],
  ['d', 'link-to-d'],
  ['nowhere', 'dangling'],
] as const

function prepared(context: TestContext): string {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'fsys-test-')))
  context.after(() => rmSync(path, { recursive: true, force: true }))
  writeFileSync(join(path, 'a'), 'content', { mode: 0o644 })
  mkdirSync(join(path, 'd'))
  for (const [target, name] of LINKS) symlinkSync(target, join(path, name))
  return path
}

function everywhere(name: string, work: (directory: StorageDirectory, place: Place) => Steps<void>): void {
  const opened = function* (place: Place): Steps<void> {
    const directory = yield* call(place.storage, 'openDirectory', place.path)
    try {
      yield* work(directory, place)
    } finally {
      yield* call(directory, 'close')
    }
  }
  for (const [kind, make] of Object.entries(places)) {
    test(`${name} (${kind}, blocking)`, (context) => runSync(opened(make(context))))
    test(`${name} (${kind}, waiting)`, (context) => run(opened(make(context))))
  }
}

suite('an open directory', linux, () => {
  everywhere('looks at names without following them', function* (directory) {
    const seen: Record<string, string | undefined> = {}
    for (const name of ['a', 'd', 'link-to-a', 'link-to-d', 'dangling', 'none', '.']) {
      const facts = yield* call(directory, 'stat', name)
      seen[name] = facts && (facts.isFile ? 'file' : facts.isDirectory ? 'directory' : facts.isLink ? 'link' : 'other')
    }
    const links = { 'link-to-a': 'link', 'link-to-d': 'link', dangling: 'link' }
    assert.deepEqual(seen, { a: 'file', d: 'directory', ...links, none: undefined, '.': 'directory' })
    assert.equal(yield* call(directory, 'readLink', 'dangling'), 'nowhere')
    yield* fails('EINVAL', () => call(directory, 'readLink', 'a'))
    yield* fails('ENOENT', () => call(directory, 'readLink', 'none'))
  })

  everywhere('opens no links', function* (directory) {
    for (const name of ['link-to-a', 'dangling']) {
      for (const mode of ['read', 'write', 'append', 'replace'] as const) {
        yield* fails('ELOOP', () => call(directory, 'open', name, mode))
      }
      yield* fails('EEXIST', () => call(directory, 'open', name, 'create'))
    }
    yield* fails('ENOTDIR', () => call(directory, 'openDirectory', 'link-to-d'))
    yield* fails('ENOTDIR', () => call(directory, 'openDirectory', 'a'))
    yield* fails('ENOENT', () => call(directory, 'openDirectory', 'none'))
  })

  everywhere('names its own path in errors', function* (directory, { path }) {
    try {
      yield* call(directory, 'open', 'none', 'read')
      assert.fail('it is not there')
    } catch (error) {
      assert.match((error as Error).message, new RegExp(`^ENOENT: .*'${path}/none'$`, 'u'))
      assert.equal((error as NodeJS.ErrnoException).path, `${path}/none`)
    }
  })

  everywhere('lists what is in it, in pieces', function* (directory) {
    for (let index = 0; index < 600; index++) {
      const file = yield* call(directory, 'open', `f${index}`, 'create')
      yield* call(file, 'close')
    }
    const listing = yield* call(directory, 'list')
    const kinds = new Map<string, string>()
    for (;;) {
      const entries = yield* call(listing, 'next', 100)
      if (entries.length === 0) break
      assert.ok(entries.length <= 100)
      for (const { name, kind } of entries) kinds.set(name, kind)
    }
    yield* call(listing, 'close')
    yield* call(listing, 'close')
    assert.equal(kinds.size, 605)
    const some = ['a', 'd', 'link-to-d', 'dangling', 'f599'].map((name) => kinds.get(name))
    assert.deepEqual(some, ['file', 'directory', 'link', 'link', 'file'])
  })

  everywhere('makes, moves and removes names', function* (directory, { storage, path }) {
    yield* call(directory, 'makeDirectory', 'new', 0o755)
    yield* fails('EEXIST', () => call(directory, 'makeDirectory', 'new'))
    const inner = yield* call(directory, 'openDirectory', 'new')
    yield* call(directory, 'rename', 'a', inner, 'b')
    yield* fails('ENOTEMPTY', () => call(directory, 'removeDirectory', 'new'))
    yield* call(inner, 'rename', 'b', inner, 'c')
    assert.equal((yield* call(storage, 'stat', join(path, 'new/c')))?.size, 7)
    yield* call(inner, 'unlink', 'c')
    yield* fails('ENOENT', () => call(inner, 'unlink', 'c'))
    yield* call(directory, 'removeDirectory', 'new')
    yield* fails('ENOENT', () => call(inner, 'open', 'x', 'create'))
    yield* fails('ENOENT', () => call(inner, 'makeDirectory', 'x'))
    yield* call(inner, 'close')
    yield* fails('ENOTDIR', () => call(directory, 'removeDirectory', 'link-to-d'))
    assert.equal(yield* call(directory, 'sync'), true)
    assert.equal(yield* call(directory, 'realPath'), path)
  })

  everywhere('gives a file a second name, and a link itself', function* (directory) {
    assert.equal(yield* call(directory, 'link', 'a', 'b'), true)
    const [first, second] = [yield* call(directory, 'stat', 'a'), yield* call(directory, 'stat', 'b')]
    assert.deepEqual([second?.inode, second?.links], [first?.inode, 2])
    for (const taken of ['b', 'd', 'dangling']) assert.equal(yield* call(directory, 'link', 'a', taken), false, taken)
    assert.equal(yield* call(directory, 'link', 'link-to-a', 'another-link'), true)
    assert.equal(yield* call(directory, 'readLink', 'another-link'), 'a')
    yield* fails('ENOENT', () => call(directory, 'link', 'none', 'c'))
    yield* fails('EPERM', () => call(directory, 'link', 'd', 'c'))
    yield* call(directory, 'close')
    if (directory.isPinned) yield* fails('EBADF', () => call(directory, 'link', 'a', 'c'))
  })

  everywhere('that is closed does nothing more', function* (directory) {
    yield* call(directory, 'close')
    yield* call(directory, 'close')
    if (!directory.isPinned) return
    yield* fails('EBADF', () => call(directory, 'stat', 'a'))
    yield* fails('EBADF', () => call(directory, 'open', 'a', 'read'))
    yield* fails('EBADF', () => call(directory, 'rename', 'a', directory, 'b'))
  })

  everywhere('stays the one that was opened, if it is pinned', function* (directory, { storage, path }) {
    const inner = yield* call(directory, 'openDirectory', 'd')
    yield* call(storage, 'rename', join(path, 'd'), join(path, 'moved'))
    yield* call(directory, 'makeDirectory', 'd')
    yield* call(yield* call(inner, 'open', 'x', 'create'), 'close')
    const [moved, other] = ['moved/x', 'd/x'].map((name) => join(path, name)) as [string, string]
    assert.equal((yield* call(storage, 'stat', moved)) !== undefined, inner.isPinned)
    assert.equal((yield* call(storage, 'stat', other)) !== undefined, !inner.isPinned)
    yield* call(inner, 'close')
  })

  everywhere('opens files in every mode, with attributes that can be set', function* (directory) {
    const file = yield* call(directory, 'open', 'new', 'create', 0o600)
    yield* call(file, 'setPermissions', 0o640)
    yield* call(file, 'setTimes', 1_000_000_000_000_000_000n, 1_500_000_000_000_000_000n)
    const { permissions, accessTime, modificationTime, user, group } = yield* call(file, 'stat')
    assert.deepEqual([permissions, accessTime, modificationTime], [0o640, 10n ** 18n, 15n * 10n ** 17n])
    yield* call(file, 'setOwner', user, group)
    yield* call(file, 'close')
    const appended = yield* call(directory, 'open', 'new', 'append')
    assert.equal(yield* call(appended, 'append', Buffer.from('one')), 3)
    assert.equal(yield* call(appended, 'append', Buffer.from('two')), 3)
    const target = Buffer.alloc(6)
    yield* call(appended, 'read', target, 0)
    assert.equal(target.toString(), 'onetwo')
    yield* call(appended, 'close')
    yield* fails('ENOENT', () => call(directory, 'open', 'none', 'append'))
  })
})

test(
  'what is opened to be written waits for no pipe, and is open as files are that were opened by path',
  linux,
  (context) => {
    const path = prepared(context)
    execFileSync('mkfifo', [join(path, 'pipe')])
    const modes = ['read', 'write', 'replace', 'append'] as const
    for (const storage of [defaultStorage(false), new NodeStorage()]) {
      const directory = storage.openDirectorySync(path)
      for (const mode of modes) {
        directory.openSync('pipe', mode).closeSync()
        const file = directory.openSync('a', mode) as NodeFile
        const flags = /^flags:\s+(?<octal>\d+)$/mu.exec(readFileSync(`/proc/self/fdinfo/${file.fd}`, 'utf8'))?.groups?.[
          'octal'
        ]
        // For io_uring, that would be another kind of file.
        const isNonBlocking = (Number.parseInt(flags ?? '', 8) & constants.O_NONBLOCK) !== 0
        assert.equal(isNonBlocking, mode === 'read', mode)
        file.closeSync()
      }
      directory.closeSync()
    }
  },
)

test('a directory that may be entered and not read is worked in, and cannot be synced', linux, (context) => {
  if (process.getuid?.() !== 0) return unavailable(context, 'only a superuser can be somebody else for a while')
  const path = prepared(context)
  chmodSync(path, 0o755)
  chmodSync(join(path, 'd'), 0o333)
  process.seteuid?.(65_534)
  try {
    const directory = new NodeStorage().openDirectorySync(join(path, 'd'))
    const file = directory.openSync('new', 'create')
    file.writeSync(Buffer.from('x'), 0)
    file.closeSync()
    assert.equal(directory.statSync('new')?.size, 1)
    assert.throws(() => directory.syncSync(), { code: 'EACCES' })
    assert.throws(() => directory.listSync(), { code: 'EACCES' })
    directory.closeSync()
  } finally {
    process.seteuid?.(0)
  }
})

function* fails(code: string, work: () => Steps<unknown>): Steps<void> {
  try {
    yield* work()
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, code, String(error))
    return
  }
  assert.fail(`${code} was to come`)
}
