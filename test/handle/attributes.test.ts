import assert from 'node:assert/strict'
import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { AttributeKeeper, keepAttributes } from '#src/handle/attributes.js'
import { createHandle, type Handle } from '#src/handle/handle.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import { withoutGroup } from '#src/storage/permissions.js'
import { runSync } from '#src/storage/steps.js'
import type { FileFacts } from '#src/storage/storage.js'
import { SimDisk } from '#src/testing.js'

import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

// F3, private, beyond the permission bits: nobody can read a new version who could not read the old one. On the simulated
// disk; real lists are in real-attributes.test.ts.

const LIST = 'system.posix_acl_access'
const DEFAULT_LIST = 'system.posix_acl_default'

test('set-user-id bits are not given to another owner', () => {
  const storage = new SimDisk().process()
  const keeper = new AttributeKeeper(storage, () => undefined)
  const directory = storage.openDirectorySync('/')
  const file = directory.openSync('a', 'create')
  const keep = (facts: FileFacts): unknown =>
    runSync(keepAttributes(file, { directory, name: 'a', facts, list: 'none' }, keeper))
  const facts = file.statSync()
  // Its processes are not the superuser.
  assert.deepEqual(keep({ ...facts, user: 0, permissions: 0o4755 }), { owner: false, extended: true })
  assert.equal(file.statSync().permissions, 0o755)
  assert.deepEqual(keep({ ...facts, permissions: 0o4755 }), { owner: true, extended: true })
  assert.equal(file.statSync().permissions, 0o4755)
})

test('writeCopy keeps owner, group and set-user-id bits for the superuser, write only the group', async (context) => {
  if (process.getuid?.() !== 0) return unavailable(context, 'that takes a superuser')
  const path = join(temporaryDirectory(context), 'a')
  const handle = createHandle({ mode: 'prod' })
  const prepare = (): void => {
    writeFileSync(path, 'old')
    chownSync(path, 1234, 5678)
    chmodSync(path, 0o6750)
  }
  const found = (): number[] => {
    const { uid, gid, mode } = statSync(path)
    return [uid, gid, mode & 0o7777]
  }
  prepare()
  assert.deepEqual(await handle.writeCopy(path, 'new'), { owner: true, extended: handle.keepsAttributes })
  assert.deepEqual(found(), [1234, 5678, 0o6750])
  await handle.write(path, 'newer')
  assert.deepEqual(found(), [process.getuid(), 5678, 0o750])
})

test('where the group is another one, it gets no more than others, and others no more than it had', () => {
  const cases = [
    [0o640, 0o600],
    [0o664, 0o644],
    [0o644, 0o644],
    [0o604, 0o600],
    [0o751, 0o711],
    [0o6777, 0o777],
  ] as const
  for (const [before, after] of cases) assert.equal(withoutGroup(before), after)
})

interface Prepared {
  readonly disk: SimDisk
  readonly handle: Handle
  /** Of the file. */
  readonly permissions: () => number
}

function prepared(): Prepared {
  const disk = new SimDisk()
  disk.makeDirectory('/data')
  const handle = createHandle({ storage: disk.process(), root: '/data', mode: 'prod' })
  handle.writeSync('a', 'old')
  return { disk, handle, permissions: () => handle.statSync('a').permissions }
}

const ways: Readonly<Record<string, (handle: Handle) => Promise<unknown>>> = {
  write: (handle) => handle.write('a', 'new'),
  'write, blocking': async (handle) => handle.writeSync('a', 'new'),
  writeCopy: (handle) => handle.writeCopy('a', 'new'),
  copy: async (handle) => {
    await handle.write('b', 'new')
    await handle.copy('b', 'a')
  },
  writeBatch: (handle) => handle.writeBatch([['a', 'new']]),
}

