import assert from 'node:assert/strict'
import { readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { openReader } from 'fsys'
import type { JournalOptions } from 'fsys'

import { openJournal } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'
import { buildPrograms, compatFolder, digest, parsePlan, parseReading, payload } from './crate-program.js'

// Both directions with the crate itself. Where it cannot be built, fixtures.test.ts still reads what it wrote once; that
// the crate reads what this project writes is then NOT RUN, and counts as skipped.

const directory = temporaryDirectory()
const built = buildPrograms()
const programs = 'reason' in built ? [] : built
if ('reason' in built) {
  test('NOT RUN: the crate reads what this project writes', { skip: `NOT RUN: ${built.reason}` }, () => {})
}

const planFolder = join(compatFolder, 'plans')
const plans = readdirSync(planFolder).map((file) => ({
  name: file.slice(0, -'.plan'.length),
  path: join(planFolder, file),
  operations: parsePlan(readFileSync(join(planFolder, file), 'utf8')),
}))

/** Follows a plan with a journal of this project. Returns the lines that the crate's reader should print for it. */
async function follow(path: string, plan: (typeof plans)[number], options: JournalOptions = {}): Promise<string[]> {
  const journal = await openJournal(path, options)
  const expected: string[] = []
  try {
    for (const operation of plan.operations) {
      if (operation.kind === 'sync') {
        // oxlint-disable-next-line no-await-in-loop
        await journal.syncThrough(journal.nextLsn)
        continue
      }
      const payloads = (operation.kind === 'batch' ? operation.records : [operation.record]).map(payload)
      let lsn: number = journal.nextLsn
      const end = operation.kind === 'batch' ? journal.appendBatch(payloads) : journal.append(payloads[0] as Uint8Array)
      for (const bytes of payloads) {
        expected.push(`record ${lsn} ${bytes.length} ${digest(bytes)}`)
        lsn += bytes.length + 12
      }
      assert.equal(end, lsn)
    }
  } finally {
    await journal.close()
  }
  return expected
}

function readOurs(
  path: string,
  gaps: 'refuse' | 'skip' = 'refuse',
): { records: string[]; tailState: string; position: number } {
  using reader = openReader(path, { gaps })
  const records = Array.from(reader, ({ lsn, payload: bytes }) => `record ${lsn} ${bytes.length} ${digest(bytes)}`)
  return { records, tailState: String(reader.tailState), position: reader.position }
}

for (const program of programs) {
  const { version } = program

  for (const plan of plans) {
    for (const logBufferBytes of [4096, 2 ** 20]) {
      test(`the crate ${version} reads the plan ${plan.name} as this project wrote it, buffers of ${logBufferBytes}`, async () => {
        const path = join(directory, `ours-${version}-${plan.name}-${logBufferBytes}.wal`)
        const expected = await follow(path, plan, { logBufferBytes })
        const found = parseReading(program.run('read', path))
        assert.deepEqual(found.records, expected)
        assert.equal(found.tailState, 'clean-end')
        assert.deepEqual(readOurs(path).records, expected)
      })
    }

    test(`the crate ${version} and this project write the plan ${plan.name} to the byte`, async () => {
      const ours = join(directory, `bytes-ours-${version}-${plan.name}.wal`)
      const theirs = join(directory, `bytes-theirs-${version}-${plan.name}.wal`)
      await follow(ours, plan)
      program.run('write', theirs, '--plan', plan.path)
      assert.deepEqual(readFileSync(ours), readFileSync(theirs))
    })

    for (const mode of ['buffered', 'direct']) {
      test(`this project reads the plan ${plan.name} as the crate ${version} wrote it, ${mode}`, () => {
        const path = join(directory, `theirs-${version}-${plan.name}-${mode}.wal`)
        const flags = mode === 'direct' ? ['--direct', '--buffer-kib', '4'] : []
        const written = program.run('write', path, '--plan', plan.path, ...flags)
        const lengths = Array.from(written.matchAll(/^record \d+ (\d+) \d+$/gmu), ([, length]) => Number(length))
        const found = readOurs(path, 'skip')
        assert.deepEqual(
          found.records.map((line) => Number(line.split(' ')[2])),
          lengths,
        )
        assert.equal(found.tailState, 'clean-end')
      })
    }
  }

  test(`the crate ${version} and this project take turns on one journal`, async () => {
    const path = join(directory, `turns-${version}.wal`)
    const sizes = plans.find(({ name }) => name === 'sizes')
    assert.ok(sizes)
    let expected: string[] = []
    for (let turn = 0; turn < 3; turn++) {
      // oxlint-disable-next-line no-await-in-loop
      expected = [...expected, ...(await follow(path, sizes))]
      assert.deepEqual(parseReading(program.run('read', path)).records, expected)
      program.run('write', path, '--plan', sizes.path)
      const found = readOurs(path)
      assert.deepEqual(found.records.slice(0, expected.length), expected)
      assert.equal(found.records.length, expected.length + 5)
      expected = found.records
    }
  })

  test(`D6 what the crate ${version} left torn is cut off, and the crate reads what was appended behind it`, async () => {
    const path = join(directory, `torn-theirs-${version}.wal`)
    const sizes = plans.find(({ name }) => name === 'sizes')
    assert.ok(sizes)
    program.run('write', path, '--plan', sizes.path, '--abandon')
    for (const cutBytes of [1, 11, 100, 4000]) {
      const { position } = readOurs(path)
      truncateSync(path, position - cutBytes)
      const kept = readOurs(path)
      assert.notEqual(kept.tailState, 'clean-end')
      // oxlint-disable-next-line no-await-in-loop
      const appended = await follow(path, sizes, { onDamage: 'cut' })
      const found = parseReading(program.run('read', path))
      assert.deepEqual(found.records, [...kept.records, ...appended])
      assert.equal(found.tailState, 'clean-end')
    }
  })

  test(`this project, killed in mid-write, leaves what the crate ${version} reads up to the same record`, async () => {
    const path = join(directory, `torn-ours-${version}.wal`)
    const sectors = plans.find(({ name }) => name === 'sectors')
    assert.ok(sectors)
    await follow(path, sectors)
    const whole = readFileSync(path)
    for (const size of [whole.length - 1, whole.length - 12, whole.length - 600, 513, 512, 511]) {
      const torn = join(directory, `torn-ours-${version}-${size}.wal`)
      writeFileSync(torn, whole.subarray(0, size))
      const theirs = parseReading(program.run('read', torn))
      const ours = readOurs(torn)
      assert.deepEqual(theirs.records, ours.records)
      assert.equal(theirs.tailState, ours.tailState)
      assert.equal(theirs.position, ours.position)
    }
  })
}
