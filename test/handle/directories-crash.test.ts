import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createHandle, type Handle } from '#src/handle/handle.js'
import { exploreEveryCrash, faultAt, SimDisk, type World } from '#src/testing.js'

/** Something that a handle does with directories, crashed at every call that it makes: by kills and by power cuts. */
interface Case {
  /** What is there before, durably: directories, and files in them. */
  readonly before?: (disk: SimDisk) => void
  /** What somebody has done before, and not synced. */
  readonly unsynced?: (handle: Handle, disk: SimDisk) => void
  readonly act: (handle: Handle) => Promise<unknown>
  readonly check: (disk: SimDisk, isDone: boolean) => void
}

function isThere(disk: SimDisk, path: string): boolean {
  return disk.process().statSync(`/data/${path}`) !== undefined
}

const TREE = ['t', 't/a', 't/a/b', 't/c']
const FILES = ['t/1', 't/a/2', 't/a/b/3', 't/a/b/4']

function makeTree(disk: SimDisk): void {
  for (const path of [...TREE, 'kept']) disk.makeDirectory(`/data/${path}`)
  const handle = createHandle({ storage: disk.process(), root: '/data', mode: 'prod' })
  for (const path of [...FILES, 'kept/f']) handle.writeSync(path, 'x')
  handle.close()
  disk.symlink('../kept', '/data/t/link')
}

/** Some of a tree, and nothing that hangs in the air; what it does not hold is as it was. */
function checkTree(disk: SimDisk, isDone: boolean): void {
  if (isDone) assert.equal(isThere(disk, 't'), false)
  assert.equal(isThere(disk, 'kept/f'), true)
}

const cases: Readonly<Record<string, Case>> = {
  mkdir: {
    act: (handle) => handle.mkdir('a'),
    check: (disk, isDone) => assert.ok(isThere(disk, 'a') || !isDone),
  },
  'mkdir, blocking': {
    act: async (handle) => handle.mkdirSync('a'),
    check: (disk, isDone) => assert.ok(isThere(disk, 'a') || !isDone),
  },
  mkdirAll: {
    act: (handle) => handle.mkdirAll('a/b/c'),
    check: (disk, isDone) => assert.ok(isThere(disk, 'a/b/c') || !isDone),
  },
  'mkdirAll of what others have made and not synced': {
    unsynced(_, disk) {
      const storage = disk.process()
      const root = storage.openDirectorySync('/data')
      root.makeDirectorySync('a')
      const a = root.openDirectorySync('a')
      a.makeDirectorySync('b')
      a.closeSync()
      root.closeSync()
    },
    act: (handle) => handle.mkdirAll('a/b'),
    check: (disk, isDone) => assert.ok(isThere(disk, 'a/b') || !isDone),
  },
  rmdir: {
    before: (disk) => disk.makeDirectory('/data/a'),
    act: (handle) => handle.rmdir('a'),
    check: (disk, isDone) => assert.ok(!isThere(disk, 'a') || !isDone),
  },
  'rmdir of what others have removed and not synced': {
    before: (disk) => disk.makeDirectory('/data/a'),
    unsynced: (_, disk) => disk.process().openDirectorySync('/data').removeDirectorySync('a'),
    act: (handle) => handle.rmdir('a'),
    check: (disk, isDone) => assert.ok(!isThere(disk, 'a') || !isDone),
  },
  rmdirAll: { before: makeTree, act: (handle) => handle.rmdirAll('t'), check: checkTree },
  'rmdirAll, blocking': { before: makeTree, act: async (handle) => handle.rmdirAllSync('t'), check: checkTree },
}

suite('directories: what was acknowledged survives whatever crash comes', () => {
  for (const [name, one] of Object.entries(cases)) test(name, () => explore(one))
})

async function explore({ before, unsynced, act, check }: Case): Promise<void> {
  const explored = await exploreEveryCrash({ fates: 3 }, async (world: World) => {
    const { disk } = world
    disk.makeDirectory('/data')
    before?.(disk)
    let isDone = false
    await world.run(async (storage) => {
      const handle = createHandle({ storage, root: '/data', mode: 'prod' })
      unsynced?.(handle, disk)
      await act(handle)
      isDone = true
      // Something at which the power can be cut, after the acknowledgement.
      await handle.exists('t')
      handle.close()
    })
    check(disk, isDone)
    await world.check(async (storage) => {
      // Done again, it comes to its end.
      const handle = createHandle({ storage, root: '/data', mode: 'prod' })
      await act(handle).catch((error: unknown) => assert.equal((error as { code: string }).code, 'ERR_FSYS_EXISTS'))
      check(disk, true)
      assert.equal(disk.openFilesOf(storage), 1, 'only the root is open')
      handle.close()
    })
  })
  assert.ok(explored.powerCuts > 10 && explored.kills > 3, JSON.stringify(explored))
}

test('directories: whichever call fails, the failure is told, and nothing stays open', async () => {
  for (const [name, { before, act }] of Object.entries(cases)) {
    for (let index = 0; ; index++) {
      const disk = new SimDisk()
      disk.makeDirectory('/data')
      before?.(disk)
      const storage = disk.process()
      const handle = createHandle({ storage, root: '/data', mode: 'prod' })
      const first = disk.operationCount
      let struck: string | undefined
      const strike = faultAt(first + index, { error: 'EIO' })
      disk.faults = (operation, choices) => {
        const fault = strike(operation, choices)
        if (fault !== undefined) struck = operation.kind
        return fault
      }
      const failure = await act(handle).then(
        () => undefined,
        (error: unknown) => error as { readonly code: string; readonly errno: string },
      )
      disk.faults = undefined
      if (struck === undefined) break
      if (failure !== undefined) {
        assert.equal(
          failure.code,
          struck === 'syncDirectory' ? 'ERR_FSYS_UNCONFIRMED' : 'ERR_FSYS_IO',
          `${name}: ${struck}`,
        )
        assert.equal(failure.errno, 'EIO', `${name}: ${struck}`)
      } else assert.ok(['close', 'list', 'stat'].includes(struck), `${name}: ${struck} has failed, and nobody was told`)
      handle.close()
      assert.equal(disk.openFilesOf(storage), 0, `${name}: ${struck}`)
    }
  }
})
