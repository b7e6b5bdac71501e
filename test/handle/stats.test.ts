import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createHandle } from 'fsys'

import { faultOnNth, SimDisk } from '#src/testing.js'

import { Listener } from '../support/events.js'
import { inEveryWorldWaiting } from './worlds.js'

inEveryWorldWaiting('stats counts calls, their bytes, failures and durations by kind', async (world) => {
  const handle = world.handle({ root: world.base })
  assert.deepEqual(handle.stats().calls, {})
  await handle.write('a', 'one')
  handle.writeSync('a', 'three')
  await handle.append('a', '!')
  await handle.read('a')
  handle.readSync('a')
  await handle.copy('a', 'b')
  await handle.exists('none')
  await assert.rejects(handle.read('none'), { code: 'ERR_FSYS_NOT_FOUND' })
  await assert.rejects(handle.append('a', 1 as unknown as string), TypeError)
  const { calls, unfinished, batched, fileSyncMs, directorySyncMs } = handle.stats()
  const counts = Object.entries(calls).map(([verb, { count, failures, bytes }]) => [verb, count, failures, bytes])
  assert.deepEqual(counts, [
    ['write', 2, 0, 8],
    ['append to', 1, 0, 1],
    ['read', 3, 1, 12],
    ['copy', 1, 0, 6],
    ['look at', 1, 0, 0],
  ])
  assert.equal(unfinished, 0)
  assert.equal(batched.write.count, 0)
  // One of each write, append and copy.
  assert.deepEqual([fileSyncMs.count, directorySyncMs.count], [4, 4])
  const write = calls['write']?.durationMs
  assert.ok(write !== undefined && write.count === 2 && write.max > 0 && write.p50 <= write.max)
  // The syncs are in the writes.
  assert.ok(fileSyncMs.sum + directorySyncMs.sum > 0)
  assert.equal(calls['read']?.durationMs.count, 2)
})

inEveryWorldWaiting('stats counts what batches have done, and a batch as one call', async (world) => {
  const handle = world.handle({ root: world.base })
  await handle.writeBatch(Array.from({ length: 20 }, (_, index): [string, string] => [`f${index}`, 'x'.repeat(index)]))
  await handle.batch().copy('f3', 'c').rename('f4', 'r').delete('f5').delete('none').commit()
  await assert.rejects(
    handle.writeBatch(
      [
        ['a', '1234'],
        ['none/b', '2'],
        ['c', '3'],
      ],
      { grouped: false, concurrency: 1 },
    ),
    { code: 'ERR_FSYS_BATCH' },
  )
  const { calls, batched } = handle.stats()
  assert.deepEqual(batched, {
    write: { count: 21, bytes: 190 + 4 },
    delete: { count: 2, bytes: 0 },
    rename: { count: 1, bytes: 0 },
    copy: { count: 1, bytes: 3 },
  })
  const [[verb, batches] = ['', undefined]] = Object.entries(calls)
  assert.equal(verb, 'commit a batch that begins with')
  assert.deepEqual([batches?.count, batches?.failures, batches?.bytes], [3, 1, 193])
})

test('stats tells what is under way, is a frozen snapshot, and outlives the handle', async () => {
  const disk = new SimDisk()
  const handle = createHandle({ storage: disk.process(), mode: 'prod' })
  const writing = handle.write('/a', 'x')
  assert.equal(handle.stats().unfinished, 1)
  await writing
  const before = handle.stats()
  assert.ok(Object.isFrozen(before) && Object.isFrozen(before.calls) && Object.isFrozen(before.calls['write']))
  assert.ok(Object.isFrozen(before.batched) && Object.isFrozen(before.batched.write))
  handle.close()
  await assert.rejects(handle.write('/a', 'y'), { code: 'ERR_FSYS_CLOSED' })
  assert.deepEqual(handle.stats(), before)
})

