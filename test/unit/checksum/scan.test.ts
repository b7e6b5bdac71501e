import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { createKernel } from '#src/checksum/crc32c.js'
import type { Kernel } from '#src/checksum/kernel.js'

import { ENGINES, frameOf, kernelsOf, noise, referenceScan, scanOf } from './reference.js'

// D3 and D9: only whole, valid frames are found, in their order, and no length is trusted.

const AREA_BYTES = 32_768

const payload = fc.oneof(
  { weight: 6, arbitrary: fc.uint8Array({ maxLength: 250, size: 'max' }) },
  { weight: 1, arbitrary: fc.nat(2000).map((size) => noise(size, size + 1)) },
)

/** What can happen to a file between its writing and its reading. */
const damage = fc.oneof(
  fc.record({ kind: fc.constant('none' as const) }),
  fc.record({ kind: fc.constant('flip' as const), at: fc.nat(), bit: fc.nat(7) }),
  fc.record({ kind: fc.constant('zeros' as const), at: fc.nat(), length: fc.nat(600) }),
  fc.record({ kind: fc.constant('length' as const), frame: fc.nat(), length: fc.oneof(fc.nat(400), anyU32()) }),
  fc.record({ kind: fc.constant('magic' as const), frame: fc.nat(), index: fc.nat(3), byte: fc.nat(255) }),
)

const journal = fc.record({
  start: fc.nat(40),
  payloads: fc.array(payload, { minLength: 1, maxLength: 20 }),
  damages: fc.array(damage, { maxLength: 2 }),
  /** How much of the end is out of sight. */
  cut: fc.oneof(fc.constant(0), fc.nat(40), fc.nat(2000)),
})

type Journal = typeof journal extends fc.Arbitrary<infer Value> ? Value : never

function anyU32(): fc.Arbitrary<number> {
  const edges = [2 ** 28 - 1, 2 ** 28, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 13, 2 ** 32 - 12, 2 ** 32 - 8, 2 ** 32 - 1]
  return fc.oneof(fc.constantFrom(...edges), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
}

const zeros = Buffer.alloc(600)

/** The area with the journal in it, and the range to be walked. */
function build({ start, payloads, damages, cut }: Journal): { area: Buffer; start: number; end: number } {
  const frames = payloads.map((bytes) => frameOf(bytes))
  const written = Buffer.concat(frames).subarray(0, AREA_BYTES - start)
  const starts = frames.reduce((list, frame) => [...list, list.at(-1)! + frame.length], [0]).slice(0, -1)
  const startOf = (frame: number) => Math.min(starts[frame % starts.length]!, written.length - 8)
  for (const one of damages) {
    if (one.kind === 'flip') written[one.at % written.length]! ^= 1 << one.bit
    if (one.kind === 'zeros') zeros.copy(written, one.at % written.length, 0, one.length)
    if (one.kind === 'length') written.writeUInt32LE(one.length, startOf(one.frame) + 4)
    if (one.kind === 'magic') written[startOf(one.frame) + one.index] = one.byte
  }
  const area = noise(AREA_BYTES)
  area.set(written, start)
  return { area, start, end: start + Math.max(0, written.length - cut) }
}

for (const engine of ENGINES) {
  test(`${engine} finds the frames that the reference walker finds (D3, D9)`, () => {
    const kernel = createKernel(AREA_BYTES, 100, engine)
    fc.assert(
      fc.property(journal, (value) => {
        const { area, start, end } = build(value)
        kernel.bytes.set(area)
        assert.deepEqual(scanOf(kernel, start, end), referenceScan(area, start, end))
        assert.ok(kernel.bytes.equals(area), 'a scan changes nothing')
      }),
      { numRuns: 500 },
    )
  })

  test(`${engine} finds what it has sealed (D3)`, () => {
    const kernel = createKernel(AREA_BYTES, 100, engine)
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 12 }), fc.nat(64), (payloads, start) => {
        const unsealed = Buffer.concat(payloads.map((bytes) => frameOf(bytes, false)))
        kernel.bytes.fill(0xee).set(unsealed, start)
        kernel.seal(start, start + unsealed.length)
        assert.equal(kernel.scan(start, AREA_BYTES), payloads.length)
        assert.equal(kernel.offsets[payloads.length], start + unsealed.length)
      }),
      { numRuns: 200 },
    )
  })
}

