import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import { type Journal, openReader } from 'fsys'

import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { interposed, systemError } from '../support/interposed.js'
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

// The write of a full slot was refused at once, and who blocked in the same turn took it for one that had ended well: what it
// confirmed had a hole in it.
test('D1 D5: a write that has failed is not taken for written by one who blocks before that was heard', async (context) => {
  const path = join(temporaryDirectory(context), 'a.wal')
  let isFull = false
  const storage = interposed(({ name, isSync, path: of }) => {
    if (isFull && of === path && name === 'file.write' && !isSync) throw systemError('ENOSPC', -28)
  })
  const journal = await openJournal(path, { storage, logBufferBytes: 65_536 })
  const confirmed = await journal.commit('confirmed')
  isFull = true
  while (journal.nextLsn < 100_000) journal.append(Buffer.alloc(40))
  // No other engine leaves a full slot to a write that nobody awaits.
  if (journal.info.engine === 'portable') {
    journal.closeSync()
    return
  }
  assert.throws(() => journal.syncThroughSync(journal.nextLsn), { code: 'ERR_FSYS_NO_SPACE' })
  assert.equal(journal.durableLsn, confirmed)
  await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
  const next = await openJournal(path)
  assert.equal(next.info.recovery.cleanEnd, confirmed)
  await next.close()
})

test('D1: what failed while the journal was opened, to find out the alignment, is not told to one who blocks later', async () => {
  const storage = new SimDisk({ oneTrip: true, sectorBytes: 4096 }).process()
  const journal = await openJournal('/a.wal', { storage, direct: true })
  assert.equal(journal.info.isDirect, true)
  const committing = journal.commit('x')
  // The group has started.
  await new Promise((resolve) => storage.clock.soon(() => resolve(undefined)))
  const lsn = journal.append('y')
  assert.equal(journal.syncThroughSync(lsn), lsn)
  assert.ok((await committing) <= lsn)
  await journal.close()
})
