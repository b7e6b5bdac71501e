import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { NodeStorage } from '#src/storage/node-storage.js'
import { Random } from '#src/storage/sim/random.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { call, run, runSync, type Steps } from '#src/storage/steps.js'
import type { FileFacts, OpenMode, Storage, StorageFile } from '#src/storage/storage.js'

const SEEDS = Number(process.env['FSYS_TEST_SEEDS'] ?? 50)
const STEPS = 120

const linux = { skip: process.platform === 'linux' ? false : 'the simulated disk has the errors of Linux' }

test('without faults the simulated disk does what the real file system does', linux, async (context) => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const directory = mkdtempSync(join(tmpdir(), 'fsys-differential-'))
    context.after(() => rmSync(directory, { recursive: true }))
    const disk = new SimDisk({ seed })
    prepare(
      (path) => mkdirSync(directory + path),
      (target, path) => symlinkSync(target, directory + path),
    )
    prepare(
      (path) => disk.makeDirectory(path),
      (target, path) => disk.symlink(target, path),
    )
    const isBlocking = seed % 2 === 0
    const real = await record(play(seed, new NodeStorage(), directory + BASE), isBlocking)
    const simulated = await record(play(seed, disk.process(), BASE), isBlocking)
    for (const [index, line] of real.entries()) {
      const story = real.slice(Math.max(0, index - 8), index).join('\n')
      assert.equal(simulated[index], line, `seed ${seed}, step ${index}, after\n${story}`)
    }
    assert.equal(simulated.length, real.length)
    assert.deepEqual(disk.violations, [])
  }
})

function prepare(makeDirectory: (path: string) => void, symlink: (target: string, path: string) => void): void {
  makeDirectory(BASE)
  makeDirectory(`${BASE}/d`)
  makeDirectory(`${BASE}/d/e`)
  symlink('d', `${BASE}/link-to-d`)
  symlink('nowhere', `${BASE}/dangling`)
  symlink('../c', `${BASE}/d/link-to-c`)
  symlink('loop', `${BASE}/loop`)
}

// One level down, because a link to ../c can be moved to where it leads out of here.
const BASE = '/base'

const PATHS = ['/a', '/b', '/c', '/d/a', '/d/b', '/d', '/d/e', '/d/e/a', '/link-to-d', '/link-to-d/a', '/dangling']
const ODD_PATHS = ['/d/link-to-c', '/loop', '/loop/a', '/a/b', '/none/a', '/d/../b', '/d/./e/../a']
const MODES: readonly OpenMode[] = ['read', 'write', 'create', 'replace']

interface Open {
  readonly file: StorageFile
  readonly name: string
}

/** The story of a random sequence of calls: one line a call, with what came of it. */
function* play(seed: number, storage: Storage, root: string): Steps<string[]> {
  const random = new Random(seed)
  const identities: string[] = []
  const open: Open[] = []
  const lines: string[] = []
  const pick = <Value>(values: readonly Value[]): Value => values[random.below(values.length)] as Value
  const path = (): string => (random.chance(0.85) ? pick(PATHS) : pick(ODD_PATHS))
  // Numbers are used again, on both sides by rules of their own; with the birth time they are unique.
  const describe = ({ isFile, size, inode, birthTime }: FileFacts): unknown => {
    const identity = `${inode} ${birthTime}`
    if (!identities.includes(identity)) identities.push(identity)
    return [isFile, isFile && size, identities.indexOf(identity)]
  }
  const paths: Record<string, (one: string, other: string) => Steps<unknown>> = {
    *open(one) {
      const mode = pick(MODES)
      lines.push(`mode ${mode}`)
      open.push({ file: yield* call(storage, 'open', root + one, mode), name: `${mode} ${one}` })
    },
    *stat(one) {
      const facts = yield* call(storage, 'stat', root + one)
      return facts && describe(facts)
    },
    *realPath(one) {
      return (yield* call(storage, 'realPath', root + one)).slice(root.length)
    },
    *list(one) {
      return (yield* call(storage, 'list', root + one)).toSorted()
    },
    rename: (one, other) => call(storage, 'rename', root + one, root + other),
    link: (one, other) => call(storage, 'link', root + one, root + other),
    unlink: (one) => call(storage, 'unlink', root + one),
    syncDirectory: (one) => call(storage, 'syncDirectory', root + one),
  }
  const files: Record<string, (file: StorageFile) => Steps<unknown>> = {
    *read(file) {
      const target = Buffer.alloc(1 + random.below(3000), 0xee)
      const count = yield* call(file, 'read', target, position())
      return [count, target.toString('latin1')]
    },
    write: (file) => call(file, 'write', Buffer.alloc(random.below(6000), random.below(256)), position()),
    truncate: (file) => call(file, 'truncate', position()),
    *stat(file) {
      return describe(yield* call(file, 'stat'))
    },
    dataSync: (file) => call(file, 'dataSync'),
    sync: (file) => call(file, 'sync'),
    close: (file) => call(file, 'close'),
  }
  function position(): number {
    if (random.chance(0.1)) return 2 ** 35 + random.below(5000)
    return random.chance(0.3) ? random.below(4) * 4096 : random.below(12_000)
  }
  for (let step = 0; step < STEPS; step += 1) {
    const isOnFile = open.length > 0 && random.chance(0.6)
    if (isOnFile) {
      const { file, name } = pick(open)
      const kind = pick([...Object.keys(files), 'read', 'write', 'write', 'truncate'])
      lines.push(yield* tell(`${kind} ${name}`, files[kind]?.(file)))
    } else {
      const kind = pick([...Object.keys(paths), 'open', 'open', 'unlink', 'rename'])
      const [one, other] = [path(), path()]
      lines.push(yield* tell(`${kind} ${one} ${other}`, paths[kind]?.(one, other)))
    }
  }
  for (const { file } of open) yield* call(file, 'close')
  return lines
}

function* tell(what: string, steps: Steps<unknown> | undefined): Steps<string> {
  assert.ok(steps, what)
  try {
    return `${what}: ${JSON.stringify(yield* steps)}`
  } catch (error) {
    const { code, syscall, errno } = error as NodeJS.ErrnoException
    assert.ok(code, String(error))
    return `${what}: ${code} ${errno} ${syscall}`
  }
}

function record(steps: Steps<string[]>, isBlocking: boolean): Promise<string[]> {
  return isBlocking ? Promise.resolve(runSync(steps)) : run(steps)
}