for (const [name, act] of Object.entries(ways)) {
  test(`${name}: a file keeps its access control list (F3)`, async () => {
    const { disk, handle, permissions } = prepared()
    disk.setAttribute('/data/a', LIST, 'for two')
    disk.setPermissions('/data/a', 0o660)
    await act(handle)
    assert.equal(Buffer.from(disk.image('/data/a') ?? '').toString(), 'new')
    assert.equal(disk.attributes('/data/a').get(LIST), 'for two')
    assert.equal(permissions(), 0o660)
  })

  test(`${name}: a list that cannot be given leaves the file to its owner (F3)`, async () => {
    const { disk, handle, permissions } = prepared()
    disk.setAttribute('/data/a', LIST, 'for two')
    disk.setPermissions('/data/a', 0o664)
    // Of another group, into which this process cannot put a file: what the list says of the group is not for its own one.
    disk.faults = ({ kind }) => (kind === 'setOwner' ? { error: 'EPERM' } : undefined)
    disk.setGroup('/data/a', 5678)
    await act(handle)
    assert.equal(disk.attributes('/data/a').get(LIST), undefined)
    assert.equal(permissions(), 0o600)
  })

  test(`${name}: a file whose group cannot be kept gets no more for the new one than others have (F3)`, async () => {
    const { disk, handle, permissions } = prepared()
    for (const error of ['EPERM', 'EACCES', 'EINVAL', 'ENOSYS', 'ENOTSUP']) {
      disk.setPermissions('/data/a', 0o664)
      disk.setGroup('/data/a', 5678)
      disk.faults = ({ kind }) => (kind === 'setOwner' ? { error } : undefined)
      await act(handle)
      assert.equal(permissions(), 0o644)
    }
    disk.setPermissions('/data/a', 0o660)
    disk.setGroup('/data/a', 5678)
    disk.faults = undefined
    await act(handle)
    assert.equal(permissions(), 0o660)
    assert.equal((await handle.stat('a')).group, 5678)
  })

  test(`${name}: a file without a list gets none from its directory (F3)`, async () => {
    const { disk, handle } = prepared()
    disk.setAttribute('/data', DEFAULT_LIST, 'for all')
    await act(handle)
    assert.equal(Buffer.from(disk.image('/data/a') ?? '').toString(), 'new')
    assert.equal(disk.attributes('/data/a').get(LIST), undefined)
    // A new one does.
    await handle.write('new', 'x')
    assert.equal(disk.attributes('/data/new').get(LIST), 'for all')
  })
}

test('a list that goes while its file is replaced does not leave its mask to the group (F3)', async () => {
  const moments = [
    ['before it is looked for', 'hasAccessList', /\/a$/u, 0o666],
    ['before it is given', 'stat', /\.fsys-draft-/u, 0o600],
  ] as const
  for (const [moment, call, place, expected] of moments) {
    for (const [name, act] of Object.entries(ways)) {
      // Makes another file first, and that draft is none of these.
      if (name === 'copy') continue
      const { disk, handle, permissions } = prepared()
      const other = disk.process()
      disk.setAttribute('/data/a', LIST, 'for two')
      disk.setPermissions('/data/a', 0o660)
      let isGone = false
      disk.faults = ({ kind, path }) => {
        if (!isGone && kind === call && place.test(path)) {
          isGone = true
          other.unlinkSync('/data/a')
        }
        return undefined
      }
      await act(handle)
      assert.equal(isGone, true, name)
      // Made anew, as a file that was not there; or one whose list cannot be given.
      assert.equal(permissions(), expected, `${name}, ${moment}`)
    }
  }
})

test('writeCopy keeps extended attributes, and says when it cannot keep all', async () => {
  const { disk, handle } = prepared()
  disk.setAttribute('/data/a', 'user.origin', 'here')
  disk.setAttribute('/data/a', 'security.label', 'secret')
  assert.deepEqual(await handle.writeCopy('a', 'new'), { owner: true, extended: true })
  const kept = new Map([
    ['user.origin', 'here'],
    ['security.label', 'secret'],
  ])
  assert.deepEqual(disk.attributes('/data/a'), kept)
  // The superuser's, who this process is not.
  disk.setAttribute('/data/a', 'trusted.key', 'x')
  assert.deepEqual(handle.writeCopySync('a', 'newer'), { owner: true, extended: false })
  assert.deepEqual(disk.attributes('/data/a'), kept)
  // write keeps rights only.
  await handle.write('a', 'newest')
  assert.equal(disk.attributes('/data/a').size, 0)
})

