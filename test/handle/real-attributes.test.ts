import assert from 'node:assert/strict'
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { createHandle, type Handle } from '#src/handle/handle.js'
import { defaultStorage } from '#src/storage/default-storage.js'

import { ACCESS_LIST, canSetAttributes, DEFAULT_LIST, extended, list, mayRead } from '../support/extended.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

// F3, private, with the kernel's own lists: who could not read the old file cannot read the new one.

const [OWNER, GROUP, FRIEND, STRANGER] = [0, 5678, 1234, 4321]

interface Bench {
  readonly path: string
  readonly directory: string
  readonly handle: Handle
}

/** A handle by the addon, and a directory on a file system that has lists. */
function benchFor(context: TestContext): Bench | undefined {
  const directory = temporaryDirectory(context)
  const storage = defaultStorage(false)
  if (!storage.hasAttributes) {
    unavailable(context, 'there is no addon')
    return undefined
  }
  const trial = join(directory, 'trial')
  writeFileSync(trial, '')
  if (!canSetAttributes(context, trial)) return undefined
  // Others come by here.
  chmodSync(directory, 0o755)
  const handle = createHandle({ storage, mode: 'prod' })
  return { directory, path: join(directory, 'file'), handle }
}

/** The same, with a file of another group. */
function benchWithFile(context: TestContext): Bench | undefined {
  const bench = benchFor(context)
  if (bench === undefined) return undefined
  writeFileSync(bench.path, 'old')
  chownSync(bench.path, OWNER, GROUP)
  return bench
}

const ways: Readonly<Record<string, (bench: Bench) => Promise<unknown>>> = {
  write: ({ handle, path }) => handle.write(path, 'new'),
  'write, blocking': async ({ handle, path }) => handle.writeSync(path, 'new'),
  'write of pieces': ({ handle, path }) => handle.write(path, ['n', 'ew']),
  writeCopy: ({ handle, path }) => handle.writeCopy(path, 'new'),
  'writeCopy, blocking': async ({ handle, path }) => handle.writeCopySync(path, 'new'),
  copy: async ({ handle, path, directory }) => {
    const source = join(directory, 'source')
    writeFileSync(source, 'new', { mode: 0o666 })
    await handle.copy(source, path)
  },
  'a batch, in one trip': ({ handle, path, directory }) =>
    handle.writeBatch(
      ['a', 'b', 'c'].map((name): [string, string] => [join(directory, name), 'x']).concat([[path, 'new']]),
    ),
}

for (const [name, act] of Object.entries(ways)) {
  test(`${name}: the mask of a list does not become the group's bits, and the list stays (F3)`, async (context) => {
    const bench = benchWithFile(context)
    if (bench === undefined) return
    const { path } = bench
    // A friend may read and write, the group nothing at all: the mask, which stat shows as the bits of the group, is 6.
    const value = list({ user: 6, users: { [FRIEND]: 6 }, group: 0, mask: 6, others: 0 })
    extended(path, { [ACCESS_LIST]: value })
    assert.equal(statSync(path).mode & 0o777, 0o660)
    const readers = (): boolean[] => [mayRead(path, FRIEND, FRIEND), mayRead(path, STRANGER, GROUP)]
    assert.deepEqual(readers(), [true, false])
    await act(bench)
    assert.equal(readFileSync(path, 'utf8'), 'new')
    assert.deepEqual(readers(), [true, false])
    assert.equal(extended(path)[ACCESS_LIST], value)
    assert.deepEqual([statSync(path).mode & 0o777, statSync(path).gid], [0o660, GROUP])
  })

  test(`${name}: a file without a list does not get that of its directory (F3)`, async (context) => {
    const bench = benchWithFile(context)
    if (bench === undefined) return
    const { path, directory } = bench
    chmodSync(path, 0o640)
    extended(directory, { [DEFAULT_LIST]: list({ user: 7, users: { [FRIEND]: 7 }, group: 5, mask: 7, others: 5 }) })
    const readers = (): boolean[] => [FRIEND, STRANGER].map((user) => mayRead(path, user, user))
    assert.deepEqual(readers(), [false, false])
    await act(bench)
    assert.equal(readFileSync(path, 'utf8'), 'new')
    assert.deepEqual(readers(), [false, false])
    assert.equal(mayRead(path, STRANGER, GROUP), true)
    assert.equal(extended(path)[ACCESS_LIST], undefined)
    assert.equal(statSync(path).mode & 0o777, 0o640)
  })

  test(`${name}: a file whose group its writer may not give is not opened to the writer's group (F3)`, async (context) => {
    const bench = benchWithFile(context)
    if (bench === undefined) return
    const { path, directory } = bench
    chmodSync(path, 0o640)
    chmodSync(directory, 0o777)
    assert.equal(mayRead(path, STRANGER, FRIEND), false)
    await asUser(FRIEND, name, () => act(bench))
    assert.equal(readFileSync(path, 'utf8'), 'new')
    assert.equal(mayRead(path, STRANGER, FRIEND), false)
    assert.deepEqual([statSync(path).mode & 0o777, statSync(path).gid], [0o600, FRIEND])
  })
}

