import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { decodeScript, encodeScript, type Script } from '#src/testing/replay-code.js'

const scripts: fc.Arbitrary<Script> = fc.record(
  {
    crashes: fc.array(
      fc.record(
        {
          at: fc.nat(),
          crash: fc.constantFrom('power-cut' as const, 'kill' as const),
          when: fc.constantFrom('before' as const, 'middle' as const, 'after' as const),
          leaves: fc.constantFrom('some' as const, 'none' as const, 'all' as const),
        },
        { noNullPrototype: true },
      ),
      { maxLength: 3 },
    ),
    draws: fc.array(fc.oneof(fc.constant(0), fc.maxSafeNat())),
  },
  { noNullPrototype: true },
)

test('a script comes back from its code', () => {
  fc.assert(fc.property(scripts, (script) => assert.deepEqual(decodeScript(encodeScript(script)), script)))
})

test('codes are short where much is alike, and can be read', () => {
  const draws = [1, ...Array.from({ length: 200 }, () => 0), 35, 36]
  assert.equal(encodeScript({ crashes: [], draws }), '1.0*200.z.10')
  const crashes = [{ at: 17, crash: 'power-cut', when: 'before', leaves: 'none' }] as const
  assert.equal(encodeScript({ crashes, draws: [] }), '17-power-cut-before-none:')
})

test('what is no code is refused', () => {
  for (const code of ['?', '1..2', '1:2', '17-flood-before-none:', 'x*', '1*9999999', ' 1'])
    assert.throws(() => decodeScript(code), /no code that a failed exploration has printed/, code)
})
