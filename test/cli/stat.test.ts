import assert from 'node:assert/strict'
import { mkdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { Distribution } from '#src/cli/distribution.js'
import { openJournal } from '#src/journal/open-journal.js'
import { Random } from '#src/storage/sim/random.js'

import { fsys } from '../support/command.js'
import { frame } from '../support/frames.js'
import { noMarks } from '../support/marks.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const at = (name: string): string => join(directory, name)

interface Facts {
  readonly fileBytes: number
  readonly allocatedBytes: number
  readonly zeroAheadBytes: number
  readonly tail: { readonly state: string; readonly lsn: number; readonly bytes: number }
}

async function statOf(path: string): Promise<Facts> {
  const { status, text } = await fsys('stat', '--json', path)
  assert.equal(status, 0)
  return JSON.parse(text) as Facts
}

test('stat --json tells records, bytes, sizes, tail, mark and saved tails', { skip: noMarks }, async () => {
  const path = at('a.wal')
  const journal = await openJournal(path)
  journal.appendBatch(['', 'a', 'bb', 'cccc', 'ddddd'])
  await journal.close()
  writeFileSync(`${path}.corrupt-10`, 'saved')
  writeFileSync(`${path}.corrupt-9`, 'x')
  writeFileSync(`${path}.corrupt-9.2`, 'xy')
  writeFileSync(`${path}.corrupt-9.new`, 'a draft')
  writeFileSync(`${path}.corrupt-x`, 'of somebody else')
  mkdirSync(`${path}.corrupt-11`)
  const { status, text } = await fsys('stat', '--json', path)
  assert.equal(status, 0)
  assert.deepEqual(JSON.parse(text), {
    path,
    fileBytes: 72,
    allocatedBytes: statSync(path).blocks * 512,
    zeroAheadBytes: 0,
    records: 5,
    payloadBytes: 12,
    gaps: 0,
    sizes: { min: 0, p50: 2, p90: 5, p99: 5, max: 5 },
    histogram: [
      { from: 0, to: 0, records: 1 },
      { from: 1, to: 1, records: 1 },
      { from: 2, to: 3, records: 1 },
      { from: 4, to: 7, records: 2 },
    ],
    tail: { state: 'clean-end', lsn: 72, bytes: 0 },
    mark: { state: 'bound', durableLsn: 72, gapFreeLsn: 0 },
    savedTails: [
      { path: `${path}.corrupt-9`, bytes: 1 },
      { path: `${path}.corrupt-9.2`, bytes: 2 },
      { path: `${path}.corrupt-10`, bytes: 5 },
    ],
  })
})

test('stat in words, of an empty journal too', async () => {
  const path = at('words')
  writeFileSync(path, Buffer.concat([frame('one'), frame('four'), Buffer.from('FSY')]))
  const { status, text, stderr } = await fsys('stat', path)
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  assert.match(text, /^ {2}records +2$/mu)
  assert.match(text, /^ {2}file +34 bytes, \d+ allocated$/mu)
  assert.doesNotMatch(text, /^ {2}zeros/mu)
  assert.match(text, /^ {2}sizes +min 3, p50 3, p90 4, p99 4, max 4$/mu)
  assert.match(text, /^ {2}tail +truncated-header at LSN 31, 3 bytes$/mu)
  assert.match(text, /^ {2}mark +none$/mu)
  assert.match(text, /^ {2}2-3 {2}1 {2}#{40}$/mu)
  writeFileSync(at('empty'), '')
  assert.match((await fsys('stat', at('empty'))).text, /^ {2}records +0$/mu)
})

test('stat of a journal in use tells zeros that are written ahead, and what is set aside past the end of the file', async (t) => {
  const path = at('in-use')
  const journal = await openJournal(path)
  try {
    for (let group = 0; group < 20; group++) await journal.commit('a small group')
    const { zeroAheadBytes, fileBytes, tail } = await statOf(path)
    const { size } = statSync(path)
    assert.ok(zeroAheadBytes > 0)
    assert.deepEqual({ fileBytes, zeroAheadBytes }, { fileBytes: size, zeroAheadBytes: size - journal.nextLsn })
    assert.deepEqual(tail, { state: 'clean-end', lsn: journal.nextLsn, bytes: zeroAheadBytes })
    assert.match((await fsys('stat', path)).text, new RegExp(`^ {2}zeros +${zeroAheadBytes} bytes of the tail, `, 'mu'))
    if (await journal.preallocate(0, 8 << 20)) {
      const { allocatedBytes, fileBytes: fileBytesNow } = await statOf(path)
      assert.ok(allocatedBytes >= 8 << 20, `${allocatedBytes}`)
      assert.equal(fileBytesNow, size)
      assert.match(
        (await fsys('stat', path)).text,
        new RegExp(`^ {2}file +${size} bytes, ${allocatedBytes} allocated$`, 'mu'),
      )
    } else t.diagnostic(`nothing can be set aside here: ${journal.info.preallocate.reason}`)
  } finally {
    await journal.close()
  }
  assert.deepEqual([(await statOf(path)).zeroAheadBytes, statSync(path).size], [0, journal.nextLsn])
})

test('stat: zeros behind a torn record are no zeros ahead, and a hole has no blocks', async () => {
  const path = at('torn-and-long')
  writeFileSync(path, Buffer.concat([frame('one'), Buffer.from('FSY')]))
  truncateSync(path, 1 << 20)
  const { zeroAheadBytes, allocatedBytes, fileBytes, tail } = await statOf(path)
  assert.deepEqual([zeroAheadBytes, fileBytes, tail.lsn], [0, 1 << 20, 15])
  assert.ok(allocatedBytes < fileBytes, `${allocatedBytes}`)
})

test('stat describes a damaged journal, but not what is none', async () => {
  writeFileSync(at('damaged'), Buffer.concat([frame('one'), Buffer.from('garbage')]))
  assert.equal((await fsys('stat', at('damaged'))).status, 0)
  writeFileSync(at('letter'), 'a letter to somebody')
  const { status, text, stderr } = await fsys('stat', at('letter'))
  assert.deepEqual({ status, text }, { status: 3, text: '' })
  assert.match(stderr, /\(ERR_FSYS_NOT_A_JOURNAL\)/u)
  assert.equal((await fsys('stat', at('not-there'))).status, 3)
})

test('stat counts records that are longer than a chunk', async () => {
  writeFileSync(at('long'), Buffer.concat([frame('x'), frame(Buffer.alloc(3_000_000)), frame('y')]))
  const { records, sizes } = JSON.parse((await fsys('stat', '--json', at('long'))).text) as {
    records: number
    sizes: Record<string, number>
  }
  assert.deepEqual(
    { records, sizes },
    { records: 3, sizes: { min: 1, p50: 1, p90: 3_000_000, p99: 3_000_000, max: 3_000_000 } },
  )
})

test('percentiles are exact below 4 KiB, and at most 0.4 % too large above; the histogram is exact', () => {
  for (const largest of [1, 100, 4096, 100_000, 2 ** 28]) {
    const random = new Random(largest)
    const sizes = Array.from({ length: 3000 }, () => random.below(largest))
    const distribution = new Distribution()
    for (const size of sizes) distribution.add(size)
    sizes.sort((a, b) => a - b)
    assert.equal(distribution.min, sizes[0])
    assert.equal(distribution.max, sizes.at(-1))
    for (const part of [0, 0.01, 0.5, 0.9, 0.99, 1]) {
      const exact = sizes[Math.max(Math.ceil(part * sizes.length), 1) - 1] as number
      const found = distribution.quantile(part)
      if (exact < 4096) assert.equal(found, exact)
      else assert.ok(found >= exact && found <= exact * 1.004, `${part} of ${largest}: ${found}, not ${exact}`)
    }
    for (const { from, to, count } of distribution.histogram()) {
      assert.equal(count, sizes.filter((size) => size >= from && size <= to).length, `${from}-${to}`)
    }
  }
  assert.deepEqual(new Distribution().histogram(), [])
  assert.equal(new Distribution().quantile(0.5), 0)
})

test('a number past the largest counts as the largest', () => {
  const distribution = new Distribution()
  distribution.add(2 ** 31)
  assert.equal(distribution.quantile(1), 2 ** 28 - 1)
  assert.deepEqual(distribution.histogram(), [{ from: 2 ** 27, to: 2 ** 28 - 1, count: 1 }])
})

test('the extremes of sizes have their places', () => {
  for (const size of [0, 1, 2, 3, 4095, 4096, 4097, 2 ** 27, 2 ** 28 - 1]) {
    const distribution = new Distribution()
    distribution.add(size)
    assert.equal(distribution.quantile(0.5), size)
    const [only, ...others] = distribution.histogram()
    assert.equal(others.length, 0)
    assert.ok(only !== undefined && only.from <= size && size <= only.to)
  }
})
