import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { SimStorage } from '#src/storage/sim-storage.js'
import { faultByChance, faultFromNth, faultOnNth } from '#src/storage/sim/faults.js'
import { RecordedChoices } from '#src/storage/sim/recorded-choices.js'
import { SimDisk, type SimDiskOptions } from '#src/storage/sim/sim-disk.js'
import type { StorageFile } from '#src/storage/storage.js'

import { failsWith, fill, letters, outcomes } from './sim-support.js'

interface Setting {
  readonly disk: SimDisk
  readonly storage: SimStorage
  readonly file: StorageFile
}

/** A disk with a file at /a, whose name and content are durable. */
function withFile(content: string, options: SimDiskOptions = {}): Setting {
  const disk = new SimDisk(options)
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  file.writeSync(fill(content), 0)
  file.syncSync()
  storage.syncDirectorySync('/')
  return { disk, storage, file }
}

function read(file: StorageFile): string {
  const target = Buffer.alloc(file.statSync().size)
  file.readSync(target, 0)
  return letters(target)
}

test('tornSectorChance: a sector that a power cut lets survive can be a mixture, its first bytes new', () => {
  const mixtures = (options: SimDiskOptions): Set<number> => {
    const { disk, file } = withFile('a', options)
    file.writeSync(fill('b'), 0)
    const found = new Set<number>()
    for (let seed = 1; seed <= 200; seed += 1) {
      const text = Buffer.from(disk.durableImage('/a', seed) ?? []).toString()
      assert.match(text, /^b*a*$/)
      found.add(text.lastIndexOf('b') + 1)
    }
    return found
  }
  assert.deepEqual(mixtures({}), new Set([0, 512]))
  assert.deepEqual(mixtures({ writeOrder: 'in-order' }), new Set([0, 512]))
  for (const options of [{ tornSectorChance: 0.5 }, { tornSectorChance: 0.5, writeOrder: 'in-order' as const }]) {
    const torn = mixtures(options)
    assert.ok(torn.has(0) && torn.has(512) && torn.size > 10, [...torn].join())
  }
})

test('writeOrder: in order, a power cut leaves the first writes, and of the next one the first sectors', () => {
  const { disk, file } = withFile('abc', { writeOrder: 'in-order' })
  file.writeSync(fill('AB'), 0)
  file.writeSync(fill('CD'), 1024)
  file.truncateSync(512)
  file.writeSync(fill('z'), 512)
  const inOrder = ['abc', 'Abc', 'ABc', 'ABC', 'ABCD', 'A', 'Az']
  assert.deepEqual(outcomes(disk, '/a', letters), inOrder.toSorted())
})

test('unsyncedData, unsyncedSizes: what no sync has covered is lost, or survives, as each of them says', () => {
  const left = (options: SimDiskOptions): string[] => {
    const { disk, file } = withFile('ab', options)
    file.writeSync(fill('A'), 0)
    file.writeSync(fill('c'), 1024)
    return outcomes(disk, '/a', letters)
  }
  assert.deepEqual(left({}), ['Ab', 'Ab.', 'Abc', 'ab', 'ab.', 'abc'])
  assert.deepEqual(left({ unsyncedData: 'all' }), ['Ab', 'Abc'])
  assert.deepEqual(left({ unsyncedData: 'none' }), ['ab', 'ab.'])
  assert.deepEqual(left({ unsyncedSizes: 'all' }), ['Ab.', 'Abc', 'ab.', 'abc'])
  assert.deepEqual(left({ unsyncedSizes: 'none' }), ['Ab', 'ab'])
  assert.deepEqual(left({ unsyncedData: 'all', unsyncedSizes: 'all' }), ['Abc'])
  assert.deepEqual(left({ unsyncedData: 'all', unsyncedSizes: 'none' }), ['Ab'])
  assert.deepEqual(left({ writeOrder: 'in-order', unsyncedData: 'none' }), ['ab'])
})

test('unsyncedNames: names that no sync of their directory has covered are lost, or survive', () => {
  const left = (options: SimDiskOptions): Set<string> => {
    const { disk, storage } = withFile('', options)
    storage.renameSync('/a', '/b')
    storage.openSync('/c', 'create')
    const found = new Set<string>()
    for (let seed = 1; seed <= 100; seed += 1) found.add(disk.afterPowerCut(seed).files().join(' '))
    return found
  }
  assert.deepEqual(left({}), new Set(['/a', '/b', '/b /c']))
  assert.deepEqual(left({ unsyncedNames: 'none' }), new Set(['/a']))
  assert.deepEqual(left({ unsyncedNames: 'all' }), new Set(['/b /c']))
})

