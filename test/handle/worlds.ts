import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { createHandle, type Handle } from '#src/handle/handle.js'
import type { HandleOptions } from '#src/handle/options.js'
import { defaultStorage } from '#src/storage/default-storage.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { run, runSync, type Steps } from '#src/storage/steps.js'
import type { Storage } from '#src/storage/storage.js'

import { temporaryDirectory } from '../support/temporary.js'

/** A directory on some storage, and what a test does there behind the back of the library. */
export interface World {
  readonly storage: Storage
  /** The path of the directory. */
  readonly base: string
  readonly isSimulated: boolean
  handle(options?: HandleOptions): Handle
  put(name: string, content: string, permissions?: number): void
  /** What stands in a file; undefined if there is none. */
  content(name: string): string | undefined
  permissions(name: string): number
  names(name?: string): string[]
  makeDirectory(name: string): void
  symlink(target: string, name: string): void
}

/** The same work on each storage, blocking and waiting. */
export function inEveryWorld(name: string, work: (world: World) => Steps<void>): void {
  for (const [kind, make] of Object.entries(worlds)) {
    test(`${name} (${kind}, blocking)`, (context) => runSync(work(make(context))))
    test(`${name} (${kind}, waiting)`, (context) => run(work(make(context))))
  }
}

/** The same for what has no blocking form. */
export function inEveryWorldWaiting(name: string, work: (world: World) => Promise<void>): void {
  const all = { ...worlds, 'simulated, in one trip': (context: TestContext) => simulatedWorld(context, true) }
  for (const [kind, make] of Object.entries(all)) test(`${name} (${kind})`, (context) => work(make(context)))
}

const worlds: Readonly<Record<string, (context: TestContext) => World>> = {
  'the best engine': (context) => realWorld(context, defaultStorage(false)),
  'Node alone': (context) => realWorld(context, new NodeStorage()),
  'without pinned directories': (context) => realWorld(context, new NodeStorage({ pinsDirectories: false })),
  simulated: (context) => simulatedWorld(context, false),
}

export function realWorld(context: TestContext, storage: Storage = defaultStorage(false)): World {
  const base = temporaryDirectory(context)
  const at = (name: string): string => join(base, name)
  return {
    storage,
    base,
    isSimulated: false,
    handle: (options = {}) => openHandle(context, { storage, ...options }),
    put(name, content, permissions = 0o644) {
      writeFileSync(at(name), content)
      chmodSync(at(name), permissions)
    },
    content: (name) => readIfThere(at(name)),
    permissions: (name) => statSync(at(name)).mode & 0o7777,
    names: (name = '.') => readdirSync(at(name)).toSorted(),
    makeDirectory: (name) => mkdirSync(at(name)),
    symlink: (target, name) => symlinkSync(target, at(name)),
  }
}

function simulatedWorld(context: TestContext, oneTrip: boolean): World {
  const disk = new SimDisk({ reflinks: true, oneTrip })
  disk.makeDirectory('/base')
  const storage = disk.process()
  const at = (name: string): string => join('/base', name)
  return {
    storage,
    base: '/base',
    isSimulated: true,
    handle: (options = {}) => openHandle(context, { storage, ...options }),
    put(name, content, permissions = 0o644) {
      const file = storage.openSync(at(name), 'replace')
      if (content !== '') file.writeSync(Buffer.from(content), 0)
      file.closeSync()
      disk.setPermissions(at(name), permissions)
    },
    content(name) {
      const image = disk.image(at(name))
      return image && Buffer.from(image).toString()
    },
    permissions: (name) => storage.statSync(at(name))?.permissions ?? Number.NaN,
    names: (name = '.') => storage.listSync(at(name)).toSorted(),
    makeDirectory: (name) => disk.makeDirectory(at(name)),
    symlink: (target, name) => disk.symlink(target, at(name)),
  }
}

function openHandle(context: TestContext, options: HandleOptions): Handle {
  const handle = createHandle({ mode: 'prod', ...options })
  context.after(() => handle.close())
  return handle
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