test('a sync that hangs is a write that takes long, and one that fails is not counted among the syncs', async () => {
  const disk = new SimDisk()
  const handle = createHandle({ storage: disk.process(), mode: 'prod' })
  disk.faults = ({ kind }) => (kind === 'dataSync' ? { delayMs: 5000 } : undefined)
  await Promise.all([handle.write('/a', 'x'), disk.advance(10_000)])
  const { calls, fileSyncMs } = handle.stats()
  assert.ok(fileSyncMs.max >= 5000 && (calls['write']?.durationMs.max ?? 0) >= fileSyncMs.max)
  disk.faults = ({ kind }) => (kind === 'dataSync' ? { error: 'EIO' } : undefined)
  await assert.rejects(handle.write('/a', 'y'), { code: 'ERR_FSYS_IO' })
  assert.deepEqual([handle.stats().fileSyncMs.count, handle.stats().calls['write']?.failures], [1, 1])
})

test('a sync that is slow is told of while it hangs, and again when it has ended', async () => {
  const cases = [
    { kind: 'dataSync', what: 'file', oneTrip: false },
    { kind: 'syncDirectory', what: 'directory', oneTrip: false },
    { kind: 'dataSync', what: 'files', oneTrip: true },
  ] as const
  for (const { kind, what, oneTrip } of cases) {
    const disk = new SimDisk({ oneTrip })
    disk.makeDirectory('/data')
    const handle = createHandle({ storage: disk.process(), mode: 'prod', method: 'data', slowSyncMs: 500 })
    using listener = new Listener()
    disk.faults = faultOnNth(kind, 1, { delayMs: 3000 })
    if (oneTrip) {
      await handle.writeBatch([
        ['/data/a', 'x'],
        ['/data/b', 'x'],
      ])
    } else await handle.write('/data/a', 'x')
    const slow = slowOf(listener)
    const [hanging = 0, all = 0] = slow.map(({ durationMs }) => durationMs as number)
    const facts = { path: '/data', what, slowSyncMs: 500 }
    assert.deepEqual(slow, [
      { ...facts, durationMs: hanging, isFinished: false },
      { ...facts, durationMs: all, isFinished: true },
    ])
    assert.ok(hanging >= 500 && hanging < 3000 && all >= 3000, `${hanging} ${all}`)
    assert.equal(handle.stats().slowSyncs, 1)
    await handle.write('/data/a', 'y')
    await disk.advance(10_000)
    assert.deepEqual(slowOf(listener), [])
  }
})

test('a slow sync that fails is told of with its error; one that blocks when it has ended; none with slowSyncMs 0', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  const handle = createHandle({ storage, mode: 'prod', method: 'data' })
  using listener = new Listener()
  disk.faults = faultOnNth('dataSync', 1, { error: 'EIO', delayMs: 3000 })
  await assert.rejects(handle.write('/a', 'x'), { code: 'ERR_FSYS_IO' })
  const [, failed] = slowOf(listener)
  assert.equal((failed?.['error'] as { code?: string } | undefined)?.code, 'EIO')
  disk.faults = faultOnNth('dataSync', 1, { delayMs: 3000 })
  handle.writeSync('/a', 'x')
  assert.deepEqual(
    slowOf(listener).map(({ isFinished }) => isFinished),
    [true],
  )
  const indifferent = createHandle({ storage, mode: 'prod', method: 'data', slowSyncMs: 0 })
  disk.faults = faultOnNth('dataSync', 1, { delayMs: 3000 })
  await indifferent.write('/a', 'x')
  assert.deepEqual([slowOf(listener), indifferent.stats().slowSyncs, handle.stats().slowSyncs], [[], 0, 2])
  for (const slowSyncMs of [-1, 0.5, 3_600_001]) {
    assert.throws(() => createHandle({ slowSyncMs }), { code: 'ERR_FSYS_OUT_OF_RANGE' })
  }
})

function slowOf(listener: Listener): Record<string, unknown>[] {
  return listener
    .take()
    .filter(({ event }) => event === 'slow-sync')
    .map(({ message }) => message)
}
