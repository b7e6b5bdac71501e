import assert from 'node:assert/strict'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { defaultStorage } from '#src/storage/default-storage.js'
import { DirectoryStorage } from '#src/storage/directory-storage.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import { call, run, runSync, type Steps } from '#src/storage/steps.js'
import type { Storage } from '#src/storage/storage.js'
import { SimDisk } from '#src/testing.js'

import { temporaryDirectory } from '../../support/temporary.js'

/** A storage, and a directory on it with a file `a`, a directory `d`, and links to both and to nowhere. */
type Place = readonly [storage: Storage, path: string]

const places: Readonly<Record<string, (context: TestContext) => Place>> = {
  'the best engine': (context) => [defaultStorage(false), prepared(context)],
  'without pinned directories': (context) => [new NodeStorage({ pinsDirectories: false }), prepared(context)],
  simulated() {
    const disk = new SimDisk()
    for (const path of ['/base', '/base/d']) disk.makeDirectory(path)
    const storage = disk.process()
    storage.openSync('/base/a', 'create', 0o644).closeSync()
    for (const [target, name] of LINKS) disk.symlink(target, `/base/${name}`)
    return [storage, '/base']
  },
}

const LINKS = [
  ['a', 'link-to-a'],
  ['nowhere', 'dangling'],
] as const

function prepared(context: TestContext): string {
  const path = temporaryDirectory(context)
  writeFileSync(join(path, 'a'), '', { mode: 0o644 })
  mkdirSync(join(path, 'd'))
  for (const [target, name] of LINKS) symlinkSync(target, join(path, name))
  return path
}

function everywhere(name: string, work: (storage: Storage, at: (name: string) => string) => Steps<void>): void {
  for (const [kind, make] of Object.entries(places)) {
    const opened = function* (context: TestContext): Steps<void> {
      const [storage, path] = make(context)
      const directory = yield* call(storage, 'openDirectory', path)
      try {
        const inside = new DirectoryStorage(storage, directory, path)
        assert.deepEqual([inside.engine, inside.hasAttributes], [storage.engine, storage.hasAttributes])
        assert.deepEqual([inside.clock, inside.owners], [storage.clock, storage.owners])
        yield* work(inside, (last) => join(path, last))
      } finally {
        yield* call(directory, 'close')
      }
    }
    test(`${name} (${kind}, blocking)`, (context) => runSync(opened(context)))
    test(`${name} (${kind}, waiting)`, (context) => run(opened(context)))
  }
}

everywhere('a storage in one directory does there what the whole one does', function* (storage, at) {
  const file = yield* call(storage, 'open', at('b'), 'create', 0o600)
  yield* call(file, 'close')
  assert.equal((yield* call(storage, 'stat', at('b')))?.permissions, 0o600)
  assert.equal(yield* call(storage, 'stat', at('none')), undefined)
  assert.equal(yield* call(storage, 'realPath', at('b')), at('b'))
  assert.equal(yield* call(storage, 'realPath', at('.')), at('.'))
  yield* call(storage, 'rename', at('b'), at('c'))
  assert.equal(yield* call(storage, 'link', at('c'), at('second')), true)
  assert.equal(yield* call(storage, 'link', at('c'), at('a')), false)
  yield* call(storage, 'unlink', at('c'))
  const names = (yield* call(storage, 'list', at('.'))).toSorted()
  assert.deepEqual(names, ['a', 'd', 'dangling', 'link-to-a', 'second'])
  assert.equal(yield* call(storage, 'syncDirectory', at('.')), true)
  const inner = yield* call(storage, 'openDirectory', at('d'))
  assert.equal((yield* call(inner, 'stat', '.'))?.isDirectory, true)
  yield* call(inner, 'close')
  yield* fails('ENOENT', () => call(storage, 'open', at('none'), 'read'))
  yield* fails('ENOENT', () => call(storage, 'realPath', at('none')))
})

everywhere('links in it are refused', function* (storage, at) {
  for (const name of ['link-to-a', 'dangling']) {
    for (const mode of ['read', 'write', 'replace', 'append'] as const) {
      yield* fails('ERR_FSYS_OUTSIDE_ROOT', () => call(storage, 'open', at(name), mode))
    }
    yield* fails('ERR_FSYS_OUTSIDE_ROOT', () => call(storage, 'stat', at(name)))
    yield* fails('ERR_FSYS_OUTSIDE_ROOT', () => call(storage, 'realPath', at(name)))
    yield* fails('EEXIST', () => call(storage, 'open', at(name), 'create'))
  }
  assert.equal((yield* call(storage, 'stat', at('a')))?.size, 0)
})

everywhere('paths to elsewhere are a mistake of ours', function* (storage, at) {
  const broken = /^Error: fsys is broken/u
  for (const path of [at('../x'), at('d/x'), 'a', '/x']) {
    yield* fails(broken, () => call(storage, 'open', path, 'read'))
    yield* fails(broken, () => call(storage, 'stat', path))
    yield* fails(broken, () => call(storage, 'realPath', path))
    yield* fails(broken, () => call(storage, 'rename', at('a'), path))
    yield* fails(broken, () => call(storage, 'rename', path, at('b')))
    yield* fails(broken, () => call(storage, 'link', at('a'), path))
    yield* fails(broken, () => call(storage, 'unlink', path))
    yield* fails(broken, () => call(storage, 'list', path))
    yield* fails(broken, () => call(storage, 'syncDirectory', path))
    yield* fails(broken, () => call(storage, 'openDirectory', path))
  }
})

function* fails(wanted: string | RegExp, work: () => Steps<unknown>): Steps<void> {
  try {
    yield* work()
  } catch (error) {
    if (typeof wanted === 'string') assert.equal((error as { code?: unknown }).code, wanted, String(error))
    else assert.match(String(error), wanted)
    return
  }
  assert.fail(`it did not fail with ${String(wanted)}`)
}
