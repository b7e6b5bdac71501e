import assert from 'node:assert/strict'
import {
  chmodSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createHandle } from '#src/handle/handle.js'
import { type NativeAddon, loadNativeAddon, nativeAddon } from '#src/platform/native-addon.js'
import { defaultStorage } from '#src/storage/default-storage.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import type { Storage } from '#src/storage/storage.js'

import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

// The fast path of batches, which the simulated disk does not have, beside the slow one, which is proven there.

/** A directory with one of each, and what a batch makes of it: the files, and what failed. */
async function outcomeOn(storage: Storage, base: string): Promise<unknown> {
  mkdirSync(base)
  const at = (name: string): string => join(base, name)
  for (const [name, mode] of [
    ['plain', 0o644],
    ['private', 0o600],
    ['read-only', 0o444],
    ['open', 0o666],
    ['setuid', 0o4755],
  ] as const) {
    writeFileSync(at(name), 'old')
    chmodSync(at(name), mode)
  }
  mkdirSync(at('directory'))
  symlinkSync('plain', at('link'))
  symlinkSync('nowhere', at('dangling'))
  const handle = createHandle({ storage, root: base, mode: 'prod' })
  const names = [
    'plain',
    'private',
    'read-only',
    'open',
    'setuid',
    'directory',
    'link',
    'dangling',
    'new',
    'é\u{1f600}',
    'n'.repeat(256),
  ]
  const umask = process.umask(0o027)
  const failed: unknown[] = []
  try {
    // Each of them stops a batch: those that do not fail come together, and the others with one that does not.
    const good = names.filter((name) => name !== 'directory' && name.length < 256)
    await handle.writeBatch(
      good.map((name, index) => [name, index % 3 === 0 ? '' : Buffer.from(`new ${name}`)]),
      { mode: 0o666 },
    )
    for (const bad of ['directory', 'n'.repeat(256)]) {
      await handle
        .writeBatch([
          [bad, 'x'],
          ['plain', 'x'],
        ])
        .catch((error: { failed: { error: { code: string; errno: string } }[] }) => {
          failed.push(error.failed.map(({ error: { code, errno } }) => [code, errno]))
        })
    }
  } finally {
    process.umask(umask)
    handle.close()
  }
  const left = readdirSync(base).toSorted()
  const files = left.map((name) => {
    const facts = lstatSync(at(name))
    return [name, facts.mode, facts.isFile() ? readFileSync(at(name), 'utf8') : undefined]
  })
  return { files, failed }
}

test('files that are replaced in one trip are what they are when they are replaced one by one', async (context) => {
  const base = temporaryDirectory(context)
  const fast = defaultStorage(false)
  const probe = fast.openDirectorySync(base)
  context.after(() => probe.closeSync())
  if (probe.replaceFiles === undefined) return unavailable(context, 'there is no addon')
  const [one, other] = [
    await outcomeOn(fast, join(base, 'fast')),
    await outcomeOn(new NodeStorage(), join(base, 'slow')),
  ]
  assert.deepEqual(one, other)
})

test('a directory that is closed replaces nothing', async (context) => {
  const directory = defaultStorage(false).openDirectorySync(temporaryDirectory(context))
  directory.closeSync()
  if (directory.replaceFiles === undefined) return unavailable(context, 'there is no addon')
  const file = { name: 'a', draft: '.a', content: Buffer.from('x'), permissions: 0o600 }
  await assert.rejects(async () => await directory.replaceFiles?.([file], false), { code: 'EBADF' })
})

test('the addon refuses what does not fit together, and reads past no end', (context) => {
  const { addon } = nativeAddon()
  if (addon === undefined) return unavailable(context, 'there is no addon')
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

test('one that fails leaves the others alone, and no draft', async (context) => {
  const path = 'build/native/fsys.faults.node'
  let addon: NativeAddon & { setFault?: (kind: number, goodOnes: number, value: number) => void }
  try {
    addon = loadNativeAddon(join(process.cwd(), path))
  } catch (error) {
    return unavailable(context, `${path}: ${(error as Error).message}`)
  }
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
    [1, 28, 'write'],
    [2, 5, 'fdatasync'],
  ] as const) {
    addon.setFault?.(kind, 1, errno)
    const outcomes = await directory.replaceFiles?.(files, false)
    assert.deepEqual([outcomes?.[0], outcomes?.[2]], ['replaced', 'replaced'])
    const failure = outcomes?.[1] as NodeJS.ErrnoException
    assert.deepEqual([failure.errno, failure.syscall], [-errno, syscall])
    assert.deepEqual(contents(), ['a new', 'b old', 'c new'])
  }
  // Short writes go on.
  addon.setFault?.(0, 0, 1)
  assert.deepEqual(await directory.replaceFiles?.(files, true), ['replaced', 'replaced', 'replaced'])
  assert.deepEqual(contents(), ['a new', 'b new', 'c new'])
})
