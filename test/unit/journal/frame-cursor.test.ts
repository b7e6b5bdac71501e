import assert from 'node:assert/strict'
import { test } from 'node:test'

import { KernelPool } from '#src/checksum/kernel-pool.js'
import { CHUNK_BYTES, FrameCursor } from '#src/journal/frame-cursor.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { runSync } from '#src/storage/steps.js'
import type { StorageFile } from '#src/storage/storage.js'
import { writeWhole } from '#src/storage/whole.js'

import { frame } from '../../support/frames.js'

test('D9: the length of a large frame that its checksum does not confirm is neither believed nor judged', () => {
  const file = new SimDisk().process().openSync('/a.wal', 'create')
  const large = frame(Buffer.alloc(2 * CHUNK_BYTES, 'l'))
  large[large.length - 1] = (large.at(-1) as number) ^ 1
  writeAt(file, large, 0)
  const cursor = new FrameCursor(file, new KernelPool().acquire(CHUNK_BYTES), {
    from: 0,
    fileSize: large.length,
    skipGapsBelow: 0,
    wantsLargePayloads: true,
    payloadBytesMax: CHUNK_BYTES,
    tooLarge: () => new Error('too large'),
  })
  assert.equal(runSync(cursor.advance()), false)
  assert.equal(cursor.tailState, 'checksum-mismatch')
})

test('D2: what was zeros when it was read is read again after a restart', () => {
  const file = new SimDisk().process().openSync('/a.wal', 'create')
  const first = frame('first')
  writeAt(file, Buffer.concat([first, Buffer.alloc(512)]), 0)
  const cursor = new FrameCursor(file, new KernelPool().acquire(CHUNK_BYTES), {
    from: 0,
    fileSize: file.statSync().size,
    skipGapsBelow: 0,
    wantsLargePayloads: true,
  })
  assert.equal(runSync(cursor.advance()), true)
  assert.equal(runSync(cursor.advance()), false)
  assert.deepEqual([cursor.position, cursor.tailState], [first.length, 'clean-end'])
  const second = frame('second')
  writeAt(file, second, first.length)
  cursor.restart(cursor.position, file.statSync().size)
  assert.equal(runSync(cursor.advance()), true)
  assert.deepEqual([cursor.count, cursor.position], [1, first.length + second.length])
})

function writeAt(file: StorageFile, bytes: Uint8Array, position: number): void {
  runSync(writeWhole(file, bytes, position))
}
