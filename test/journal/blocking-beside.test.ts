import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { type Journal, openReader } from 'fsys'

import { openJournal } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

// What a blocking call does while a group is on its way to the disk.

for (const mode of ['cached', 'direct'] as const) {
  suite(`a blocking call beside a group, ${mode}`, () => {
    for (const [name, call] of [
      ['flushSync', (journal: Journal) => journal.flushSync()],
      ['syncThroughSync', (journal: Journal) => journal.syncThroughSync(journal.nextLsn)],
      ['closeSync', (journal: Journal) => journal.closeSync()],
    ] as const) {
      test(`D1 D4b: ${name} needs no promise, or is refused with nothing done where it would have to wait`, async (context) => {
        const path = join(temporaryDirectory(context), 'a.wal')
        const journal = await openJournal(path, { direct: mode === 'direct' })
        if (journal.info.isDirect !== (mode === 'direct')) {
          await journal.close()
          return unavailable(context, 'this file system has no direct I/O')
        }
        const isRefused = mode === 'direct' && journal.info.engine === 'portable'
        for (let round = 0; round < (name === 'closeSync' ? 1 : 20); round++) {
          const committing = journal.commit(`group ${round}`)
          const flushing = round % 3 === 0 ? journal.flush() : undefined
          // The group has started.
          await new Promise((resolve) => process.nextTick(resolve))
          const late = journal.append(`late ${round}`)
          if (isRefused) {
            assert.throws(() => call(journal), { code: 'ERR_FSYS_BUSY' })
            assert.equal(journal.append('still open'), journal.nextLsn)
          } else {
            call(journal)
            assert.ok(journal.writtenLsn >= late)
            if (name !== 'flushSync') assert.ok(journal.durableLsn >= late)
          }
          assert.ok((await committing) < late)
          await flushing
        }
        const { nextLsn } = journal
        await journal.close()
        assert.equal(journal.durableLsn, nextLsn)
        using reader = openReader(path)
        const found = Array.from(reader, ({ payload }) => payload.toString())
        assert.deepEqual(
          found.filter((text) => text !== 'still open'),
          Array.from({ length: found.filter((text) => text.startsWith('group')).length }, (_, round) => [
            `group ${round}`,
            `late ${round}`,
          ]).flat(),
        )
      })
    }
  })
}
