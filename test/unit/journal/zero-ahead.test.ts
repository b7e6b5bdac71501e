import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { LogSpace } from '#src/journal/log-space.js'
import { ZeroAhead } from '#src/journal/zero-ahead.js'

interface Call {
  readonly at: number
  readonly bytes: number
}

/** Takes zeros, `most` bytes of each write, and remembers where they went. */
class Space implements Partial<LogSpace> {
  readonly writes: Call[] = []
  endLsn: number
  most = Infinity
  failure: Error | undefined

  constructor(endLsn: number) {
    this.endLsn = endLsn
  }

  writeSync(source: Uint8Array, at: number): number {
    if (this.failure !== undefined) throw this.failure
    assert.ok(source.every((byte) => byte === 0))
    const bytes = Math.min(source.length, this.most)
    this.writes.push({ at, bytes })
    this.endLsn = Math.max(this.endLsn, at + bytes)
    return bytes
  }
}

function make(aheadBytes: number, lsn = 0): { space: Space; zeros: ZeroAhead } {
  const space = new Space(lsn)
  return { space, zeros: new ZeroAhead(space as unknown as LogSpace, aheadBytes) }
}

/** So many groups of `groupBytes`, one behind the other from `lsn` on. Returns where they end. */
function groups(zeros: ZeroAhead, count: number, groupBytes: number, lsn = 0): number {
  let next = lsn
  for (let group = 0; group < count; group++) zeros.extend((next += groupBytes), groupBytes)
  return next
}

describe('zero-ahead', () => {
  test('begins with the eighth small group, on a page without records, and goes as far as it is told', () => {
    const { space, zeros } = make(2 ** 20)
    const next = groups(zeros, 7, 100)
    assert.deepEqual(space.writes, [])
    const end = groups(zeros, 100, 100, next)
    assert.deepEqual(
      space.writes,
      space.writes.map((_, piece) => ({ at: 4096 + piece * 65_536, bytes: 65_536 })),
    )
    const zeroed = 4096 + space.writes.length * 65_536
    assert.ok(zeroed <= end + 2 ** 20 && zeroed > end + 2 ** 20 - 65_536 - 4096, `${zeroed} with records up to ${end}`)
  })

  test('never touches a page that holds a record, wherever the records end', () => {
    for (const ahead of [8192, 20_000, 65_536, 2 ** 20]) {
      const { space, zeros } = make(ahead, 12_345)
      let next = 12_345
      for (let group = 0; group < 5000; group++) {
        const count = space.writes.length
        next += group % 997
        zeros.extend(next, group % 997)
        for (const { at, bytes } of space.writes.slice(count)) {
          assert.equal(at % 4096, 0)
          assert.ok(at >= next && at + bytes <= next + ahead + 4096, `${at} + ${bytes} with records up to ${next}`)
        }
      }
      assert.ok(space.writes.length > 10)
      const total = space.writes.reduce((sum, { bytes }) => sum + bytes, 0)
      assert.ok(total <= next - 12_345 + ahead + 4096, 'no byte is written twice')
    }
  })

  test('rests while groups are large, and goes on behind them', () => {
    const { space, zeros } = make(2 ** 20)
    const next = groups(zeros, 100, 16_385)
    assert.deepEqual(space.writes, [])
    groups(zeros, 8, 16_384, next)
    assert.deepEqual(space.writes, [{ at: Math.ceil((next + 8 * 16_384) / 4096) * 4096, bytes: 65_536 }])
  })

  test('goes on behind a short write, without a gap', () => {
    const { space, zeros } = make(2 ** 20)
    space.most = 1000
    groups(zeros, 10, 100)
    assert.deepEqual(
      space.writes.map(({ at }) => at),
      [4096, 5096, 6096],
    )
  })

  test('is off where it is told so, and after it has failed, and says why', () => {
    const { space, zeros } = make(2 ** 20)
    assert.deepEqual(zeros.primitive, { inUse: 'write' })
    space.failure = new Error('no room')
    groups(zeros, 10, 100)
    assert.deepEqual(zeros.primitive, { inUse: 'off', reason: 'zeros could not be written: no room' })
    space.failure = undefined
    groups(zeros, 100, 100)
    assert.deepEqual(space.writes, [])
    const off = make(0)
    groups(off.zeros, 100, 100)
    assert.deepEqual(off.space.writes, [])
    assert.deepEqual(off.zeros.primitive, { inUse: 'off', reason: 'the option zeroAheadBytes says so' })
  })
})
