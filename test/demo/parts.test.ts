import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import * as fc from 'fast-check'
import { openJournal } from 'fsys'

import { crc32c, walkFrames } from '../../demo/frames.js'
import { Ledger } from '../../demo/ledger.js'
import { LineReader } from '../../demo/lines.js'
import { UsageError, parseOptions } from '../../demo/options.js'
import { KILLS_MIN, planKills } from '../../demo/plan.js'
import { type Acknowledgement, AcknowledgementReceiver } from '../../demo/reports.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()

test('lines are what stands between newlines, whatever it is and however long', () => {
  const path = join(directory, 'lines')
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constant(Buffer.from('\n')),
    fc.constant(Buffer.from('\r\n')),
    fc.nat(600_000).map((length) => Buffer.alloc(length, 'x')),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = Buffer.concat(pieces)
      writeFileSync(path, text)
      const expected = text.toString('latin1').split('\n')
      if (expected.at(-1) === '') expected.pop()
      using reader = new LineReader(path)
      const lines: string[] = []
      for (let line = reader.next(); line !== undefined; line = reader.next()) lines.push(line.toString('latin1'))
      assert.equal(reader.nextLine, expected.length)
      assert.ok(lines.every((line, index) => line === expected[index]))
      using again = new LineReader(path)
      again.skip(lines.length - 1)
      assert.equal(again.next()?.toString('latin1'), expected.at(-1))
    }),
    { numRuns: 50 },
  )
})

test("the demo's own decoder knows CRC-32C, and walks what the library wrote, larger records than its chunk too", async () => {
  assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283)
  assert.equal(crc32c(Buffer.from('123456789'), 3, 3), 0)
  const path = join(directory, 'walk.wal')
  const records = ['', 'a', 'b'.repeat(3_000_000), 'c'.repeat(1_048_570), ...Array.from({ length: 5000 }, String)]
  const journal = await openJournal(path)
  const ends = records.map((record) => journal.append(record))
  await journal.close()
  let index = 0
  const { cleanEnd, fileBytes } = await walkFrames(path, (payload, lsn, endLsn) => {
    assert.equal(lsn, ends[index - 1] ?? 0)
    assert.equal(endLsn, ends[index])
    assert.ok(payload.equals(Buffer.from(records[index++] ?? '')))
    return true
  })
  assert.equal(index, records.length)
  assert.equal(cleanEnd, fileBytes)
  assert.equal((await walkFrames(path, (_, lsn) => lsn < 13)).cleanEnd, ends[1])
})

test('acknowledgements are whole however the pipe cuts them, and a last one that is cut short is ignored', () => {
  const sent = Float64Array.from({ length: 400 }, (_, index) => index * 1.5)
  const bytes = Buffer.from(sent.buffer)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 1 }), (sizes) => {
      const received: Acknowledgement[] = []
      const receiver = new AcknowledgementReceiver((acknowledgement) => received.push(acknowledgement))
      let position = 0
      for (const size of sizes) {
        receiver.receive(bytes.subarray(position, position + size))
        position = Math.min(position + size, bytes.length)
      }
      assert.equal(received.length, Math.floor(position / 32))
      const values = received.flatMap(({ line, lsn, latencyMs, durableLsn }) => [line, lsn, latencyMs, durableLsn])
      assert.deepEqual(values, [...sent.subarray(0, values.length)])
    }),
  )
})

test('the ledger finds a line that is acknowledged twice, or before it is durable (D1)', () => {
  const ledger = new Ledger()
  const complaint = (): string | undefined => ledger.difference?.what
  ledger.take({ line: 0, lsn: 15, latencyMs: 1, durableLsn: 30 })
  ledger.take({ line: 1, lsn: 30, latencyMs: 1, durableLsn: 30 })
  assert.equal(complaint(), undefined)
  assert.equal(ledger.syncs, 1)
  ledger.take({ line: 2, lsn: 45, latencyMs: 1, durableLsn: 44 })
  assert.match(complaint() ?? '', /before it was durable/)
  const other = new Ledger()
  other.take({ line: 0, lsn: 15, latencyMs: 1, durableLsn: 15 })
  other.take({ line: 0, lsn: 30, latencyMs: 1, durableLsn: 30 })
  assert.match(other.difference?.what ?? '', /acknowledged twice/)
})

test('a seed plans the same kills again: one during recovery, not before the third, and the others in mid-commit', () => {
  fc.assert(
    fc.property(fc.integer({ min: KILLS_MIN, max: 20 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }), (count, seed) => {
      const plan = planKills(count, seed)
      const targets = plan.map(({ target }) => target)
      assert.equal(targets.length, count)
      assert.ok(targets.indexOf('recovery') >= KILLS_MIN - 1)
      assert.equal(targets.filter((target) => target === 'recovery').length, 1)
      assert.equal(targets.filter((target) => target === 'write').length, 1)
      const moments = plan.map((kill) => kill.moments())
      assert.ok(moments.every((moment) => moment >= 0 && moment < 1))
      const again = planKills(count, seed)
      assert.deepEqual(
        again.map((kill) => [kill.target, kill.moments()]),
        targets.map((target, index) => [target, moments[index]]),
      )
    }),
  )
})

test('the command line is read strictly', () => {
  assert.equal(parseOptions(['--help']), undefined)
  const options = parseOptions(['--seed', '7', '--kills', '5', '--committers', '2', '--keep', 'there', 'file'])
  assert.deepEqual(options, { inputPath: 'file', seed: 7, kills: 5, committers: 2, keepDirectory: 'there' })
  const defaults = parseOptions([])
  assert.equal(defaults?.kills, 4)
  assert.notEqual(defaults.seed, parseOptions([])?.seed)
  for (const args of [
    ['--kills', '2'],
    ['--seed', '-1'],
    ['--seed', '1.5'],
    ['--committers', '0'],
    ['a', 'b'],
    ['--no'],
  ])
    assert.throws(() => parseOptions(args), UsageError, args.join(' '))
})
