import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { createHandle, type Handle } from '#src/handle/handle.js'
import type { DurabilityMethod } from '#src/platform/plan.js'
import { type DiskRules, exploreEveryCrash, type SimDisk } from '#src/testing.js'

/**
 * Something that a handle does, and what may be there afterwards. Each is crashed at every call that it makes, by a kill and
 * by power cuts of which more or less survives.
 */
interface Case {
  /** What is there before, durably: names below /data. */
  readonly before: Readonly<Record<string, string>>
  readonly permissions?: number
  /** Extended attributes of each file there, and of the directory. */
  readonly extended?: Readonly<Record<string, string>>
  readonly directoryExtended?: Readonly<Record<string, string>>
  readonly act: (handle: Handle) => Promise<unknown>
  /** Looks at what is left; `isDone`: it was acknowledged. */
  readonly check: (disk: SimDisk, isDone: boolean) => void
  readonly rules?: Partial<DiskRules>
  /** Default: 'data'. */
  readonly methods?: readonly DurabilityMethod[]
}

const OLD = 'old'.repeat(1000)
const NEW = 'new!'.repeat(1500)
const LARGE = 'large'.repeat(500_000)

const replaces =
  (name: string, before: string | undefined, after: string, others: readonly string[] = []): Case['check'] =>
  (disk, isDone) => {
    const found = textAt(disk, name)
    if (found !== before || isDone) assert.equal(found, after)
    assert.deepEqual(
      disk.files().filter((path) => !isDraft(path) && path !== `/data/${name}`),
      others,
    )
  }

const LIST = 'system.posix_acl_access'

/** Old or new, a file has its list and its bits; and nothing is open to the group without a list. */
function keepsList(disk: SimDisk, isDone: boolean, others: readonly string[] = []): void {
  replaces('a', OLD, NEW, others)(disk, isDone)
  assert.equal(disk.attributes('/data/a').get(LIST), 'for two')
  assert.equal(permissionsOf(disk, '/data/a'), 0o660)
  for (const path of disk.files()) {
    if ((permissionsOf(disk, path) & 0o077) !== 0) assert.equal(disk.attributes(path).get(LIST), 'for two', path)
  }
}

const writes: Readonly<Record<string, Case>> = {
  'write makes a file': {
    before: {},
    act: (handle) => handle.write('a', NEW),
    check: replaces('a', undefined, NEW),
  },
  'write replaces a file': {
    before: { a: OLD },
    methods: ['data', 'sync', 'direct'],
    act: (handle) => handle.write('a', NEW),
    check: replaces('a', OLD, NEW),
  },
  'write, blocking': {
    before: { a: OLD },
    act: async (handle) => handle.writeSync('a', NEW),
    check: replaces('a', OLD, NEW),
  },
  'write of many pieces': {
    before: { a: OLD },
    methods: ['data', 'direct'],
    act: (handle) => handle.write('a', ['new!', 'x'.repeat(70_000), 'end']),
    check: replaces('a', OLD, `new!${'x'.repeat(70_000)}end`),
  },
  'write over a private file': {
    before: { a: OLD },
    permissions: 0o600,
    act: (handle) => handle.write('a', NEW),
    check(disk, isDone) {
      replaces('a', OLD, NEW)(disk, isDone)
      for (const path of disk.files()) assert.equal(permissionsOf(disk, path) & 0o077, 0, path)
    },
  },
  'write over a public file, with a umask that takes that away': {
    before: { a: OLD },
    permissions: 0o644,
    rules: { umask: 0o077 },
    act: (handle) => handle.write('a', NEW),
    check(disk, isDone) {
      replaces('a', OLD, NEW)(disk, isDone)
      if (isDone) assert.equal(permissionsOf(disk, '/data/a'), 0o644)
    },
  },
  writeCopy: {
    before: { a: OLD },
    permissions: 0o751,
    act: (handle) => handle.writeCopy('a', NEW),
    check(disk, isDone) {
      replaces('a', OLD, NEW)(disk, isDone)
      if (isDone) assert.equal(permissionsOf(disk, '/data/a'), 0o751)
    },
  },
  'write over a file with an access control list': {
    before: { a: OLD },
    permissions: 0o660,
    extended: { [LIST]: 'for two' },
    act: (handle) => handle.write('a', NEW),
    check: keepsList,
  },
  'write over a file with a list, blocking, past the page cache': {
    before: { a: OLD },
    permissions: 0o660,
    extended: { [LIST]: 'for two' },
    methods: ['direct'],
    act: async (handle) => handle.writeSync('a', NEW),
    check: keepsList,
  },
  'write over a file without a list, in a directory that gives one': {
    before: { a: OLD },
    permissions: 0o660,
    directoryExtended: { 'system.posix_acl_default': 'for all' },
    act: (handle) => handle.write('a', NEW),
    check(disk, isDone) {
      replaces('a', OLD, NEW)(disk, isDone)
      assert.equal(disk.attributes('/data/a').get(LIST), undefined)
      if (isDone) assert.equal(permissionsOf(disk, '/data/a'), 0o660)
    },
  },
  'writeCopy over a file with extended attributes': {
    before: { a: OLD },
    permissions: 0o660,
    extended: { [LIST]: 'for two', 'user.origin': 'here', 'security.label': 'x' },
    act: (handle) => handle.writeCopy('a', NEW),
    check(disk, isDone) {
      keepsList(disk, isDone)
      assert.equal(disk.attributes('/data/a').size, 3)
    },
  },
  'copy onto a file with a list': {
    before: { a: OLD, b: NEW },
    permissions: 0o660,
    extended: { [LIST]: 'for two' },
    act: (handle) => handle.copy('b', 'a'),
    check: (disk, isDone) => keepsList(disk, isDone, ['/data/b']),
  },
  'two writes': {
    before: { a: OLD },
    async act(handle) {
      await handle.write('a', 'between')
      await handle.write('a', NEW)
    },
    check: (disk, isDone) => replaces('a', textAt(disk, 'a') === 'between' ? 'between' : OLD, NEW)(disk, isDone),
  },
  'copy, by reflink': {
    before: { a: OLD, b: NEW },
    rules: { reflinks: true },
    act: (handle) => handle.copy('b', 'a'),
    check: replaces('a', OLD, NEW, ['/data/b']),
  },
  'copy, within the kernel': {
    before: { a: OLD, b: NEW },
    act: (handle) => handle.copy('b', 'a'),
    check: replaces('a', OLD, NEW, ['/data/b']),
  },
  'copy, by reading and writing': {
    before: { a: OLD, b: NEW },
    rules: { kernelCopies: false },
    act: (handle) => handle.copy('b', 'a'),
    check: replaces('a', OLD, NEW, ['/data/b']),
  },
}

