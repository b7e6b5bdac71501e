import assert from 'node:assert/strict'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { createHandle } from '#src/handle/handle.js'
import { defaultStorage } from '#src/storage/default-storage.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import type { Storage } from '#src/storage/storage.js'

import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

// The fast path of batches as it really is, of which the simulated disk has a model, beside the slow one.

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