const three = Buffer.concat([frameOf(noise(64)), frameOf(Buffer.alloc(0)), frameOf(noise(300))])

test('a scan does not see what begins, or ends, past its end (D9)', () => {
  for (const kernel of kernelsOf(4096, 100)) {
    kernel.bytes.set(three, 10)
    for (let end = 10; end <= 10 + three.length; end++) {
      assert.deepEqual(scanOf(kernel, 10, end), referenceScan(kernel.bytes, 10, end), `${kernel.engine}, ${end}`)
    }
  }
})

test('a scan gives the same answer whatever stands at and past its end (D9)', () => {
  for (const kernel of kernelsOf(4096, 100)) {
    for (let end = 0; end <= three.length; end++) {
      const answers = [0x00, 0xff].map((byte) => {
        kernel.bytes.fill(byte).set(three.subarray(0, end))
        return scanOf(kernel, 0, end)
      })
      assert.deepEqual(answers[0], answers[1])
    }
  }
})

test('a scan ends at every single flipped bit (D3)', () => {
  for (const kernel of kernelsOf(4096, 100)) {
    kernel.bytes.set(three)
    for (let bit = 0; bit < three.length * 8; bit++) {
      kernel.bytes[bit >> 3]! ^= 1 << (bit & 7)
      const frame = bit >> 3 < 76 ? 0 : bit >> 3 < 88 ? 1 : 2
      assert.equal(kernel.scan(0, three.length), frame, `${kernel.engine}, bit ${bit}`)
      kernel.bytes[bit >> 3]! ^= 1 << (bit & 7)
    }
  }
})

test('a scan does not follow a length field past its end or over the limit of the format (D9)', () => {
  for (const kernel of kernelsOf(4096, 100)) {
    kernel.bytes.set(three)
    for (const length of [353, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32 - 100, 2 ** 32 - 13, 2 ** 32 - 12, 2 ** 32 - 1]) {
      kernel.bytes.writeUInt32LE(length, 88 + 4)
      assert.deepEqual(scanOf(kernel, 0, three.length), [0, 76, 88], `${kernel.engine}, length ${length}`)
    }
  }
})

test('a scan stops when its offsets are full, and the next one goes on from there', () => {
  const payloads = Array.from({ length: 50 }, (_, index) => noise(index * 7, index + 1))
  const frames = Buffer.concat(payloads.map((bytes) => frameOf(bytes)))
  for (const kernel of kernelsOf(frames.length, 7)) {
    kernel.bytes.set(frames)
    const found = [0]
    let count: number
    do {
      const offsets = scanOf(kernel, found.at(-1)!, frames.length)
      count = offsets.length - 1
      assert.ok(count <= 7)
      found.push(...offsets.slice(1))
    } while (count > 0)
    assert.deepEqual(found, referenceScan(frames, 0, frames.length), kernel.engine)
  }
})

test('an empty range holds no frames', () => {
  for (const kernel of kernelsOf(4096, 4)) {
    kernel.bytes.set(three)
    assert.deepEqual(scanOf(kernel, 0, 0), [0])
    assert.deepEqual(scanOf(kernel, 76, 76), [76])
    assert.deepEqual(scanOf(kernel, 4096, 4096), [4096])
  }
})

test('frames that fill the area to its last byte are found', () => {
  const find = (kernel: Kernel) => scanOf(kernel, 0, kernel.bytes.length)
  for (const kernel of kernelsOf(three.length, 3)) {
    kernel.bytes.set(three)
    assert.deepEqual(find(kernel), [0, 76, 88, 400], kernel.engine)
  }
})
