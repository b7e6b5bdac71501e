import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { createKernel } from '#src/checksum/crc32c.js'

import { ENGINES, frameOf, kernelsOf, noise } from './reference.js'

// D3: what is sealed is what the reader expects, and nothing else in the buffer changes.

const AREA_BYTES = 40_000

/** Some frames to lie one behind the other: mostly short ones, and now and then one to be folded. */
const payloads = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.uint8Array({ maxLength: 300, size: 'max' }) },
    { weight: 1, arbitrary: fc.nat(5000).map((size) => noise(size, size + 1)) },
  ),
  { maxLength: 20 },
)

for (const engine of ENGINES) {
  test(`${engine} seals frames as the reference does, and touches nothing else (D3)`, () => {
    const kernel = createKernel(AREA_BYTES, 1, engine)
    fc.assert(
      fc.property(payloads, fc.nat(20), (list, start) => {
        const unsealed = Buffer.concat(list.map((payload) => frameOf(payload, false)))
        const sealed = Buffer.concat(list.map((payload) => frameOf(payload)))
        fc.pre(start + sealed.length <= AREA_BYTES)
        const background = noise(AREA_BYTES, list.length + 1)
        kernel.bytes.set(background)
        kernel.bytes.set(unsealed, start)
        kernel.seal(start, start + unsealed.length)
        background.set(sealed, start)
        assert.ok(kernel.bytes.equals(background))
      }),
      { numRuns: 200 },
    )
  })

  test(`${engine} refuses to seal what is not whole, and keeps within its range (D3)`, () => {
    const kernel = createKernel(AREA_BYTES, 1, engine)
    fc.assert(
      fc.property(payloads, fc.nat(20), fc.nat(), (list, start, cut) => {
        const unsealed = Buffer.concat(list.map((payload) => frameOf(payload, false)))
        fc.pre(unsealed.length > 0 && start + unsealed.length <= AREA_BYTES)
        // Not at the end of a frame.
        const edges = list.reduce((ends, payload) => [...ends, ends.at(-1)! + payload.length + 12], [0])
        const length = cut % unsealed.length
        fc.pre(!edges.includes(length))
        const clean = edges.findLast((edge) => edge < length)!
        const background = noise(AREA_BYTES, list.length + 1)
        background.set(unsealed, start)
        kernel.bytes.set(background)
        assert.throws(() => kernel.seal(start, start + length), {
          name: 'Error',
          message: `cannot seal ${start} to ${start + length}: there is no whole frame at ${start + clean}`,
        })
        assert.ok(kernel.bytes.subarray(0, start).equals(background.subarray(0, start)))
        assert.ok(kernel.bytes.subarray(start + clean).equals(background.subarray(start + clean)))
      }),
      { numRuns: 200 },
    )
  })
}

test('seal does not follow a length field out of its range (D3)', () => {
  for (const kernel of kernelsOf(4096, 1)) {
    for (const length of [5, 2 ** 28 - 1, 2 ** 28, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 13, 2 ** 32 - 12, 2 ** 32 - 1]) {
      const background = noise(4096)
      background.set(frameOf(Buffer.from('four')), 16)
      background.writeUInt32LE(length, 20)
      kernel.bytes.set(background)
      assert.throws(() => kernel.seal(16, 32), /no whole frame at 16/)
      assert.ok(kernel.bytes.equals(background), `${kernel.engine}, length ${length}`)
    }
  }
})

test('seal takes an empty range for no frames', () => {
  for (const kernel of kernelsOf(4096, 1)) {
    kernel.seal(0, 0)
    kernel.seal(100, 100)
    kernel.seal(4096, 4096)
    assert.ok(kernel.bytes.equals(Buffer.alloc(4096)))
  }
})

test('seal reaches the last byte of the area', () => {
  for (const areaBytes of [12, 76, 4096, 65_536 - 20_480]) {
    const frame = frameOf(noise(areaBytes - 12))
    for (const kernel of kernelsOf(areaBytes, 16)) {
      kernel.bytes.set(frame)
      kernel.bytes.fill(0, areaBytes - 4)
      kernel.seal(0, areaBytes)
      assert.ok(kernel.bytes.equals(frame), `${kernel.engine}, ${areaBytes}`)
    }
  }
})
