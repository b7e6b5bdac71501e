import assert from 'node:assert/strict'
import { test } from 'node:test'

import { writeContent } from '#src/handle/content.js'
import { sourceOf } from '#src/handle/source.js'
import { runSync } from '#src/storage/steps.js'
import { SimDisk } from '#src/testing.js'

test('past the page cache go whole pages, or what is aligned as the device asks for, and the rest through it', () => {
  for (const [alignmentBytes, past] of [
    [512, 36_864],
    [4096, 36_864],
    [16_384, 32_768],
    [65_536, 0],
  ] as const) {
    const disk = new SimDisk()
    const storage = disk.process()
    const file = storage.openSync('/a', 'create')
    const direct = { file: storage.openSync('/a', 'direct'), alignmentBytes }
    const calls: [position: number, length: number][] = []
    disk.faults = ({ kind, position = 0, length = 0 }) => {
      if (kind === 'write') calls.push([position, length])
      return undefined
    }
    const content = Buffer.alloc(40_000, 'abcdefg')
    assert.deepEqual(runSync(writeContent({ file, direct }, sourceOf(content), () => undefined)), { bytes: 40_000 })
    const expected =
      past === 0
        ? [[0, 40_000]]
        : [
            [0, past],
            [past, 40_000 - past],
          ]
    assert.deepEqual(calls, expected)
    assert.ok(content.equals(disk.image('/a') as Uint8Array))
  }
})