const changes: Readonly<Record<string, Case>> = {
  'append to a file': {
    before: { a: OLD },
    act: (handle) => handle.append('a', NEW),
    check(disk, isDone) {
      const found = textAt(disk, 'a') ?? ''
      assert.ok(found.startsWith(OLD))
      if (isDone) assert.equal(found, OLD + NEW)
    },
  },
  'append to a new file': {
    before: {},
    act: (handle) => handle.append('a', NEW),
    check: (disk, isDone) => isDone && assert.equal(textAt(disk, 'a'), NEW),
  },
  writeAt: {
    before: { a: OLD },
    methods: ['data', 'sync', 'direct'],
    act: (handle) => handle.writeAt('a', 1000, 'x'.repeat(1000)),
    check(disk, isDone) {
      const found = textAt(disk, 'a') ?? ''
      assert.equal(found.slice(0, 1000) + found.slice(2000), OLD.slice(0, 1000) + OLD.slice(2000))
      if (isDone) assert.equal(found.slice(1000, 2000), 'x'.repeat(1000))
    },
  },
  writeZeros: {
    before: { a: OLD },
    act: (handle) => handle.writeZeros('a', 1000, 5000),
    check(disk, isDone) {
      const found = textAt(disk, 'a') ?? ''
      assert.equal(found.slice(0, 1000), OLD.slice(0, 1000))
      if (isDone) assert.equal(found, OLD.slice(0, 1000) + '\0'.repeat(5000))
    },
  },
  ...Object.fromEntries(
    [true, false].map((holes): [string, Case] => [
      `punchHole, ${holes ? 'of a hole' : 'by zeros'}`,
      {
        before: { a: OLD },
        rules: { holes },
        act: (handle) => handle.punchHole('a', 1000, 500),
        check(disk, isDone) {
          const found = textAt(disk, 'a') ?? ''
          assert.equal(found.slice(0, 1000) + found.slice(1500), OLD.slice(0, 1000) + OLD.slice(1500))
          if (isDone) assert.equal(found.slice(1000, 1500), '\0'.repeat(500))
        },
      },
    ]),
  ),
  truncate: {
    before: { a: OLD },
    act: (handle) => handle.truncate('a', 1234),
    check(disk, isDone) {
      const found = textAt(disk, 'a')
      if (found !== OLD || isDone) assert.equal(found, OLD.slice(0, 1234))
    },
  },
  delete: {
    before: { a: OLD, b: NEW },
    act: (handle) => handle.delete('a'),
    check(disk, isDone) {
      const found = textAt(disk, 'a')
      if (found !== undefined || isDone) assert.equal(found, isDone ? undefined : OLD)
      assert.equal(textAt(disk, 'b'), NEW)
    },
  },
  'rename over a file': {
    before: { a: NEW, b: OLD },
    act: (handle) => handle.rename('a', 'b'),
    check: (disk, isDone) => checkMove(disk, isDone, 'a', 'b'),
  },
  'rename into another directory': {
    before: { 'd/a': NEW, 'e/b': OLD },
    act: (handle) => handle.rename('d/a', 'e/b'),
    check: (disk, isDone) => checkMove(disk, isDone, 'd/a', 'e/b'),
  },
}

