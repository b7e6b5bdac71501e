import assert from 'node:assert/strict'
import { test } from 'node:test'

import { faultOnNth } from '#src/storage/sim/faults.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { failsWith, fill, letters, outcomes } from './sim-support.js'

/** A file whose durable content is `aaaa`, then written over by `bbbb`; the next data sync fails. */
function withFailingSync(seed = 1) {
  const disk = new SimDisk({ seed, traceLines: 100 })
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  file.writeSync(fill('aaaa'), 0)
  file.syncSync()
  storage.syncDirectorySync('/')
  file.writeSync(fill('bbbb'), 0)
  disk.faults = faultOnNth('dataSync', 1, { error: 'EIO' })
  return { disk, storage, file }
}

test('a failed sync loses some sectors for good: reads see them, a later successful sync does not write them (D5)', () => {
  const found = new Set<string>()
  for (let seed = 1; seed <= 300; seed += 1) {
    const { disk, file } = withFailingSync(seed)
    failsWith('EIO', () => file.dataSyncSync())
    assert.equal(letters(disk.image('/a')), 'bbbb')
    file.dataSyncSync()
    assert.equal(letters(disk.image('/a')), 'bbbb')
    found.add(letters(disk.durableImage('/a')))
    assert.deepEqual(outcomes(disk, '/a', letters, 5), [letters(disk.durableImage('/a'))])
  }
  assert.equal(found.size, 16, 'each sector can be lost or not')
})

test('what a failed sync did not lose is not durable either until another sync succeeds', () => {
  const { disk, file } = withFailingSync()
  failsWith('EIO', () => file.dataSyncSync())
  assert.equal(letters(disk.durableImage('/a')), 'aaaa')
})

test('what was written after a failing sync began is not lost with it', async () => {
  const found = new Set<string>()
  for (let seed = 1; seed <= 200; seed += 1) {
    const { disk, file } = withFailingSync(seed)
    const [sync] = await Promise.allSettled([file.dataSync(), file.write(fill('c'), 0)])
    assert.equal(sync.status, 'rejected')
    const began = disk.trace.findIndex((line) => /dataSync .* (begins|failed)/.test(line))
    const wrote = disk.trace.findLastIndex((line) => / write .* done/.test(line))
    file.dataSyncSync()
    found.add(`${began < wrote ? 'after' : 'before'} ${letters(disk.durableImage('/a'))[0]}`)
  }
  assert.deepEqual([...found].toSorted(), ['after c', 'before a', 'before c'])
})

test('writing into a sector again rescues what a failed sync lost of it', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const { disk, file } = withFailingSync(seed)
    failsWith('EIO', () => file.dataSyncSync())
    for (const position of [0, 512, 1024, 1536]) file.writeSync(Buffer.from('b'), position)
    file.dataSyncSync()
    assert.equal(letters(disk.durableImage('/a')), 'bbbb')
  }
})

test('changes of size wait for the next sync when one fails', () => {
  const { disk, file } = withFailingSync()
  file.truncateSync(512)
  failsWith('EIO', () => file.dataSyncSync())
  assert.equal(disk.durableImage('/a')?.length, 2048)
  file.dataSyncSync()
  assert.equal(disk.durableImage('/a')?.length, 512)
})

test('after a failed sync the cache can be dropped, and reads then see what was lost', () => {
  const found = new Set<string>()
  for (let seed = 1; seed <= 100; seed += 1) {
    const { disk, file } = withFailingSync(seed)
    failsWith('EIO', () => file.dataSyncSync())
    disk.dropCache('/a')
    found.add(letters(disk.image('/a')))
  }
  assert.ok(found.size > 5 && found.has('aaaa'), [...found].join(' '))
})

test('each open file description hears of a failure once, one that is opened later does not', () => {
  const { storage, file } = withFailingSync()
  const other = storage.openSync('/a', 'write')
  failsWith('EIO', () => file.dataSyncSync())
  const later = storage.openSync('/a', 'write')
  file.dataSyncSync()
  later.syncSync()
  failsWith('EIO', () => other.syncSync())
  other.syncSync()
})

test('a failure of writing back that nobody has heard of yet is told to one that opens later', () => {
  const { disk, storage, file } = withFailingSync()
  disk.faults = undefined
  disk.failWriteback('/a')
  const later = storage.openSync('/a', 'write')
  failsWith('EIO', () => later.dataSyncSync())
  failsWith('EIO', () => file.dataSyncSync())
  storage.openSync('/a', 'write').dataSyncSync()
  file.dataSyncSync()
})

test('a failed sync of a directory keeps its moves for the next', () => {
  const disk = new SimDisk()
  const storage = disk.process()
  disk.faults = faultOnNth('syncDirectory', 1, { error: 'EIO' })
  storage.openSync('/a', 'create')
  failsWith('EIO', () => storage.syncDirectorySync('/'))
  assert.deepEqual(disk.afterPowerCut('none').files(), [])
  storage.syncDirectorySync('/')
  assert.deepEqual(disk.afterPowerCut('none').files(), ['/a'])
})

test('a write that has failed is told to one who blocks until it has ended, also afterwards (D5)', async () => {
  const disk = new SimDisk({ oneTrip: true })
  const file = disk.process().openSync('/a', 'create')
  disk.faults = faultOnNth('write', 1, { error: 'ENOSPC' })
  await assert.rejects(file.write(fill('aaaa'), 0), { code: 'ENOSPC' })
  failsWith('ENOSPC', () => file.finishSync?.())
})