test('attributes for which there is no room fail the call, and the old file stays as it was', async () => {
  for (const [errno, list] of [
    ['ENOSPC', 'for two'],
    ['EDQUOT', undefined],
  ] as const) {
    const { disk, handle } = prepared()
    disk.setAttribute('/data/a', 'user.origin', 'here')
    disk.setAttribute('/data/a', LIST, list)
    const before = disk.attributes('/data/a')
    disk.faults = ({ kind }) => (kind === 'copyAttributes' ? { error: errno } : undefined)
    await assert.rejects(handle.writeCopy('a', 'new'), { code: 'ERR_FSYS_NO_SPACE', errno })
    if (list !== undefined) await assert.rejects(handle.write('a', 'new'), { code: 'ERR_FSYS_NO_SPACE', errno })
    disk.faults = undefined
    assert.equal(await handle.read('a').then(String), 'old')
    assert.deepEqual(disk.attributes('/data/a'), before)
    assert.deepEqual(disk.files(), ['/data/a'])
  }
})

test('a copy of a file with a list gets no more for the group than others have: the bits are a mask (F3)', async () => {
  const { disk, handle } = prepared()
  disk.setPermissions('/data/a', 0o664)
  await handle.copy('a', 'plain')
  assert.equal((await handle.stat('plain')).permissions, 0o664)
  disk.setAttribute('/data/a', LIST, 'for two')
  disk.setAttribute('/data/a', 'user.origin', 'here')
  await handle.copy('a', 'copy')
  assert.equal((await handle.stat('copy')).permissions, 0o644)
  assert.equal(disk.attributes('/data/copy').size, 0)
})

test('where a sandbox forbids to ask for lists, files are replaced as without the addon, and the handle says so', async () => {
  const { disk, handle, permissions } = prepared()
  disk.setPermissions('/data/a', 0o660)
  disk.faults = ({ kind }) => (kind === 'hasAccessList' ? { error: 'EPERM' } : undefined)
  assert.equal(handle.keepsAttributes, true)
  await handle.write('a', 'new')
  assert.equal(handle.keepsAttributes, false)
  assert.equal(permissions(), 0o660)
  await handle.copy('a', 'b')
  assert.equal((await handle.stat('b')).permissions, 0o660)
  assert.deepEqual(await handle.writeCopy('a', 'newer'), { owner: true, extended: false })
  // Another failure is one.
  const other = createHandle({ storage: disk.process(), root: '/data', mode: 'prod' })
  disk.faults = ({ kind }) => (kind === 'hasAccessList' ? { error: 'EIO' } : undefined)
  await assert.rejects(other.write('a', 'x'), { code: 'ERR_FSYS_IO' })
})

test('where nothing is known of attributes, the handle says so, and warns once of what may be lost', async (context) => {
  const warnings: string[] = []
  const onWarning = (warning: Error): void => void warnings.push(warning.message)
  process.on('warning', onWarning)
  context.after(() => process.off('warning', onWarning))
  const disk = new SimDisk({ attributes: false })
  const handle = createHandle({ storage: disk.process(), mode: 'dev' })
  assert.equal(handle.keepsAttributes, false)
  assert.equal(createHandle({ storage: new SimDisk().process() }).keepsAttributes, true)
  assert.equal(createHandle({ storage: new NodeStorage(), mode: 'prod' }).keepsAttributes, false)
  // Nothing that a list could take away is lost with these bits, and nobody has asked for more.
  await handle.write('/a', 'x', { mode: 0o644 })
  await handle.write('/a', 'y')
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(warnings, [])
  assert.deepEqual(await handle.writeCopy('/a', 'z'), { owner: true, extended: false })
  disk.setPermissions('/a', 0o660)
  await handle.write('/a', 'x')
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(warnings.length, 1)
  assert.match(warnings[0] ?? '', /access control lists of files that are replaced are lost/u)
})
