import assert from 'node:assert/strict'

import type { BatchOptions } from '#src/handle/batch-options.js'
import { createHandle, type Handle } from '#src/handle/handle.js'
import type { DiskRules, SimDisk } from '#src/testing.js'

/** A batch that a test lets fail and crash, and what may be there afterwards: files below /data. */
export interface BatchScenario {
  readonly rules: Partial<DiskRules>
  prepare(disk: SimDisk): void
  commit(handle: Handle, options: BatchOptions): Promise<void>
  /** By operation, whether it is done. Fails if what is there is neither old nor new. */
  whatIsDone(disk: SimDisk): boolean[]
}

/** Operations of all kinds; two of them are of small files in one directory. */
export function ofAllKinds(rules: Partial<DiskRules> = {}): BatchScenario {
  return {
    rules,
    prepare(disk) {
      prepareFiles(disk, { a: 'old a', 'd/b': 'old b', c: 'old c', from: 'moved', source: 'copied' })
    },
    commit: (handle, options) =>
      handle
        .batch()
        .write('a', 'new a')
        .write('d/b', ['new', ' b'])
        .delete('c')
        .rename('from', 'd/to')
        .copy('source', 'd/copy')
        .write('e', 'made')
        .commit(options),
    whatIsDone: (disk) => [
      isNew(disk, 'a', 'old a', 'new a'),
      isNew(disk, 'd/b', 'old b', 'new b'),
      isNew(disk, 'c', 'old c', undefined),
      isMoved(disk, 'from', 'd/to'),
      isNew(disk, 'd/copy', undefined, 'copied'),
      isNew(disk, 'e', undefined, 'made'),
    ],
  }
}

/**
 * Small files of two directories, which are replaced many in one trip, but for those that are more than content and bits: a
 * link, a file with an access control list, one of another group. `bits`: those that a file has from its beginning to its end.
 */
const SMALL: readonly { readonly path: string; readonly isThere: boolean; readonly bits?: number }[] = [
  { path: 'plain', isThere: true },
  { path: 'private', isThere: true, bits: 0o600 },
  { path: 'made', isThere: false },
  { path: 'public', isThere: true, bits: 0o666 },
  { path: 'd/plain', isThere: true },
  { path: 'listed', isThere: true, bits: 0o660 },
  { path: 'link', isThere: true },
  { path: 'd/made', isThere: false },
  { path: 'grouped', isThere: true, bits: 0o640 },
]

const LIST = 'system.posix_acl_access'
const GROUP = 4711

/** Of more than one sector. */
export const contentOf = (path: string, version: string): string => `${version} ${path}. `.repeat(80)

/** `umask`: with one, the bits of some files must be set after they were made. */
export function smallFiles(umask: number): BatchScenario {
  return {
    rules: { oneTrip: true, umask },
    prepare(disk) {
      const there = SMALL.filter(({ isThere }) => isThere)
      const before = Object.fromEntries(there.map(({ path }) => [path, contentOf(path, 'old')]))
      prepareFiles(disk, before, ['d/target', '/data/link'])
      for (const { path, bits } of there) if (bits !== undefined) disk.setPermissions(`/data/${path}`, bits)
      disk.setAttribute('/data/listed', LIST, 'for two')
      disk.setGroup('/data/grouped', GROUP)
    },
    commit: (handle, options) =>
      handle.writeBatch(
        SMALL.map(({ path }) => [path, contentOf(path, 'new')]),
        options,
      ),
    whatIsDone(disk) {
      const storage = disk.process()
      for (const { path, bits } of SMALL) {
        const facts = bits === undefined ? undefined : storage.statSync(`/data/${path}`)
        assert.equal(facts?.permissions, bits, path)
        if (path === 'grouped') assert.equal(facts?.group, GROUP)
      }
      assert.equal(disk.attributes('/data/listed').get(LIST), 'for two')
      disk.endProcess(storage)
      return SMALL.map(({ path, isThere }) =>
        isNew(disk, path, isThere ? contentOf(path, 'old') : undefined, contentOf(path, 'new')),
      )
    },
  }
}

function prepareFiles(disk: SimDisk, before: Readonly<Record<string, string>>, link?: readonly [string, string]): void {
  for (const path of ['/data', '/data/d']) disk.makeDirectory(path)
  if (link !== undefined) disk.symlink(...link)
  const storage = disk.process()
  const handle = createHandle({ storage, root: '/data', mode: 'prod' })
  for (const [path, content] of Object.entries(before)) handle.writeSync(path, content)
  handle.close()
  disk.endProcess(storage)
}

export function draftsOn(disk: SimDisk): string[] {
  return disk.files().filter((path) => path.includes('.fsys-draft-'))
}

export function textAt(disk: SimDisk, path: string): string | undefined {
  const image = disk.image(path)
  return image && Buffer.from(image).toString()
}

/** Whether it is the new one; anything else than the two is a mixture. */
function isNew(disk: SimDisk, path: string, before: string | undefined, after: string | undefined): boolean {
  const found = textAt(disk, `/data/${path}`)
  assert.ok(found === before || found === after, `${path}: ${found} is neither ${before} nor ${after}`)
  return found === after
}

function isMoved(disk: SimDisk, from: string, to: string): boolean {
  const [old, now] = [from, to].map((path) => textAt(disk, `/data/${path}`))
  assert.deepEqual([old, now].filter(Boolean), ['moved'], 'it is in one of the two places')
  return now !== undefined
}