function checkMove(disk: SimDisk, isDone: boolean, from: string, to: string): void {
  const found = [textAt(disk, from), textAt(disk, to)]
  if (found[0] === NEW && !isDone) assert.equal(found[1], OLD)
  else assert.deepEqual(found, [undefined, NEW])
}

suite('at every crash', () => {
  for (const [name, found] of Object.entries({ ...writes, ...changes })) {
    for (const method of found.methods ?? ['data']) test(`${name} (${method})`, () => crashEverywhere(found, method))
  }

  test('write of much, past the page cache', () => {
    const act = (handle: Handle): Promise<void> => handle.write('a', LARGE)
    return crashEverywhere({ before: { a: OLD }, act, check: replaces('a', OLD, LARGE) }, 'direct', 1)
  })
})

async function crashEverywhere(wanted: Case, method: DurabilityMethod, fates = 3): Promise<void> {
  const { before, permissions = 0o644, extended = {}, directoryExtended = {}, act, check, rules = {} } = wanted
  const explored = await exploreEveryCrash({ fates, disk: rules }, async (world) => {
    const { disk } = world
    for (const path of ['/data', '/data/d', '/data/e']) disk.makeDirectory(path)
    await world.check(async (storage) => {
      const handle = createHandle({ storage, root: '/data', mode: 'prod' })
      for (const [name, content] of Object.entries(before)) await handle.write(name, content)
      handle.close()
    })
    for (const name of Object.keys(before)) {
      disk.setPermissions(`/data/${name}`, permissions)
      for (const [key, value] of Object.entries(extended)) disk.setAttribute(`/data/${name}`, key, value)
    }
    for (const [key, value] of Object.entries(directoryExtended)) disk.setAttribute('/data', key, value)
    let isDone = false
    await world.run(async (storage) => {
      const handle = createHandle({ storage, root: '/data', method, mode: 'prod' })
      await act(handle)
      assert.deepEqual(disk.files().filter(isDraft), [], 'a draft is left behind')
      isDone = true
      if (process.platform === 'linux') assert.equal(handle.activeMethod, method)
      handle.close()
      // One more call, for a crash after all is done.
      await storage.stat('/data')
    })
    check(disk, isDone)
    await world.check(async (storage) => {
      // Somebody comes by, and sweeps.
      const handle = createHandle({ storage, root: '/data', mode: 'prod' })
      await handle.write('swept', '')
      await handle.delete('swept')
      assert.deepEqual(disk.files().filter(isDraft), [], 'a draft stays for ever')
      assert.equal(disk.openFilesOf(storage), 1, 'only the root is open')
      handle.close()
      assert.equal(disk.openFilesOf(storage), 0, 'a descriptor is left open')
    })
    check(disk, isDone)
  })
  assert.ok(explored.powerCuts > 10 && explored.kills > 5)
}

test('what others have made and not synced is made durable by what changes it', async () => {
  const acts: Readonly<Record<string, (handle: Handle) => Promise<unknown>>> = {
    append: (handle) => handle.append('a', 'x'),
    writeAt: (handle) => handle.writeAt('a', 0, 'x'),
    truncate: (handle) => handle.truncate('a', 1),
    writeZeros: (handle) => handle.writeZeros('a', 0, 1),
    punchHole: (handle) => handle.punchHole('a', 0, 1),
    sync: (handle) => handle.sync('a'),
    rename: (handle) => handle.rename('a', 'b'),
  }
  for (const [name, act] of Object.entries(acts)) {
    await exploreEveryCrash({ crashes: ['power-cut'] }, async (world) => {
      world.disk.makeDirectory('/data')
      let isDone = false
      await world.run(async (storage) => {
        const file = await storage.open('/data/a', 'create')
        await file.write(Buffer.from('content'), 0)
        await file.close()
        const handle = createHandle({ storage, root: '/data', mode: 'prod' })
        await act(handle)
        isDone = true
        handle.close()
        await storage.stat('/data')
      })
      const found = textAt(world.disk, name === 'rename' ? 'b' : 'a')
      if (isDone) assert.equal(found?.length, name === 'append' ? 8 : name === 'truncate' ? 1 : 7, name)
    })
  }
})

const isDraft = (path: string): boolean => path.includes('/.fsys-draft-')

function textAt(disk: SimDisk, name: string): string | undefined {
  const image = disk.image(`/data/${name}`)
  return image && Buffer.from(image).toString('latin1')
}

function permissionsOf(disk: SimDisk, path: string): number {
  return disk.process().statSync(path)?.permissions ?? Number.NaN
}
