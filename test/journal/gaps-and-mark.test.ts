import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { openReader } from 'fsys'

import { frame } from '../support/frames.js'
import { openJournal } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'

const texts = (path: string, gaps: 'refuse' | 'skip'): string[] => {
  using reader = openReader(path, { gaps })
  return Array.from(reader, ({ payload }) => payload.toString())
}

/** Records with zeros between them, up to a multiple of 512, as older direct-mode writers left them. */
const gapped = (...records: string[]): Buffer =>
  Buffer.concat(records.map((record) => Buffer.concat([frame(record), Buffer.alloc(512)]).subarray(0, 512)))

test('a reader knows from the mark which gaps are history: it crosses these unasked, and no others though asked', async (context) => {
  const path = join(temporaryDirectory(context), 'a.wal')
  writeFileSync(path, gapped('one', 'two'))
  assert.deepEqual(texts(path, 'refuse'), ['one'], 'without a mark, a gap ends the reading')
  assert.deepEqual(texts(path, 'skip'), ['one', 'two'])

  const journal = await openJournal(path, { gaps: 'skip' })
  await journal.commit('three')
  await journal.close()
  assert.deepEqual(texts(path, 'refuse'), ['one', 'two', 'three'])

  // A power cut loses a page of what was not confirmed, and keeps the next: D3, nothing behind a hole is given.
  const kept = readFileSync(path)
  const hole = Buffer.alloc(512 - (kept.length % 512))
  writeFileSync(path, Buffer.concat([kept, hole, frame('behind a hole')]))
  for (const gaps of ['refuse', 'skip'] as const) assert.deepEqual(texts(path, gaps), ['one', 'two', 'three'])
})