test('failedSyncKeeps: what a failed sync leaves for the next one', () => {
  const left = (options: SimDiskOptions): string[] => {
    const found = new Set<string>()
    for (let seed = 1; seed <= 100; seed += 1) {
      const { disk, file } = withFile('ab', { ...options, seed })
      file.writeSync(fill('AB'), 0)
      disk.faults = faultOnNth('dataSync', 1, { error: 'EIO' })
      failsWith('EIO', () => file.dataSyncSync())
      assert.equal(letters(disk.durableImage('/a')), 'ab', 'nothing is durable after a sync that has failed')
      file.dataSyncSync()
      found.add(letters(disk.durableImage('/a')))
    }
    return [...found].toSorted()
  }
  assert.deepEqual(left({}), ['AB', 'Ab', 'aB', 'ab'])
  assert.deepEqual(left({ failedSyncKeeps: 'none' }), ['ab'])
  assert.deepEqual(left({ failedSyncKeeps: 'all' }), ['AB'])
})

test('failedSyncCache: reads see what a failed sync has lost, until the cache is dropped; or see at once that it is lost', () => {
  for (const failedSyncCache of ['kept', 'dropped'] as const) {
    const { disk, file } = withFile('ab', { failedSyncKeeps: 'none', failedSyncCache })
    file.writeSync(fill('AB'), 0)
    disk.faults = faultOnNth('sync', 1, { error: 'EIO' })
    failsWith('EIO', () => file.syncSync())
    assert.equal(read(file), failedSyncCache === 'kept' ? 'AB' : 'ab')
    disk.dropCache('/a')
    assert.equal(read(file), 'ab')
  }
})

test('EIO, ENOSPC and EDQUOT from a sync lose data; EINTR does not', () => {
  for (const error of ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR']) {
    const { disk, file } = withFile('a', { failedSyncKeeps: 'none' })
    file.writeSync(fill('A'), 0)
    disk.faults = faultOnNth('dataSync', 1, { error })
    failsWith(error, () => file.dataSyncSync())
    file.dataSyncSync()
    assert.equal(letters(disk.durableImage('/a')), error === 'EINTR' ? 'A' : 'a', error)
  }
})

test('fileBytesMax: a short count first, then EFBIG', async () => {
  const { file } = withFile('a', { fileBytesMax: 1000 })
  assert.equal(file.writeSync(fill('bb'), 512), 488)
  failsWith('EFBIG', () => file.writeSync(fill('b'), 1000))
  failsWith('EFBIG', () => file.truncateSync(1001))
  assert.equal(await file.write(Buffer.alloc(0), 1000), 0)
  file.truncateSync(1000)
  assert.equal(file.statSync().size, 1000)
})

test('openFilesMax: one file too many is EMFILE, in one process and all its threads, until one is closed', () => {
  const { disk, storage, file } = withFile('', { openFilesMax: 2 })
  const other = disk.process({ pid: storage.owners.self().pid, thread: 7 }).openSync('/a', 'read')
  failsWith('EMFILE', () => storage.openSync('/a', 'read'))
  failsWith('EMFILE', () => storage.openSync('/new', 'create'))
  assert.deepEqual(disk.files(), ['/a'])
  disk.process().openSync('/a', 'read').closeSync()
  other.closeSync()
  storage.openSync('/a', 'read').closeSync()
  file.closeSync()
})

test('permissions: a file or a directory that does not allow it cannot be opened, made, renamed or removed', () => {
  const { disk, storage } = withFile('a')
  disk.makeDirectory('/d')
  storage.openSync('/d/x', 'create').closeSync()
  disk.setPermissions('/a', 0o400)
  failsWith('EACCES', () => storage.openSync('/a', 'write'))
  failsWith('EACCES', () => storage.openSync('/a', 'replace'))
  assert.equal(read(storage.openSync('/a', 'read')), 'a')
  disk.setPermissions('/a', 0o200)
  failsWith('EACCES', () => storage.openSync('/a', 'read'))
  disk.setPermissions('/d', 0o500)
  failsWith('EACCES', () => storage.openSync('/d/y', 'create'))
  failsWith('EACCES', () => storage.renameSync('/d/x', '/x'))
  failsWith('EACCES', () => storage.renameSync('/a', '/d/a'))
  failsWith('EACCES', () => storage.linkSync('/a', '/d/a'))
  failsWith('EACCES', () => storage.unlinkSync('/d/x'))
  disk.cutPower()
  failsWith('EACCES', () => disk.process().unlinkSync('/d/x'))
  failsWith('EACCES', () => disk.process().openSync('/a', 'read'))
})

