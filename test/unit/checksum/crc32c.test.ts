import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

import fc from 'fast-check'

import { crc32c, createKernel } from '#src/checksum/crc32c.js'
import { nativeAddon } from '#src/platform/native-addon.js'

import { unavailable } from '../../support/unavailable.js'
import { ENGINES, kernelsOf, noise, referenceCrc } from './reference.js'

// D3: a checksum that one engine wrote is the one that every other expects.

const ascending = Uint8Array.from({ length: 32 }, (_, index) => index)
const readCommand = '01c00000000000000000000000000000140000000000040000000014000000182800000000000000020000000000'

/** RFC 3720, B.4, and the check value of the catalogues. */
const KNOWN_ANSWERS: readonly [what: string, bytes: Uint8Array, crc: number][] = [
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['00 to 1f', ascending, 0x46dd794e],
  ['1f to 00', ascending.toReversed(), 0x113fdb5c],
  ['an iSCSI read command', Buffer.from(`${readCommand}0000`, 'hex'), 0xd9963a56],
  ['nothing', new Uint8Array(0), 0x00000000],
  ['"123456789"', Buffer.from('123456789'), 0xe3069283],
]

test('crc32c gives the known answers of RFC 3720 (D3)', () => {
  for (const [what, bytes, crc] of KNOWN_ANSWERS) assert.equal(crc32c(bytes), crc, what)
})

for (const engine of ENGINES) {
  test(`${engine} gives the known answers of RFC 3720 (D3)`, () => {
    const kernel = createKernel(4096, 1, engine)
    assert.equal(kernel.engine, engine)
    for (const [what, bytes, crc] of KNOWN_ANSWERS) {
      kernel.bytes.fill(0xa5).set(bytes, 100)
      assert.equal(kernel.checksum(0, 100, 100 + bytes.length), crc, what)
    }
  })
}

const LENGTH_MAX = 4096
const message = noise(LENGTH_MAX + 1)
/** Of the first 0, 1, 2 ... bytes of the message. */
const prefixCrcs: number[] = [0]
for (let length = 1; length <= LENGTH_MAX; length++) {
  prefixCrcs.push(referenceCrc(message.subarray(length - 1, length), prefixCrcs[length - 1]))
}

for (const engine of ENGINES) {
  test(`${engine} agrees with the reference at every length to ${LENGTH_MAX} and every alignment (D3)`, () => {
    const kernel = createKernel(8192, 1, engine)
    for (let alignment = 0; alignment < 16; alignment++) {
      kernel.bytes.fill(0xff).set(message, alignment)
      for (let length = 0; length <= LENGTH_MAX; length++) {
        const crc = kernel.checksum(0, alignment, alignment + length)
        // assert.equal costs more than the checksum
        if (crc !== prefixCrcs[length]) assert.fail(`length ${length}, alignment ${alignment}: ${crc}`)
      }
    }
  })
}

test(`crc32c agrees with the reference at every length to ${LENGTH_MAX} (D3)`, () => {
  for (let length = 0; length <= LENGTH_MAX; length++) {
    const crc = crc32c(message.subarray(0, length))
    if (crc !== prefixCrcs[length]) assert.fail(`length ${length}: ${crc}`)
  }
})

test('all engines and crc32c agree with the reference on messages up to 1 MiB (D3)', () => {
  const bytes = noise(2 ** 20 + 16, 2)
  const kernels = kernelsOf(bytes.length, 1)
  for (const kernel of kernels) kernel.bytes.set(bytes)
  const range = fc.tuple(fc.nat(15), fc.nat(2 ** 20), fc.integer({ min: 0, max: 0xffffffff }))
  fc.assert(
    fc.property(range, ([start, length, before]) => {
      const expected = referenceCrc(bytes.subarray(start, start + length), before)
      assert.equal(crc32c(bytes.subarray(start, start + length), before), expected)
      for (const kernel of kernels) {
        assert.equal(kernel.checksum(before, start, start + length), expected, kernel.engine)
      }
    }),
    { numRuns: 60, examples: [[[0, 2 ** 20, 0]], [[15, 2 ** 20, 0xffffffff]]] },
  )
})

test('a checksum may be taken in pieces (D3)', () => {
  const bytes = noise(20_000, 3)
  const expected = referenceCrc(bytes)
  const kernels = kernelsOf(bytes.length, 1)
  for (const kernel of kernels) kernel.bytes.set(bytes)
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (splits) => {
      const edges = [0, ...splits.toSorted((a, b) => a - b), bytes.length]
      for (const kernel of kernels) {
        const crc = edges.reduce((before, end, index) => kernel.checksum(before, edges[index - 1] ?? 0, end), 0)
        assert.equal(crc, expected, kernel.engine)
      }
      assert.equal(
        edges.reduce((crc, end, index) => crc32c(bytes.subarray(edges[index - 1] ?? 0, end), crc), 0),
        expected,
      )
    }),
  )
})

