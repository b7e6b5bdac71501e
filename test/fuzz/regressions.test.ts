import assert from 'node:assert/strict'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'

import { openJournal, openReader } from 'fsys'

import { KernelPool, sharedKernelPool } from '#src/checksum/kernel-pool.js'
import { reset } from '#src/journal/reset.js'
import { owners } from '#src/platform/owners.js'
import { nodeStorage } from '#src/storage/node-storage.js'
import { run } from '#src/storage/steps.js'

import { fsys } from '../support/command.js'
import { frame, frames } from '../support/frames.js'
import { temporaryDirectory } from '../support/temporary.js'
import { JOURNAL_BIRTH_TIME, JOURNAL_INODE } from './input.js'
import { MemoryStorage } from './memory-storage.js'
import { markOf, slotOf } from './reference-mark.js'

// What fuzzing has found, each told once more in the open.

describe('found by fuzzing', () => {
  test('D7: zeros and the beginning of a header at the end of the file are a torn tail, whatever was read before', async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    // All of this is in the memory that the next reader gets, the rest of a magic at 513 among it.
    const memory = new KernelPool()
    writeFileSync(path, Buffer.concat([frame('x'.repeat(512 - 12)), frame('one')]))
    const earlier = openReader(path, { memory })
    earlier.scan(() => {})
    earlier.close()

    writeFileSync(path, Buffer.concat([frame('one'), Buffer.alloc(512 - 15), Buffer.from('F')]))
    using reader = openReader(path, { memory })
    reader.scan(() => {})
    assert.deepEqual([reader.position, reader.tailState, reader.gapSuspected], [15, 'truncated-header', false])
    const journal = await openJournal(path, { memory })
    assert.equal(journal.info.recovery.cleanEnd, 15)
    await journal.close()
  })

  test('D7: a last record whose checksum ends in a zero is saved whole, and counted', async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    // One in 256 is such a record.
    const zeroEnded = Array.from({ length: 2000 }, (_, index) => frame(`record ${index}`)).find(
      (bytes) => bytes.at(-1) === 0,
    )
    assert.ok(zeroEnded)
    const tail = Buffer.concat([Buffer.from('garbage'), zeroEnded])
    writeFileSync(path, Buffer.concat([frame('one'), tail, Buffer.alloc(100)]))
    const journal = await openJournal(path, { onDamage: 'cut' })
    const { savedTail } = journal.info.recovery
    assert.equal(savedTail?.validFrames, 1)
    assert.equal(savedTail.bytes, tail.length)
    assert.ok(readFileSync(savedTail.path).equals(tail))
    await journal.close()
  })

  test('D7: what is saved of a journal that starts over is that journal, its last record too', async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const records = Array.from({ length: 2000 }, (_, index) => `record ${index}`)
    const last = records.findIndex((record) => frame(record).at(-1) === 0)
    writeFileSync(path, frames(...records.slice(0, last + 1)))
    const options = { storage: nodeStorage, memory: sharedKernelPool, force: false, fileMode: 0o600 }
    const { saved } = await run(reset(path, options))
    using reader = openReader(String(saved?.path))
    assert.deepEqual([reader.scan(() => {}), reader.tailState], [last + 1, 'clean-end'])
    assert.equal(saved?.validFrames, last + 1)
  })

  test('D7: a mark with numbers that no journal has proves nothing, and is replaced', async () => {
    for (const sequence of [2n ** 52n + 1n, 2n ** 53n, 2n ** 64n - 1n]) {
      for (const durableLsn of [5n, 2n ** 53n, 2n ** 64n - 1n]) {
        const storage = new MemoryStorage()
        storage.put('/fuzz/a.wal', frame('one'))
        const binding = { inode: JOURNAL_INODE, birthTime: JOURNAL_BIRTH_TIME }
        storage.put('/fuzz/a.wal.mark', slotOf({ sequence, ...binding, gapFreeLsn: 0n, durableLsn }))
        const journal = await openJournal('/fuzz/a.wal', { storage, onDamage: 'cut' })
        await journal.commit('two')
        assert.deepEqual(journal.info.mark, { inUse: 'on' })
        await journal.close()
        const mark = markOf(storage.image('/fuzz/a.wal.mark'), JOURNAL_INODE, JOURNAL_BIRTH_TIME)
        assert.equal(mark?.durableLsn, 30n)
      }
    }
  })

  test("D8: locks of the dead that name each other's tokens are refused, and end the search", async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const lock = (token: string): string => JSON.stringify({ ...owners.self(), boot: 'an earlier one', token })
    for (const names of [['itself'], ['a', 'b'], ['a', 'b', 'c']]) {
      writeFileSync(`${path}.lock`, lock(names[0] as string))
      for (const [index, name] of names.entries()) {
        writeFileSync(`${path}.lock.${name}`, lock(names[(index + 1) % names.length] as string))
      }
      const before = readdirSync(dirname(path))
      await assert.rejects(openJournal(path), { code: 'ERR_FSYS_LOCKED' })
      assert.deepEqual(readdirSync(dirname(path)), before)
    }
  })

  test('D7: a dry run of a repair says what it would do where nothing valid stands behind a gap that is to be crossed', async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    writeFileSync(path, Buffer.concat([frame('one'), Buffer.alloc(512 - 15), frame('two').subarray(0, -1)]))
    const dry = await fsys('repair', '--dry-run', '--json', '--gaps', 'skip', path)
    const done = await fsys('repair', '--yes', '--json', '--gaps', 'skip', path)
    assert.deepEqual([dry.status, done.status], [0, 0], dry.stderr)
    assert.deepEqual({ ...JSON.parse(dry.text), isDone: true }, JSON.parse(done.text))
  })
})
