import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

import { openReader } from 'fsys'

import { faultAt } from '#src/storage/sim/faults.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { frame } from '../support/frames.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'

// Odd but legal ways to use a journal that once got a wrong answer, or none.

test('D1: closeSync syncs, also while close is waiting', async (context) => {
  const journal = await openJournal(join(temporaryDirectory(context), 'a.wal'))
  journal.append('x')
  const closing = journal.close()
  journal.closeSync()
  assert.equal(journal.durableLsn, 13)
  await closing
})

test("D1: closeSync in an exit handler that runs behind the journal's own syncs", (context) => {
  const path = join(temporaryDirectory(context), 'a.wal')
  const program = `
    import { openJournal } from 'fsys'
    const journal = await openJournal(${JSON.stringify(path)})
    process.on('exit', () => { journal.closeSync(); console.log(journal.durableLsn) })
    journal.append('x')`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.deepEqual([stdout, stderr], ['13\n', ''])
})

test("D7: a journal cannot have the name of another journal's mark or lock, which making that one would remove", async (context) => {
  const directory = temporaryDirectory(context)
  for (const name of ['a.mark', 'a.lock', 'a.mark.new']) {
    const code = 'ERR_FSYS_INVALID_ARGUMENT'
    await assert.rejects(openJournal(join(directory, name)), { name: 'TypeError', code })
    assert.throws(() => openJournalSync(join(directory, name)), { name: 'TypeError', code })
  }
})

test('D3: a reader that is tried again after a failed read gives nothing from behind a hole', () => {
  const disk = new SimDisk({ seed: 1 })
  disk.makeDirectory('/data')
  const storage = disk.process()
  const file = storage.openSync('/data/a.wal', 'create')
  const record = frame('r'.repeat(2 ** 16 - 12))
  // Eight records, a hole up to where a reader's second chunk begins, and eight more that only look like a continuation.
  for (let index = 0; index < 16; index++) {
    const position = index < 8 ? index * 2 ** 16 : 2 ** 20 + (index - 8) * 2 ** 16
    for (let done = 0; done < record.length;) done += file.writeSync(record.subarray(done), position + done)
  }
  file.closeSync()
  for (let failing = 0; failing < 12; failing++) {
    using reader = openReader('/data/a.wal', { storage })
    disk.faults = faultAt(disk.operationCount + failing, { error: 'EIO' })
    let given = 0
    for (let attempt = 0; attempt < 3; attempt++) {
      try {
        reader.scan(() => void given++)
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'ERR_FSYS_IO')
      }
    }
    disk.faults = undefined
    assert.deepEqual([given, reader.position, reader.tailState], [8, 2 ** 19, 'truncated-header'], `read ${failing}`)
  }
})

test('D1 D4: a record whose length is not its own is refused, and nothing is lost by it', async (context) => {
  class Loose extends Uint8Array {
    override get length(): number {
      return Number.NaN
    }
  }
  const journal = await openJournal(join(temporaryDirectory(context), 'a.wal'))
  const lsn = journal.append('staged before')
  for (const record of [new Loose(4), new Loose(0)]) {
    assert.throws(() => journal.append(record), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
    assert.throws(() => journal.appendBatch([record]), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
  }
  assert.equal(await journal.syncThrough(lsn), 25)
  await journal.close()
})

test("an oversize record's class does not come in the way of its bytes", async (context) => {
  class Sized extends Uint8Array {
    // As many classes do, it takes a length only, where `subarray` would give a buffer.
    constructor(length: number) {
      super(new ArrayBuffer(length))
    }
  }
  const journal = await openJournal(join(temporaryDirectory(context), 'a.wal'), { logBufferBytes: 4096 })
  assert.equal(await journal.commit(new Sized(10_000)), 10_012)
  await journal.close()
})

test('a batch that is no list of records, and a scan without a function, have a code and change nothing', async (context) => {
  const path = join(temporaryDirectory(context), 'a.wal')
  const journal = await openJournal(path)
  for (const batch of ['hello', 42, undefined, null, {}]) {
    assert.throws(() => journal.appendBatch(batch as never), { name: 'TypeError', code: 'ERR_FSYS_INVALID_ARGUMENT' })
  }
  assert.equal(journal.nextLsn, 0)
  await journal.commit('x')
  await journal.close()
  using reader = openReader(path)
  assert.throws(() => reader.scan(undefined as never), { name: 'TypeError', code: 'ERR_FSYS_INVALID_ARGUMENT' })
  assert.equal(
    reader.scan(() => {}),
    1,
  )
})

test("an aborted open rejects with the signal's reason, whatever that is", async (context) => {
  const path = join(temporaryDirectory(context), 'a.wal')
  for (const reason of [null, 'enough', Object.assign(new Error('gone'), { code: 'ECONNRESET', errno: -104 })]) {
    const outcome = await openJournal(path, { signal: AbortSignal.abort(reason) }).catch((error: unknown) => error)
    assert.equal(outcome, reason)
  }
})
