import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

import { createHandle } from '#src/handle/handle.js'
import { Walk, deepRules } from '#src/handle/walk.js'
import { call, run } from '#src/storage/steps.js'
import type { DirectoryEntry, Listing, StorageDirectory } from '#src/storage/storage.js'
import { SimDisk } from '#src/testing.js'

import { temporaryDirectory } from '../support/temporary.js'

/** A directory of so many files in subdirectories, which exist only as they are asked for. */
function endlessDirectory(depth: number, directories: number, files: number): StorageDirectory {
  const listing = (): Listing => {
    let next = 0
    const total = depth === 0 ? files : directories
    const nextSync = (countMax: number): DirectoryEntry[] => {
      const count = Math.min(countMax, total - next)
      const kind = depth === 0 ? 'file' : 'directory'
      return Array.from({ length: count }, () => ({ name: `entry-${next++}`, kind }))
    }
    return {
      next: async (countMax) => nextSync(countMax),
      nextSync,
      close: async () => undefined,
      closeSync: () => undefined,
    }
  }
  const self: Partial<StorageDirectory> = {
    list: async () => listing(),
    openDirectory: async () => endlessDirectory(depth - 1, directories, files),
    close: async () => undefined,
  }
  return self as StorageDirectory
}

test('a walk over a million entries holds some hundred of them', async () => {
  const begin = { openDirectory: async () => endlessDirectory(2, 100, 100), openDirectorySync: () => assert.fail() }
  const walk = new Walk({ open: () => call(begin, 'openDirectory'), prefix: '', isOptional: false }, deepRules)
  let [count, largest] = [0, 0]
  let most = 0
  global.gc?.()
  const before = process.memoryUsage().heapUsed
  for (;;) {
    const piece = await run(walk.next())
    if (piece.length === 0) break
    count += piece.length
    largest = Math.max(largest, piece.length)
    if (count % 50_000 < piece.length) most = Math.max(most, process.memoryUsage().heapUsed - before)
  }
  assert.equal(count, 1_010_100)
  assert.ok(largest <= 1024, `${largest} at once`)
  assert.ok(most < 150e6, `${most} bytes more`)
})

test('a deep tree is removed, deeper than a path can say', async (context) => {
  const base = temporaryDirectory(context)
  const handle = createHandle({ root: base, mode: 'prod' })
  const name = 'n'.repeat(100)
  mkdirSync(join(base, 't'))
  const here = process.cwd()
  process.chdir(join(base, 't'))
  try {
    for (let depth = 0; depth < 100; depth++) {
      mkdirSync(name)
      process.chdir(name)
    }
    writeFileSync('f', '')
  } finally {
    process.chdir(here)
  }
  assert.equal(await handle.countAll('t'), 101)
  assert.equal(handle.rmdirAllSync('t'), true)
  assert.equal(existsSync(join(base, 't')), false)
  handle.close()
})

// Changes a directory into a link that leads outside, and back, as fast as it can.
const SWAPPER = `
const { renameSync, symlinkSync, mkdirSync, writeFileSync, rmSync } = require('node:fs')
const { workerData: base, parentPort } = require('node:worker_threads')
parentPort.postMessage('ready')
for (;;) {
  for (const step of [
    () => mkdirSync(base + '/inside/t/d'),
    () => writeFileSync(base + '/inside/t/d/f', ''),
    () => renameSync(base + '/inside/t/d', base + '/inside/t/aside'),
    () => symlinkSync('../../outside', base + '/inside/t/d'),
    () => rmSync(base + '/inside/t/d'),
  ]) {
    try { step() } catch {}
  }
}`

test('rmdirAll beside somebody who changes directories into links: nothing outside is removed', async (context) => {
  const base = temporaryDirectory(context)
  for (const name of ['inside', 'outside', 'outside/deep']) mkdirSync(join(base, name))
  for (const name of ['outside/f', 'outside/deep/f']) writeFileSync(join(base, name), 'kept')
  const handle = createHandle({ root: join(base, 'inside'), mode: 'prod' })
  const worker = new Worker(SWAPPER, { eval: true, workerData: base })
  let attempts = 0
  try {
    await new Promise((resolve) => worker.once('message', resolve))
    for (const end = performance.now() + 2000; performance.now() < end;) {
      mkdirSync(join(base, 'inside/t'), { recursive: true })
      try {
        attempts += 1
        await handle.rmdirAll('t')
      } catch (error) {
        const { code } = error as { code: string }
        assert.ok(
          ['ERR_FSYS_NOT_EMPTY', 'ERR_FSYS_NOT_A_DIRECTORY', 'ERR_FSYS_NOT_A_FILE'].includes(code),
          String(error),
        )
      }
      for (const name of ['outside/f', 'outside/deep/f']) assert.equal(readFileSync(join(base, name), 'utf8'), 'kept')
    }
  } finally {
    // Before the directory is removed: that would meet it too.
    await worker.terminate()
    handle.close()
  }
  assert.ok(attempts > 3, `${attempts} attempts`)
})

test('rmdirAll meets a link where a directory was listed: the link is removed, and what it leads to stays', () => {
  const disk = new SimDisk()
  for (const path of ['/inside', '/inside/t', '/inside/t/d', '/outside']) disk.makeDirectory(path)
  disk.process().openSync('/outside/f', 'create').closeSync()
  disk.faults = ({ kind, path }) => {
    // Between the listing and the step down.
    if (kind === 'openDirectory' && path === '/inside/t/d') {
      disk.faults = undefined
      const directory = disk.process().openDirectorySync('/inside/t')
      directory.removeDirectorySync('d')
      directory.closeSync()
      disk.symlink('/outside', '/inside/t/d')
    }
    return undefined
  }
  const handle = createHandle({ storage: disk.process(), root: '/inside', mode: 'prod' })
  assert.equal(handle.rmdirAllSync('t'), true)
  assert.deepEqual(disk.files(), ['/outside/f'])
})
