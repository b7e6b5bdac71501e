import assert from 'node:assert/strict'
import { cpSync, existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'

import { asLsn, openReader } from 'fsys'
import type { ReaderOptions } from 'fsys'

import { openJournal } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'
import { compatFolder, digest, parseReading } from './crate-program.js'
import type { Reading } from './crate-program.js'

// Journals that the crate wrote, committed: these tests need no Rust.

const fixtures = join(compatFolder, 'fixtures')
const directory = temporaryDirectory()

function read(path: string, options: ReaderOptions): Reading & { readonly isGapSuspected: boolean } {
  using reader = openReader(path, options)
  const records = Array.from(reader, ({ lsn, payload }) => `record ${lsn} ${payload.length} ${digest(payload)}`)
  return {
    records,
    tailState: String(reader.tailState),
    position: reader.position,
    isGapSuspected: reader.gapSuspected,
  }
}

/** Behind the zeros of this one stands no valid frame, so they are its tail, though both versions walk over them. */
const TAIL_BEHIND_ZEROS = '0.9.0/torn-after-zeros.wal'

for (const version of ['0.9.0', '1.1.3']) {
  describe(`journals that the crate ${version} wrote`, () => {
    for (const name of readdirSync(join(fixtures, version)).filter((file) => file.endsWith('.wal'))) {
      const path = join(fixtures, version, name)
      const stem = path.slice(0, -'.wal'.length)
      // The newest version reads what older ones left as FORMAT.md says, with gaps skipped.
      const expectedFile = existsSync(`${stem}.by-1.1.3.txt`) ? `${stem}.by-1.1.3.txt` : `${stem}.txt`
      const expected = parseReading(readFileSync(expectedFile, 'utf8'))

      test(`${name} is read with its gaps skipped`, () => {
        const found = read(path, { gaps: 'skip' })
        assert.deepEqual(found.records, expected.records)
        if (`${version}/${name}` === TAIL_BEHIND_ZEROS) {
          assert.equal(found.tailState, 'truncated-header')
          assert.ok(found.isGapSuspected)
        } else {
          assert.equal(found.tailState, expected.tailState)
          assert.equal(found.position, expected.position)
        }
      })

      test(`D2 ${name} without skipping gives a prefix of it`, () => {
        const found = read(path, {})
        assert.deepEqual(found.records, expected.records.slice(0, found.records.length))
        if (found.records.length < expected.records.length) assert.ok(found.isGapSuspected)
      })

      test(`D6 ${name} is taken over, and what is appended then is read`, async () => {
        const copy = join(directory, `${version}-${name}`)
        cpSync(path, copy)
        const before = read(copy, { gaps: 'skip' })
        const journal = await openJournal(copy, { gaps: 'skip', onDamage: 'cut' })
        assert.equal(journal.durableLsn, before.position)
        const lsn = await journal.commit('taken over')
        await journal.close()
        const after = read(copy, { gaps: 'skip' })
        assert.deepEqual(after.records.slice(0, -1), before.records)
        assert.equal(after.tailState, 'clean-end')
        assert.equal(after.position, lsn)
        using reader = openReader(copy, { gaps: 'skip' })
        assert.equal(reader.readAt(asLsn(before.position)).payload.toString(), 'taken over')
      })
    }
  })
}

describe('tails, as FORMAT.md judges them', () => {
  const lines = readFileSync(join(fixtures, 'tails', 'format.txt'), 'utf8')
    .trimEnd()
    .split('\n')
  for (const line of lines.filter((text) => !text.startsWith('#'))) {
    const [name, records, tailState, position, , ...skipped] = line.split(' ')
    const path = join(fixtures, 'tails', `${name}.wal`)

    test(`${basename(path)}: ${tailState} at ${position}`, () => {
      const found = read(path, {})
      assert.deepEqual(
        [found.records.length, found.tailState, found.position],
        [Number(records), tailState, Number(position)],
      )
      if (skipped.length > 0) assert.ok(found.isGapSuspected)
    })

    test(`${basename(path)} with gaps skipped: ${skipped.join(' ') || 'the same'}`, () => {
      const found = read(path, { gaps: 'skip' })
      const [skippedRecords, skippedState, skippedPosition] =
        skipped.length > 0 ? skipped : [records, tailState, position]
      assert.deepEqual(
        [found.records.length, found.tailState, found.position],
        [Number(skippedRecords), skippedState, Number(skippedPosition)],
      )
    })
  }
})