test('bits rot at once, or are seen when the disk is read again', () => {
  const { disk, file } = withFile('a')
  disk.corrupt('/a', 0, 1, 'when-read-again')
  assert.equal(read(file), 'a')
  assert.equal(letters(disk.durableImage('/a')), '?')
  disk.dropCache('/a')
  assert.equal(read(file), '?')
})

test('a lie: a sync answers, and nothing is durable; an honest one later makes up for it', async () => {
  const { disk, storage, file } = withFile('a')
  disk.faults = faultFromNth(['sync', 'dataSync', 'syncDirectory'], 1, 'lie')
  file.writeSync(fill('b'), 0)
  storage.linkSync('/a', '/b')
  file.dataSyncSync()
  await file.sync()
  assert.equal(await storage.syncDirectory('/'), true)
  assert.deepEqual(disk.afterPowerCut('none').files(), ['/a'])
  assert.equal(letters(disk.durableImage('/a')), 'a')
  disk.faults = undefined
  await file.dataSync()
  storage.syncDirectorySync('/')
  assert.deepEqual(disk.afterPowerCut('none').files(), ['/a', '/b'])
  assert.equal(letters(disk.durableImage('/a')), 'b')
})

test('a fault by chance strikes as often as it says, and as the seed says', () => {
  const struck = (seed: number): number => {
    const { disk, file } = withFile('', { seed })
    disk.faults = faultByChance('write', 0.3, { error: 'EINTR' }, '/a')
    let count = 0
    for (let round = 0; round < 1000; round += 1) {
      try {
        file.writeSync(fill('a'), 0)
      } catch {
        count += 1
      }
    }
    return count
  }
  assert.ok(struck(1) > 250 && struck(1) < 350, `${struck(1)}`)
  assert.equal(struck(1), struck(1))
  assert.notEqual(struck(1), struck(2))
})

test('what breaks can stay broken, from the n-th operation on', () => {
  const { disk, file } = withFile('')
  disk.faults = faultFromNth('write', 2, { error: 'EIO' })
  file.writeSync(fill('a'), 0)
  for (let round = 0; round < 3; round += 1) failsWith('EIO', () => file.writeSync(fill('a'), 0))
})

test('a slow operation takes simulated time; others overtake it, and timers go off meanwhile', async () => {
  const { disk, storage, file } = withFile('a', { choices: new RecordedChoices([]) })
  disk.faults = faultOnNth('write', 1, { delayMs: 5000 })
  const order: string[] = []
  const start = disk.now
  storage.clock.startTimer(4000, () => order.push('timer'))
  const slow = file.write(fill('b'), 0).then(() => order.push('slow'))
  const quick = file.write(fill('c'), 0).then(() => order.push('quick'))
  await Promise.all([slow, quick])
  assert.deepEqual(order, ['quick', 'timer', 'slow'])
  assert.ok(disk.now - start >= 5000 && disk.now - start < 6000, `${disk.now - start}`)
  assert.equal(read(file), 'b')
  disk.faults = faultOnNth('dataSync', 1, { delayMs: 700, error: 'EIO' })
  const before = disk.now
  failsWith('EIO', () => file.dataSyncSync())
  assert.ok(disk.now - before >= 700)
})

test('a slow operation of a process that dies is rejected at once, and still takes effect or is lost', async () => {
  for (const crash of ['kill', 'power-cut'] as const) {
    const { disk, storage, file } = withFile('a')
    disk.faults = faultOnNth('write', 1, { delayMs: 5000 })
    const write = file.write(fill('b'), 0)
    await file.stat()
    if (crash === 'kill') disk.killProcess(storage)
    else disk.cutPower()
    await assert.rejects(write, { name: crash === 'kill' ? 'ProcessDeathError' : 'PowerLossError' })
    assert.ok(disk.now < 1000)
    await disk.settle()
    assert.equal(letters(disk.image('/a')), crash === 'kill' ? 'b' : 'a')
  }
})

test('options that do not exist, or make no sense, are refused', () => {
  for (const options of [
    { sectorBytes: 513 },
    { tornSectorChance: 2 },
    { inodeReuse: -1 },
    { fileBytesMax: -1 },
    { unsyncedData: 'few' },
    { unsyncedNames: 'few' },
    { unsyncedSizes: 'few' },
    { failedSyncKeeps: 'few' },
    { failedSyncCache: 'few' },
    { writeOrder: 'few' },
  ])
    assert.throws(() => new SimDisk(options as SimDiskOptions), RangeError)
  assert.throws(() => new SimDisk({ tornSectors: true } as SimDiskOptions), /no option tornSectors/)
})