/** Does work as somebody else, with a group of the same number and no other. */
async function asUser(id: number, name: string, work: () => Promise<unknown>): Promise<void> {
  const { setegid, seteuid, setgroups } = process as Required<NodeJS.Process>
  const groups = process.getgroups?.() ?? []
  setgroups([id])
  setegid(id)
  seteuid(id)
  try {
    await work()
  } catch (error) {
    throw new Error(name, { cause: error })
  } finally {
    seteuid(0)
    setegid(0)
    setgroups(groups)
  }
}

test('writeCopy keeps extended attributes of all kinds that may be given', async (context) => {
  const bench = benchFor(context)
  if (bench === undefined) return
  const { handle, path } = bench
  for (const blocking of [false, true]) {
    writeFileSync(path, 'old')
    chownSync(path, FRIEND, GROUP)
    const large = 'ab'.repeat(1500)
    const given = {
      'user.empty': '',
      'user.large': large,
      'trusted.key': '01',
      'security.fsys': '02',
      // The program may bind low ports; a capability goes when the owner changes.
      'security.capability': '0000000200040000000000000000000000000000',
      [ACCESS_LIST]: list({ user: 7, users: { [STRANGER]: 5 }, group: 5, mask: 7, others: 5 }),
    }
    chmodSync(path, 0o2775)
    const before = extended(path, given)
    assert.deepEqual(before, given)
    const kept = blocking ? handle.writeCopySync(path, 'new') : await handle.writeCopy(path, 'new')
    assert.deepEqual(kept, { owner: true, extended: true })
    assert.deepEqual(extended(path), before)
    const { mode, uid, gid } = statSync(path)
    assert.deepEqual([mode & 0o7777, uid, gid], [0o2775, FRIEND, GROUP])
  }
  // write keeps the list, and nothing else.
  await handle.write(path, 'newer')
  assert.deepEqual(Object.keys(extended(path)), [ACCESS_LIST])
})

test('writeCopy keeps extended attributes of a file that its owner may not write to', async (context) => {
  const bench = benchFor(context)
  if (bench === undefined) return
  const { handle, path, directory } = bench
  chmodSync(directory, 0o777)
  writeFileSync(path, 'old')
  extended(path, { 'user.origin': '01' })
  chownSync(path, FRIEND, FRIEND)
  chmodSync(path, 0o444)
  await asUser(FRIEND, 'writeCopy', async () => {
    assert.deepEqual(await handle.writeCopy(path, 'new'), { owner: true, extended: true })
    assert.deepEqual(handle.writeCopySync(path, 'newer'), { owner: true, extended: true })
  })
  assert.deepEqual(extended(path), { 'user.origin': '01' })
  assert.equal(statSync(path).mode & 0o7777, 0o444)
})

test('writeCopy leaves out what the writer may not give, and says so', async (context) => {
  const bench = benchFor(context)
  if (bench === undefined) return
  const { handle, path, directory } = bench
  writeFileSync(path, 'old')
  extended(path, { 'user.origin': '01', 'security.fsys': '02' })
  chownSync(path, FRIEND, FRIEND)
  chmodSync(directory, 0o777)
  await asUser(FRIEND, 'writeCopy', async () => {
    assert.deepEqual(await handle.writeCopy(path, 'new'), { owner: true, extended: false })
  })
  assert.deepEqual(extended(path), { 'user.origin': '01' })
  // A file that may not be read, either: its attributes are nobody's business.
  chmodSync(path, 0o000)
  await asUser(STRANGER, 'writeCopy', async () => {
    assert.deepEqual(await handle.writeCopy(path, 'newer'), { owner: false, extended: false })
  })
  assert.deepEqual(extended(path), {})
})
