import assert from 'node:assert/strict'
import { copyFileSync, lstatSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { openReader } from 'fsys'

import { frame } from '../support/frames.js'
import { interposed, systemError } from '../support/interposed.js'
import { noMarks } from '../support/marks.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
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

const onMarks = { skip: noMarks }

test(
  'a mark of another file is replaced, though it may only be read; one of this file must be one to write to',
  onMarks,
  async (context) => {
    const directory = temporaryDirectory(context)
    const [path, copy] = [join(directory, 'a.wal'), join(directory, 'copy.wal')]
    const original = await openJournal(path)
    await original.commit('one')
    await original.close()
    // Restored from a backup by somebody else, say.
    for (const end of ['', '.mark']) copyFileSync(path + end, copy + end)
    for (const errno of ['EACCES', 'EPERM', 'EROFS'] as const) {
      const storage = interposed((call) => {
        if (call.name === 'open' && call.path.endsWith('.mark') && call.values[1] === 'write') throw systemError(errno)
      })
      for (const open of [openJournal, openJournalSync]) {
        // The mark of the one is made anew each time, and is that of another file again.
        copyFileSync(`${path}.mark`, `${copy}.mark`)
        const journal = await open(copy, { storage })
        assert.equal(journal.info.recovery.records, 1)
        await journal.close()
        await assert.rejects(async () => await open(path, { storage }), { errno })
      }
    }
  },
)

test(
  'a new journal takes away whatever stands at the path of its mark: a link that leads in a circle, too',
  onMarks,
  async (context) => {
    const directory = temporaryDirectory(context)
    for (const open of [openJournal, openJournalSync]) {
      const path = join(directory, `${open.name}.wal`)
      symlinkSync(`${open.name}.wal.mark`, `${path}.mark`)
      const journal = await open(path)
      await journal.close()
      assert.equal(lstatSync(`${path}.mark`).isFile(), true)
    }
  },
)
