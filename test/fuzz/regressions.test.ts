import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { openJournal, openReader } from 'fsys'

import { KernelPool } from '#src/checksum/kernel-pool.js'

import { frame } from '../support/frames.js'
import { temporaryDirectory } from '../support/temporary.js'

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
})
