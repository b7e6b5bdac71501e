import assert from 'node:assert/strict'
import { chownSync, closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { NodeStorage } from '#src/storage/node-storage.js'

import { ACCESS_LIST, canSetAttributes, DEFAULT_LIST, extended, list } from '../support/extended.js'
import { provideDiskWithoutPlaces } from '../support/loop-disk.js'
import { temporaryDirectory } from '../support/temporary.js'
import { addonFor, Fault } from './support.js'

test('replaceFiles refuses what does not fit together, and reads past no end', (context) => {
  const addon = addonFor(context)
  if (addon === undefined) return
  const fd = openSync(temporaryDirectory(context), 'r')
  context.after(() => closeSync(fd))
  const names = Buffer.from('a\0.a\0')
  const wrong: readonly (readonly [table: number[], names: Uint8Array, contents: number])[] = [
    [[1, 0, 0], names, 1],
    [[1, 0, 0, 0], names, 2],
    [[2, 0, 0, 0], names, 1],
    [[-1, 0, 0, 0], names, 0],
    [[1, 0, 0, 0], Buffer.from('a\0.a'), 1],
    [[1, 0, 0, 0], Buffer.from('a\0.a\0b\0'), 1],
    [[1, 0, 0, 0], Buffer.alloc(0), 1],
    [Array.from({ length: 4 * 65 }, () => 0), Buffer.from('a\0b\0'.repeat(65)), 0],
  ]
  for (const [table, text, bytes] of wrong) {
    const call = (): unknown =>
      addon.replaceFiles(fd, Int32Array.from(table), text, Buffer.alloc(bytes), 0, () => undefined)
    assert.throws(call, RangeError, JSON.stringify(table.slice(0, 4)))
  }
})

test('replaceFiles: one that fails leaves the others alone, and no draft', async (context) => {
  const addon = addonFor(context)
  if (addon === undefined) return
  const base = temporaryDirectory(context)
  const directory = new NodeStorage({ addon }).openDirectorySync(base)
  context.after(() => directory.closeSync())
  for (const name of ['a', 'b', 'c']) writeFileSync(join(base, name), 'old')
  const files = ['a', 'b', 'c'].map((name) => ({
    name,
    draft: `.${name}`,
    content: Buffer.from('new'),
    permissions: 0o600,
  }))
  const contents = (): string[] =>
    readdirSync(base)
      .toSorted()
      .map((name) => `${name} ${readFileSync(join(base, name), 'utf8')}`)
  for (const [kind, errno, syscall] of [
    [Fault.write, 28, 'write'],
    [Fault.sync, 5, 'fdatasync'],
  ] as const) {
    addon.setFault(kind, 1, errno)
    const outcomes = await directory.replaceFiles?.(files, false)
    assert.deepEqual([outcomes?.[0], outcomes?.[2]], ['replaced', 'replaced'])
    const failure = outcomes?.[1] as NodeJS.ErrnoException
    assert.deepEqual([failure.errno, failure.syscall], [-errno, syscall])
    assert.deepEqual(contents(), ['a new', 'b old', 'c new'])
  }
  // Short writes go on.
  addon.setFault(Fault.shortWrite, 0, 1)
  assert.deepEqual(await directory.replaceFiles?.(files, true), ['replaced', 'replaced', 'replaced'])
  assert.deepEqual(contents(), ['a new', 'b new', 'c new'])
})

test('replaceFiles: F4 a draft that is there already is not touched, and its file neither', async (context) => {
  const addon = addonFor(context)
  if (addon === undefined) return
  const base = temporaryDirectory(context)
  const directory = new NodeStorage({ addon }).openDirectorySync(base)
  context.after(() => directory.closeSync())
  for (const name of ['a', '.a']) writeFileSync(join(base, name), 'old')
  const files = ['a', 'b'].map((name) => ({
    name,
    draft: `.${name}`,
    content: Buffer.from('new'),
    permissions: 0o600,
  }))
  const outcomes = await directory.replaceFiles?.(files, false)
  const failure = outcomes?.[0] as NodeJS.ErrnoException
  assert.deepEqual([failure.code, failure.syscall, outcomes?.[1]], ['EEXIST', 'openat', 'replaced'])
  assert.deepEqual(
    readdirSync(base)
      .toSorted()
      .map((name) => `${name} ${readFileSync(join(base, name), 'utf8')}`),
    ['.a old', 'a old', 'b new'],
  )
})

test('replaceFiles leaves files with an access control list, or of another group, as they are', async (context) => {
  const addon = addonFor(context)
  if (addon === undefined) return
  const base = temporaryDirectory(context)
  const at = (name: string): string => join(base, name)
  const names = ['plain', 'listed', 'of-another-group', 'also-plain']
  for (const name of names) writeFileSync(at(name), 'old')
  if (!canSetAttributes(context, at('listed'))) return
  chownSync(at('of-another-group'), 0, 5678)
  const directory = new NodeStorage({ addon }).openDirectorySync(base)
  context.after(() => directory.closeSync())
  const replace = (what: readonly string[]): Promise<unknown> | undefined =>
    directory.replaceFiles?.(
      what.map((name) => ({ name, draft: `.${name}`, content: Buffer.from('new'), permissions: 0o600 })),
      false,
    )
  extended(at('listed'), { [ACCESS_LIST]: list({ user: 6, users: { 1234: 6 }, group: 0, mask: 6, others: 0 }) })
  assert.deepEqual(await replace(names), ['replaced', 'not-plain', 'not-plain', 'replaced'])
  assert.deepEqual(
    names.map((name) => readFileSync(at(name), 'utf8')),
    ['new', 'old', 'old', 'new'],
  )
  // Drafts would get the list of the directory; a new file is to have it.
  extended(base, { [DEFAULT_LIST]: list({ user: 7, users: { 1234: 7 }, group: 5, mask: 7, others: 5 }) })
  assert.deepEqual(await replace(['plain', 'new']), ['not-plain', 'replaced'])
  assert.ok(ACCESS_LIST in extended(at('new')))
  assert.deepEqual(readdirSync(base).toSorted(), [...names, 'new'].toSorted())
})

// ext4 tells whoever begins the writeback that it has dropped the data, and the sync behind it answers that all is well: the
// draft took the name, and the file was empty.
test('F1: replaceFiles does not replace a file by a draft whose data the system has dropped', async (context) => {
  const addon = addonFor(context)
  if (addon === undefined) return
  const disk = provideDiskWithoutPlaces(context)
  if (disk === undefined) return
  const directory = new NodeStorage({ addon }).openDirectorySync(disk.path)
  try {
    const content = Buffer.alloc(50_000, 'n')
    const outcomes = await directory.replaceFiles?.([{ name: 'a', draft: '.a', content, permissions: 0o600 }], false)
    assert.match((outcomes?.[0] as NodeJS.ErrnoException | undefined)?.code ?? '', /^(?:EBADMSG|EUCLEAN|ENOSPC)$/u)
    assert.deepEqual(
      readdirSync(disk.path).filter((name) => name !== 'lost+found'),
      [],
    )
  } finally {
    directory.closeSync()
  }
})
