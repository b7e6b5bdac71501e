import assert from 'node:assert/strict'
import { statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { Attributes } from '#src/platform/native-addon.js'

import { ACCESS_LIST, canSetAttributes, DEFAULT_LIST, extended, list } from '../support/extended.js'
import { mountSmall } from '../support/mounts.js'
import { addonFor, diskDirectory, errno, type FaultyAddon, openFile, outcomeOf } from './support.js'

// Extended attributes by the addon: what it copies and leaves out, and how it says what stands in the way.

const NO_FILE = 2 ** 31 - 1
const LIST = list({ user: 6, users: { 1234: 4 }, group: 0, mask: 4, others: 0 })

interface Bench {
  readonly addon: FaultyAddon
  readonly directory: string
  readonly from: string
  readonly to: string
  /** Gives `to` what `from` has, in both ways, and expects the same of both. */
  readonly copy: (kind: number, path?: string, target?: number) => Promise<number>
}

function benchFor(context: TestContext, directory: string = diskDirectory(context)): Bench | undefined {
  const addon = addonFor(context)
  if (addon === undefined) return undefined
  const [from, to] = [join(directory, 'from'), join(directory, 'to')]
  writeFileSync(join(directory, 'trial'), '')
  if (!canSetAttributes(context, join(directory, 'trial'))) return undefined
  const fd = openFile(context, to)
  openFile(context, from)
  return {
    addon,
    directory,
    from,
    to,
    async copy(kind, path = from, target = fd) {
      const result = addon.copyAttributesSync(bytesOf(path), target, kind)
      const waiting = await outcomeOf((callback) => addon.copyAttributes(bytesOf(path), target, kind, callback))
      assert.equal(waiting.result, result)
      return result
    },
  }
}

function bytesOf(path: string): Uint8Array {
  return Buffer.from(`${path}\0`)
}

test('an access control list is found, of a file and for what is made in a directory', async (context) => {
  const bench = benchFor(context)
  if (bench === undefined) return
  const { addon, from, directory } = bench
  const has = (path: string, isDefault = 0): number => addon.hasAccessListSync(bytesOf(path), isDefault)
  assert.deepEqual([has(from), has(directory), has(directory, 1)], [0, 0, 0])
  extended(from, { [ACCESS_LIST]: LIST })
  extended(directory, { [DEFAULT_LIST]: LIST })
  assert.deepEqual([has(from), has(directory), has(directory, 1)], [1, 0, 1])
  // Links are not followed, and have none.
  symlinkSync(from, join(directory, 'link'))
  assert.equal(has(join(directory, 'link')), 0)
  assert.equal(has(join(directory, 'none')), errno('ENOENT'))
  assert.equal(has(join(from, 'none')), errno('ENOTDIR'))
  // A file system that knows none.
  assert.equal(has('/proc/self/status'), 0)
})

test('an access control list is given, and taken away', async (context) => {
  const bench = benchFor(context)
  if (bench === undefined) return
  const { from, to, directory, copy } = bench
  extended(from, { [ACCESS_LIST]: LIST, 'user.a': '01' })
  assert.equal(await copy(Attributes.accessList), 0)
  assert.deepEqual(extended(to), { [ACCESS_LIST]: LIST })
  assert.equal(statSync(to).mode & 0o777, 0o640)
  const plain = join(directory, 'plain')
  writeFileSync(plain, '')
  // A list that has gone meanwhile, or its file, cannot be given.
  for (const none of [plain, join(directory, 'none')]) assert.equal(await copy(Attributes.accessList, none), 1)
  assert.deepEqual(extended(to), { [ACCESS_LIST]: LIST })
  for (let time = 0; time < 2; time++) assert.equal(await copy(Attributes.noAccessList), 0)
  assert.deepEqual(extended(to), {})
})

test('the others are given, but for what speaks of the content and the inode that were', async (context) => {
  const bench = benchFor(context)
  if (bench === undefined) return
  const { from, to, directory, copy } = bench
  const given = { 'user.a': '01', 'user.empty': '', 'trusted.b': '02', 'security.c': 'ff'.repeat(2000) }
  extended(from, { ...given, [ACCESS_LIST]: LIST, 'trusted.overlay.origin': '03', 'trusted.SGI_ACL_FILE': '04' })
  assert.equal(await copy(Attributes.others), 0)
  assert.deepEqual(extended(to), given)
  // What the file has already stays.
  extended(to, { 'user.own': '04' })
  assert.equal(await copy(Attributes.others), 0)
  assert.deepEqual(extended(to), { ...given, 'user.own': '04' })
  assert.equal(await copy(Attributes.others, join(directory, 'none')), 0)
  assert.equal(await copy(Attributes.others, '/proc/self/status'), 0)
})

test('what a file system does not know is left out, and said', async (context) => {
  const bench = benchFor(context)
  if (bench === undefined) return
  const { from, copy } = bench
  extended(from, { 'user.a': '01', [ACCESS_LIST]: LIST })
  const other = openFile(context, '/proc/self/comm')
  assert.equal(await copy(Attributes.others, from, other), 1)
  assert.equal(await copy(Attributes.accessList, from, other), 1)
})

test('attributes say what stands in the way: a full disk, a closed file', async (context) => {
  const bench = benchFor(context)
  const small = bench && mountSmall(context, 'ext4', 1)
  if (bench === undefined || small === undefined) return
  const { from, copy } = bench
  assert.equal(await copy(Attributes.noAccessList, from, NO_FILE), errno('EBADF'))
  extended(from, { 'user.large': 'ab'.repeat(3000), [ACCESS_LIST]: LIST })
  assert.equal(await copy(Attributes.others, from, NO_FILE), errno('EBADF'))
  assert.equal(await copy(Attributes.accessList, from, NO_FILE), errno('EBADF'))
  // Here, blocks have 1024 bytes, and what does not fit into one is refused as if the disk were full.
  assert.equal(await copy(Attributes.others, from, openFile(context, join(small, 'file'))), errno('ENOSPC'))
})

test('paths and kinds that are none are refused', (context) => {
  const addon = addonFor(context)
  if (addon === undefined) return
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('a'),
    Buffer.from('a\0b\0'),
    Buffer.alloc(5000, 'a').fill(0, 4999),
  ]) {
    assert.throws(() => addon.hasAccessListSync(bytes, 0), RangeError)
    assert.throws(() => addon.copyAttributesSync(bytes, 0, 0), RangeError)
    assert.throws(() => addon.copyAttributes(bytes, 0, 0, () => undefined), RangeError)
  }
  for (const kind of [-1, 3]) assert.throws(() => addon.copyAttributesSync(bytesOf('a'), 0, kind), RangeError)
  for (const wrong of [undefined, 'a', 1]) {
    assert.throws(() => addon.hasAccessListSync(wrong as unknown as Uint8Array, 0), TypeError)
    assert.throws(() => addon.copyAttributes(bytesOf('a'), 0, 0, wrong as unknown as () => void), TypeError)
  }
  assert.throws(() => addon.copyAttributesSync(bytesOf('a'), Number.NaN, 0), TypeError)
})
