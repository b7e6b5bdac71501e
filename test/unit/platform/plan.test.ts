import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'

import type { Capability, FileSystemClass } from '#src/platform/facts.js'
import { type DurabilityMethod, type DurabilityPrimitive, type MethodFacts, chooseMethod } from '#src/platform/plan.js'

function facts(
  platform: NodeJS.Platform,
  kind: FileSystemClass = 'disk',
  directIo: Capability = { isAvailable: true },
): MethodFacts {
  const fileSystem = { type: 'somefs', class: kind, mountPoint: '/', isReadOnly: false, isWritable: true }
  return { platform, fileSystem, directIo }
}

type Choice = readonly [DurabilityMethod, DurabilityPrimitive]

function choose(place: MethodFacts, wanted: DurabilityMethod | 'auto'): Choice {
  const { method, primitive } = chooseMethod(place, wanted)
  return [method, primitive]
}

// The table of docs/methods.md, row by row.
const ROWS: readonly (readonly [string, readonly MethodFacts[], Choice])[] = [
  ['macOS, any', [facts('darwin'), facts('darwin', 'network'), facts('darwin', 'unknown')], ['sync', 'F_FULLFSYNC']],
  ['Windows, any', [facts('win32'), facts('win32', 'unknown')], ['sync', 'FlushFileBuffers']],
  ['others but Linux, any', [facts('freebsd'), facts('sunos'), facts('android')], ['sync', 'fsync']],
  ['Linux, of this machine', [facts('linux', 'disk')], ['data', 'fdatasync']],
  ['Linux, overlay', [facts('linux', 'overlay')], ['data', 'fdatasync']],
  ['Linux, memory', [facts('linux', 'memory')], ['sync', 'fsync']],
  [
    'Linux, network, host, fuse',
    [facts('linux', 'network'), facts('linux', 'host'), facts('linux', 'fuse')],
    ['sync', 'fsync'],
  ],
  ['Linux, unknown', [facts('linux', 'unknown')], ['sync', 'fsync']],
]

describe("the method 'auto'", () => {
  for (const [name, places, expected] of ROWS) {
    test(`is ${expected.join(', ')}: ${name}`, () => {
      for (const place of places) assert.deepEqual(choose(place, 'auto'), expected)
    })
  }

  test('has as many rows here as in docs/methods.md, with the same results', () => {
    const section = readFileSync('docs/methods.md', 'utf8').split('## What')[1]?.split('## When')[0] ?? ''
    const rows = [...section.matchAll(/^\| [^|]+ \| [^|]+ \| `(\w+)` \| `(\w+)` \|/gmu)]
    assert.deepEqual(
      rows.map(([, method, primitive]) => [method, primitive]),
      ROWS.map(([, , expected]) => expected),
    )
  })
})

describe('a method that is wanted', () => {
  test('is used where it can be had', () => {
    for (const kind of ['disk', 'overlay', 'memory', 'network', 'host', 'fuse', 'unknown'] as const) {
      assert.deepEqual(choose(facts('linux', kind), 'sync'), ['sync', 'fsync'])
      assert.deepEqual(choose(facts('linux', kind), 'data'), ['data', 'fdatasync'])
      assert.deepEqual(choose(facts('linux', kind), 'direct'), ['direct', 'O_DIRECT+fdatasync'])
    }
    assert.deepEqual(choose(facts('darwin'), 'sync'), ['sync', 'F_FULLFSYNC'])
    assert.deepEqual(choose(facts('sunos'), 'data'), ['data', 'fdatasync'])
    assert.equal(chooseMethod(facts('linux'), 'direct').reason, 'asked for')
    // Whether it can be had, the first write will show.
    assert.equal(choose(facts('linux', 'disk', { isAvailable: 'unknown', reason: 'not tried' }), 'direct')[0], 'direct')
  })

  test("is replaced by what 'auto' chooses where it cannot be had, with the reason", () => {
    const refused = { isAvailable: false, reason: 'open: EINVAL' }
    assert.deepEqual(chooseMethod(facts('linux', 'disk', refused), 'direct'), {
      method: 'data',
      primitive: 'fdatasync',
      reason: "no 'direct': open: EINVAL",
    })
    assert.deepEqual(chooseMethod(facts('linux', 'fuse', { isAvailable: false }), 'direct'), {
      method: 'sync',
      primitive: 'fsync',
      reason: "no 'direct': the file system does not have it",
    })
    assert.deepEqual(chooseMethod(facts('darwin'), 'data'), {
      method: 'sync',
      primitive: 'F_FULLFSYNC',
      reason: "no 'data': darwin has one kind of sync only",
    })
    for (const wanted of ['data', 'direct'] as const) {
      assert.deepEqual(choose(facts('win32'), wanted), ['sync', 'FlushFileBuffers'])
      assert.deepEqual(choose(facts('freebsd'), wanted), ['sync', 'fsync'])
    }
    assert.deepEqual(choose(facts('sunos'), 'direct'), ['sync', 'fsync'])
  })

  test('always has a reason', () => {
    for (const platform of ['linux', 'darwin', 'win32', 'freebsd', 'sunos', 'android'] as const) {
      for (const kind of ['disk', 'overlay', 'memory', 'network', 'host', 'fuse', 'unknown'] as const) {
        for (const wanted of ['auto', 'sync', 'data', 'direct'] as const) {
          assert.notEqual(chooseMethod(facts(platform, kind, { isAvailable: false }), wanted).reason, '')
        }
      }
    }
  })
})
