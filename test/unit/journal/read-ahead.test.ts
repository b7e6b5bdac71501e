import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { openReader } from 'fsys'

import { KernelPool } from '#src/checksum/kernel-pool.js'
import type { Kernel } from '#src/checksum/kernel.js'
import { CHUNK_BYTES } from '#src/journal/frame-cursor.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { runSync } from '#src/storage/steps.js'
import type { Storage } from '#src/storage/storage.js'
import { writeWhole } from '#src/storage/whole.js'

import { frame } from '../../support/frames.js'

const PATH = '/a.wal'
/** 256 of them are a chunk. */
const FRAME_BYTES = 4096

class CountingPool extends KernelPool {
  lent = 0

  override acquire(areaBytes: number): Kernel {
    this.lent++
    return super.acquire(areaBytes)
  }

  override release(kernel: Kernel): void {
    this.lent--
    super.release(kernel)
  }
}

/** So many frames, and zeros behind them. */
function diskWith(frames: number, zeroBytes = 0): { disk: SimDisk; storage: Storage } {
  const disk = new SimDisk({ seed: 7 })
  const storage = disk.process()
  writeFrames(storage, 0, frames, zeroBytes)
  return { disk, storage }
}

function writeFrames(storage: Storage, first: number, count: number, zeroBytes = 0): void {
  const file = storage.openSync(PATH, first === 0 ? 'create' : 'write')
  const frames = Array.from({ length: count }, (_, index) => frame(payloadOf(first + index)))
  runSync(writeWhole(file, Buffer.concat([...frames, Buffer.alloc(zeroBytes)]), first * FRAME_BYTES))
  file.closeSync()
}

function payloadOf(index: number): Buffer {
  return Buffer.alloc(FRAME_BYTES - 12, index)
}

suite('the waiting ways of reading', () => {
  test('read the next chunk while the one before it is consumed, and no byte twice', async () => {
    const { disk, storage } = diskWith(5 * 256)
    const reader = openReader(PATH, { storage })
    let bytesRead = 0
    disk.faults = ({ kind, length = 0 }) => {
      if (kind === 'read') bytesRead += length
      return undefined
    }
    let count = 0
    for await (const batch of reader.batches()) {
      count += batch.count
      await disk.settle()
      const isLast = count === 5 * 256
      assert.equal(bytesRead, count * FRAME_BYTES + (isLast ? 0 : CHUNK_BYTES))
    }
    assert.equal(count, 5 * 256)
    reader.close()
  })

  test('D2 D3: give what the blocking ones give, whatever straddles the chunks', async () => {
    const disk = new SimDisk({ seed: 3 })
    const storage = disk.process()
    const payloads = Array.from({ length: 900 }, (_, index) => Buffer.alloc((index * 7919) % 30_000, index))
    payloads.splice(300, 0, Buffer.alloc(3 * CHUNK_BYTES, 'l'), Buffer.alloc(CHUNK_BYTES - 12, 'c'))
    const file = storage.openSync(PATH, 'create')
    runSync(writeWhole(file, Buffer.concat(payloads.map((payload) => frame(payload))), 0))
    file.closeSync()
    for (const how of ['batches', 'records', 'both'] as const) {
      using reader = openReader(PATH, { storage })
      let index = 0
      const take = (payload: Buffer): void => assert.ok(payload.equals(payloads[index++] as Buffer), `${how} ${index}`)
      while (reader.tailState === undefined) {
        if (how !== 'records') {
          for await (const batch of reader.batches()) {
            for (let at = 0; at < batch.count; at++) take(batch.payload(at))
            if (how === 'both') break
          }
        }
        if (how !== 'batches') {
          for await (const { payload } of reader) {
            take(payload)
            if (how === 'both' && index % 50 === 0) break
          }
        }
        if (how === 'both') {
          for (const { payload } of reader) {
            take(payload)
            if (index % 70 === 0) break
          }
        }
      }
      assert.equal(index, payloads.length)
      assert.equal(reader.tailState, 'clean-end')
    }
  })

  test('D2: what was zeros when it was read ahead is read again after a refresh', async () => {
    const { disk, storage } = diskWith(256, CHUNK_BYTES)
    using reader = openReader(PATH, { storage })
    const { value } = await reader.batches().next()
    assert.equal(value?.count, 256)
    await disk.settle()
    writeFrames(storage, 256, 10)
    reader.refresh()
    let count = 0
    for await (const batch of reader.batches()) count += batch.count
    assert.equal(count, 10)
  })

  test('a failure of what is read ahead is told when its turn comes, and reading can go on', async () => {
    const { disk, storage } = diskWith(3 * 256)
    using reader = openReader(PATH, { storage })
    const batches = reader.batches()
    await batches.next()
    disk.faults = ({ kind }) => (kind === 'read' ? { error: 'EIO' } : undefined)
    await disk.settle()
    disk.faults = undefined
    await assert.rejects(batches.next(), { code: 'ERR_FSYS_IO' })
    let count = 0
    for await (const batch of reader.batches()) count += batch.count
    assert.equal(count, 2 * 256)
  })

  test('D3 D4b: neither memory nor file is given back while something is read ahead into it', async () => {
    const { disk, storage } = diskWith(3 * 256)
    const memory = new CountingPool()
    const reader = openReader(PATH, { storage, memory })
    await reader.batches().next()
    reader.close()
    assert.equal(memory.lent, 3)
    await disk.settle()
    await new Promise(setImmediate)
    assert.equal(memory.lent, 0)
    assert.deepEqual(disk.violations, [])
  })
})
