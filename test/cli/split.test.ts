import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type Emit, FrameSplitter, LineSplitter, type Splitter } from '#src/cli/split.js'
import { Random } from '#src/storage/sim/random.js'

/** Pushes the input in pieces of random sizes, and gives back what comes out of it. */
function split(make: (emit: Emit) => Splitter, input: Buffer, random: Random, pieceMax: number): Buffer[] {
  const records: Buffer[] = []
  const splitter = make((record) => records.push(Buffer.from(record)))
  for (let start = 0; start < input.length;) {
    const end = Math.min(input.length, start + 1 + random.below(pieceMax))
    // What was pushed is overwritten afterwards: nothing may be kept of it.
    const piece = Buffer.from(input.subarray(start, end))
    splitter.push(piece)
    piece.fill(0xaa)
    start = end
  }
  splitter.finish()
  return records
}

function randomRecords(random: Random, sizeMax: number): Buffer[] {
  return Array.from({ length: random.below(50) }, () =>
    Buffer.from(Uint8Array.from({ length: random.below(sizeMax) }, () => random.below(256))),
  )
}

test('lines come out as they went in, however the input is cut', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed)
    const records = randomRecords(random, 100).map((record) => Buffer.from(record.filter((byte) => byte !== 10)))
    const input = Buffer.concat(records.flatMap((record) => [record, Buffer.from('\n')]))
    const found = split((emit) => new LineSplitter(100, emit), input, random, 1 + random.below(300))
    assert.deepEqual(found, records, `seed ${seed}`)
  }
})

test('frames come out as they went in, however the input is cut', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed)
    const records = randomRecords(random, 100)
    const input = Buffer.concat(
      records.flatMap((record) => [Buffer.from(Uint32Array.of(record.length).buffer), record]),
    )
    const found = split((emit) => new FrameSplitter(100, emit), input, random, 1 + random.below(300))
    assert.deepEqual(found, records, `seed ${seed}`)
  }
})

test('records of several megabytes pass, and so do short ones behind them', () => {
  const random = new Random(1)
  const records = [3_000_000, 5, 2 ** 20, 0, 2 ** 20 + 1].map((length) => Buffer.alloc(length, 'x'))
  const lines = Buffer.concat(records.flatMap((record) => [record, Buffer.from('\n')]))
  const frames = Buffer.concat(records.flatMap((record) => [Buffer.from(Uint32Array.of(record.length).buffer), record]))
  for (const [make, input] of [
    [(emit: Emit): Splitter => new LineSplitter(3_000_000, emit), lines],
    [(emit: Emit): Splitter => new FrameSplitter(3_000_000, emit), frames],
  ] as const) {
    const found = split(make, input, random, 100_000)
    assert.ok(
      found.length === records.length && found.every((record, index) => record.equals(records[index] as Buffer)),
    )
  }
})

test('a line over the limit is refused, wherever it is cut; one at the limit is not', () => {
  for (let cut = 0; cut <= 9; cut++) {
    const input = Buffer.from('12345\n123456\n')
    const records: string[] = []
    const splitter = new LineSplitter(5, (record) => records.push(record.toString()))
    assert.throws(
      () => {
        splitter.push(input.subarray(0, cut))
        splitter.push(input.subarray(cut))
      },
      { name: 'InputError', message: 'line 2 is longer than 5 bytes' },
    )
    assert.deepEqual(records, ['12345'])
  }
})