test('createKernel takes the fastest engine and has nothing to excuse', (t) => {
  const found = nativeAddon()
  if (found.addon === undefined) return unavailable(t, `no native addon: ${found.reason}`)
  const kernel = createKernel(1000, 10)
  assert.equal(kernel.engine, 'native')
  assert.equal(kernel.reason, undefined)
})

test('without the addon WebAssembly serves, and says why', () => {
  const { engine, reason, crc } = kernelIn(process.execPath, [])
  assert.equal(engine, 'wasm-simd')
  assert.equal(reason, 'no native: switched off')
  assert.equal(crc, 0xe3069283)
})

test('with the addon no WebAssembly is needed', (t) => {
  const found = nativeAddon()
  if (found.addon === undefined) return unavailable(t, `no native addon: ${found.reason}`)
  const { engine, crc } = kernelIn(process.execPath, ['--jitless'], '')
  assert.equal(engine, 'native')
  assert.equal(crc, 0xe3069283)
})

test('createKernel says that a slower engine was asked for', () => {
  assert.equal(createKernel(1000, 10, 'wasm-simd').reason, 'wasm-simd was asked for')
  assert.equal(createKernel(1000, 10, 'wasm').reason, 'wasm was asked for')
  assert.equal(createKernel(1000, 10, 'plain').reason, 'plain was asked for')
})

test('a kernel has just the area and the room that were asked for', () => {
  for (const areaBytes of [1, 4096, 44_000, 65_536, 2 ** 20 + 1]) {
    for (const kernel of kernelsOf(areaBytes, 16)) {
      assert.equal(kernel.bytes.length, areaBytes)
      assert.equal(kernel.offsets.length, 17)
      kernel.bytes.fill(1)
      assert.equal(kernel.checksum(0, 0, areaBytes), referenceCrc(Buffer.alloc(areaBytes, 1)))
    }
  }
})

test('createKernel refuses sizes that cannot be', () => {
  for (const areaBytes of [0, -1, 1.5, Number.NaN, 2 ** 30 + 1]) {
    assert.throws(() => createKernel(areaBytes, 1), RangeError)
  }
  for (const offsetCount of [0, -1, 1.5, Number.NaN, 2 ** 27 + 1]) {
    assert.throws(() => createKernel(4096, offsetCount), RangeError)
  }
})

test('a range outside the area is refused', () => {
  const ranges = [
    [-1, 1],
    [0, 4097],
    [2, 1],
    [0.5, 1],
    [Number.NaN, 1],
    [0, 2 ** 32],
  ] as const
  for (const kernel of kernelsOf(4096, 1)) {
    for (const [start, end] of ranges) {
      assert.throws(() => kernel.checksum(0, start, end), RangeError)
      assert.throws(() => kernel.seal(start, end), RangeError)
      assert.throws(() => kernel.scan(start, end), RangeError)
    }
  }
})

const WITHOUT_ADDON = `
    import { forbidNativeAddon } from '#src/platform/native-addon.js'
    forbidNativeAddon('switched off')`

/** What a new process has to say about the kernel it gets, unless told otherwise without the addon. */
function kernelIn(
  command: string,
  args: readonly string[],
  before = WITHOUT_ADDON,
): { engine: string; reason: string; crc: number } {
  const program = `
    import { createKernel } from '#src/checksum/crc32c.js'${before}
    const kernel = createKernel(4096, 1)
    const crc = kernel.checksum(0, kernel.bytes.write('123456789') - 9, 9)
    console.log(JSON.stringify({ engine: kernel.engine, reason: kernel.reason, crc }))`
  const options = [...args, '--input-type=module', '--eval', program]
  return JSON.parse(execFileSync(command, options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }))
}

test('without WebAssembly the plain engine serves, and says why', () => {
  const { engine, reason, crc } = kernelIn(process.execPath, ['--jitless'])
  assert.equal(engine, 'plain')
  assert.match(reason, /no WebAssembly/)
  assert.equal(crc, 0xe3069283)
})

test(
  'without SIMD the other WebAssembly engine serves, and says why',
  { skip: process.arch !== 'x64' && 'V8 can be told so on x64' },
  () => {
    const { engine, reason, crc } = kernelIn(process.execPath, ['--no-enable-avx', '--no-enable-sse4-1'])
    assert.equal(engine, 'wasm')
    assert.match(reason, /SIMD/)
    assert.equal(crc, 0xe3069283)
  },
)

test(
  'where no WebAssembly memory can be had the plain engine serves, and says why',
  { skip: process.platform !== 'linux' && 'limits the address space as Linux does' },
  () => {
    const limited = ['-c', 'ulimit -v 8000000 && exec "$0" "$@"', process.execPath]
    const { engine, reason, crc } = kernelIn('/bin/sh', limited)
    assert.equal(engine, 'plain')
    assert.match(reason, /memory/)
    assert.equal(crc, 0xe3069283)
  },
)
