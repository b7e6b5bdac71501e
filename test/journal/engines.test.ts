import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { openReader } from 'fsys'

import { createKernel } from '#src/checksum/crc32c.js'
import { KernelPool } from '#src/checksum/kernel-pool.js'
import type { ChecksumEngine } from '#src/checksum/kernel.js'
import { nativeAddon } from '#src/platform/native-addon.js'

import { openJournal } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const engines: readonly ChecksumEngine[] =
  nativeAddon().addon === undefined ? ['wasm-simd', 'wasm', 'plain'] : ['native', 'wasm-simd', 'wasm', 'plain']
const payloads = ['', 'a', 'b'.repeat(64), 'c'.repeat(5000), 'd'.repeat(70_000), 'e'.repeat(3_000_000)]

function poolOf(engine: ChecksumEngine): KernelPool {
  return new KernelPool({ create: (areaBytes, offsetCount) => createKernel(areaBytes, offsetCount, engine) })
}

for (const engine of engines) {
  describe(`a journal with checksums by ${engine}`, () => {
    test('D1 D3: takes, confirms, recovers and gives records of all sizes, and says by what', async () => {
      const path = join(directory, `${engine}.wal`)
      const memory = poolOf(engine)
      for (let life = 0; life < 2; life++) {
        const journal = await openJournal(path, { memory })
        assert.equal(journal.info.checksum.inUse, engine)
        assert.equal(journal.info.checksum.reason === undefined, engine === 'native')
        assert.equal(journal.info.recovery.records, life * payloads.length)
        await Promise.all(payloads.map((payload) => journal.commit(payload)))
        await journal.close()
      }
      for (const reading of engines) {
        using reader = openReader(path, { memory: poolOf(reading) })
        assert.deepEqual(
          Array.from(reader, ({ payload }) => payload.length),
          [...payloads, ...payloads].map((payload) => payload.length),
        )
        assert.equal(reader.tailState, 'clean-end')
      }
    })
  })
}
