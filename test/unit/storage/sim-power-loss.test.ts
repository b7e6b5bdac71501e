import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { SimStorage } from '#src/storage/sim-storage.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { PowerLossError } from '#src/storage/sim/sim-errors.js'
import type { StorageFile } from '#src/storage/storage.js'

import { failsWith, fill, letters, outcomes, rejectsWith } from './sim-support.js'

interface Setting {
  readonly disk: SimDisk
  readonly storage: SimStorage
  readonly file: StorageFile
}

/** A disk with a file at /a whose name is durable, and whose content is, if there is any. */
function withFile(content: Uint8Array = Buffer.alloc(0), seed = 1): Setting {
  const disk = new SimDisk({ seed })
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  file.writeSync(content, 0)
  file.syncSync()
  storage.syncDirectorySync('/')
  return { disk, storage, file }
}

test('what a successful sync covers survives every power cut', () => {
  const { disk, file } = withFile()
  file.writeSync(fill('abc'), 0)
  file.dataSyncSync()
  assert.deepEqual(outcomes(disk, '/a', letters), ['abc'])
})

test('of a sector any version since the last sync survives, or the durable one', () => {
  const { disk, file } = withFile(fill('a'))
  file.writeSync(fill('b'), 0)
  file.writeSync(fill('c'), 0)
  assert.deepEqual(outcomes(disk, '/a', letters), ['a', 'b', 'c'])
})

test('sectors survive each for itself', () => {
  const { disk, file } = withFile(fill('abc'))
  file.writeSync(fill('ABC'), 0)
  const all = ['ABC', 'ABc', 'AbC', 'Abc', 'aBC', 'aBc', 'abC', 'abc']
  assert.deepEqual(outcomes(disk, '/a', letters), all.toSorted())
})

test('a write that covers a part of a sector is there or not, with the bytes around it', () => {
  const { disk, file } = withFile(fill('a'))
  file.writeSync(Buffer.from('xyz'), 100)
  const found = outcomes(disk, '/a', (bytes) => Buffer.from(bytes ?? []).toString('latin1', 98, 105))
  assert.deepEqual(found, ['aaaaaaa', 'aaxyzaa'])
})

test('pages are lost as a whole often enough to be met', () => {
  const { disk, file } = withFile(fill('a'.repeat(24)))
  file.writeSync(fill('b'.repeat(24)), 0)
  const found = outcomes(disk, '/a', letters)
  for (const pattern of ['aaaaaaaabbbbbbbbbbbbbbbb', 'bbbbbbbbaaaaaaaabbbbbbbb', 'bbbbbbbbbbbbbbbbaaaaaaaa']) {
    assert.ok(found.includes(pattern), pattern)
  }
})

test('larger sectors survive as a whole', () => {
  const disk = new SimDisk({ sectorBytes: 4096 })
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  file.writeSync(fill('a'.repeat(8)), 0)
  file.dataSyncSync()
  storage.syncDirectorySync('/')
  file.writeSync(fill('b'.repeat(8)), 0)
  assert.deepEqual(outcomes(disk, '/a', letters), ['aaaaaaaa', 'bbbbbbbb'])
})

test('a size that was never synced can be lost, and be there without its data', () => {
  const { disk, file } = withFile(fill('a'))
  file.writeSync(fill('b'), 512)
  assert.deepEqual(outcomes(disk, '/a', letters), ['a', 'a.', 'ab'])
})

test('changes of size survive in their order: a prefix of them', () => {
  const { disk, file } = withFile(fill('ab'))
  file.truncateSync(512)
  file.truncateSync(1536)
  file.truncateSync(1024)
  assert.deepEqual(outcomes(disk, '/a', letters), ['a', 'a.', 'a..', 'ab'])
})

test('a growth can survive in part', () => {
  const { disk, file } = withFile(fill('a'))
  file.writeSync(fill('bbb'), 512)
  assert.deepEqual(
    outcomes(disk, '/a', (bytes) => `${(bytes?.length ?? 0) / 512}`),
    ['1', '2', '3', '4'],
  )
})

test('a truncation that is lost brings old bytes back, even behind a later write that survived', () => {
  const { disk, file } = withFile(fill('abcd'))
  file.truncateSync(512)
  file.writeSync(fill('X'), 512)
  const found = outcomes(disk, '/a', letters)
  assert.ok(found.includes('aXcd'), 'the old tail stands behind the new write')
  assert.ok(found.includes('abcd'), 'nothing survived')
  assert.ok(found.includes('a.'), 'the truncation and the new size, without the data')
  assert.ok(found.includes('aX'), 'everything survived')
  assert.deepEqual(found, ['a', 'a.', 'aX', 'aXcd', 'abcd'])
})

test('a truncation that survives zeroes what was written before it', () => {
  const { disk, file } = withFile(fill('abcd'))
  file.writeSync(fill('XY'), 1024)
  file.truncateSync(512)
  file.truncateSync(2048)
  for (const text of outcomes(disk, '/a', letters)) {
    assert.ok(['abcd', 'abXd', 'abcY', 'abXY', 'a', 'a.', 'a..', 'a...'].includes(text), text)
  }
})

test('a truncation within a sector zeroes the rest of it when the file grows again', () => {
  const { disk, file } = withFile(Buffer.alloc(512, 'a'))
  file.truncateSync(3)
  file.dataSyncSync()
  file.truncateSync(6)
  file.dataSyncSync()
  assert.deepEqual(Buffer.from(disk.durableImage('/a') ?? []), Buffer.from('aaa\0\0\0'))
})

test('a sync covers what was written before it began, and later writes may survive or not', async () => {
  const results = new Set<string>()
  for (let seed = 1; seed <= 200; seed += 1) {
    const { disk, file } = withFile(fill('..'), seed)
    file.writeSync(fill('a'), 0)
    const sync = file.dataSync()
    const write = file.write(fill('b'), 512)
    await Promise.all([sync, write])
    results.add(letters(disk.durableImage('/a')))
    results.add(`maybe ${letters(disk.durableImage('/a', seed))}`)
  }
  assert.deepEqual([...results].toSorted(), ['a.', 'ab', 'maybe a.', 'maybe ab'])
})

test('a write that has not taken effect when a sync begins is not covered, though it was issued before', async () => {
  const results = new Set<string>()
  for (let seed = 1; seed <= 200; seed += 1) {
    const { disk, file } = withFile(fill('.'), seed)
    await Promise.all([file.write(fill('a'), 0), file.dataSync()])
    results.add(letters(disk.durableImage('/a')))
  }
  assert.deepEqual([...results].toSorted(), ['.', 'a'])
})

test('of two unfinished writes to one place either can come last', async () => {
  const results = new Set<string>()
  for (let seed = 1; seed <= 100; seed += 1) {
    const { disk, file } = withFile(fill('.'), seed)
    await Promise.all([file.write(fill('a'), 0), file.write(fill('b'), 0)])
    results.add(letters(disk.image('/a')))
  }
  assert.deepEqual([...results].toSorted(), ['a', 'b'])
})

test('a waiting write can take effect in two parts, which meet where sectors do', async () => {
  const results = new Set<string>()
  for (let seed = 1; seed <= 400; seed += 1) {
    const { disk, storage, file } = withFile(fill('...'), seed)
    disk.faults = () => void results.add(letters(disk.image('/a')))
    await Promise.all([file.write(fill('abc'), 0), storage.stat('/a'), storage.stat('/a'), storage.stat('/a')])
  }
  assert.deepEqual([...results].toSorted(), ['...', 'a..', 'ab.', 'abc'])
})

test('unsynced names are lost, a prefix of the moves in a directory survives', () => {
  const { disk, storage } = withFile()
  storage.renameSync('/a', '/b')
  storage.linkSync('/b', '/c')
  storage.unlinkSync('/b')
  const found = new Set(Array.from({ length: 100 }, (_, seed) => disk.afterPowerCut(seed).files().join(' ')))
  assert.deepEqual([...found].toSorted(), ['/a', '/b', '/b /c', '/c'])
})

test('a rename within a directory is atomic: one name or the other, never both or none', () => {
  const { disk, storage } = withFile(fill('a'))
  const draft = storage.openSync('/draft', 'create')
  draft.writeSync(fill('b'), 0)
  draft.syncSync()
  storage.syncDirectorySync('/')
  storage.renameSync('/draft', '/a')
  const found = new Set<string>()
  for (let seed = 0; seed < 100; seed += 1) {
    const after = disk.afterPowerCut(seed)
    found.add(`${after.files().join(' ')} ${letters(after.image('/a'))}`)
  }
  assert.deepEqual([...found].toSorted(), ['/a /draft a', '/a b'])
})

test('syncing a file does not make its name durable; syncing the directory makes no content so', () => {
  const disk = new SimDisk()
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  file.writeSync(fill('a'), 0)
  file.syncSync()
  assert.equal(disk.durableImage('/a'), undefined)
  storage.syncDirectorySync('/')
  assert.equal(letters(disk.durableImage('/a')), 'a')
  storage.openSync('/b', 'create').writeSync(fill('b'), 0)
  storage.syncDirectorySync('/')
  assert.equal(letters(disk.durableImage('/b')), '')
})

test('a directory sync covers the moves before it began', async () => {
  const results = new Set<string>()
  for (let seed = 1; seed <= 100; seed += 1) {
    const disk = new SimDisk({ seed })
    const storage = disk.process()
    storage.openSync('/a', 'create')
    await Promise.all([storage.syncDirectory('/'), storage.rename('/a', '/b')])
    results.add(disk.afterPowerCut('none').files().join(' '))
  }
  assert.deepEqual([...results].toSorted(), ['/a', '/b'])
})

test('without directory syncs the answer is false, and no name is made durable', () => {
  const disk = new SimDisk({ directorySync: false })
  const storage = disk.process()
  storage.openSync('/a', 'create')
  assert.equal(storage.syncDirectorySync('/'), false)
  assert.deepEqual(disk.afterPowerCut('none').files(), [])
})

test('after a power cut everything from before fails for ever, and a new process finds what survived', async () => {
  const { disk, storage, file } = withFile(fill('a'))
  const boot = storage.owners.self().boot
  const device = file.statSync().device
  const waiting = [file.write(fill('b'), 0), file.dataSync(), storage.open('/b', 'create'), storage.stat('/a')]
  disk.cutPower()
  for (const promise of waiting) await assert.rejects(promise, PowerLossError)
  assert.throws(() => file.readSync(Buffer.alloc(1), 0), PowerLossError)
  assert.throws(() => storage.statSync('/a'), PowerLossError)
  await assert.rejects(file.close(), PowerLossError)
  await assert.rejects(storage.unlink('/a'), PowerLossError)
  const next = disk.process()
  assert.equal(letters(disk.image('/a')), 'a')
  assert.notEqual(next.owners.self().boot, boot)
  const reopened = await next.open('/a', 'write')
  assert.notEqual(reopened.statSync().device, device, 'device numbers change over boots')
  assert.equal(await reopened.read(Buffer.alloc(1000), 0), 512)
})

test('calls on a file that was closed fail with EBADF, and a second close does nothing', async () => {
  const { file } = withFile()
  await file.close()
  await file.close()
  file.closeSync()
  await rejectsWith('EBADF', file.write(fill('a'), 0))
  failsWith('EBADF', () => file.statSync())
})

test('a removed file that is still open works on, and its bytes do not come back', () => {
  const { disk, storage, file } = withFile(fill('a'))
  storage.unlinkSync('/a')
  file.writeSync(fill('b'), 512)
  assert.equal(file.readSync(Buffer.alloc(2000), 0), 1024)
  file.dataSyncSync()
  storage.syncDirectorySync('/')
  assert.deepEqual(disk.afterPowerCut('all').files(), [])
})

test('positions up to 2^53 - 1 hold bytes, before and after a power cut', () => {
  const { disk, storage, file } = withFile()
  const last = 2 ** 53 - 2
  file.writeSync(Buffer.from('xy'), 2 ** 33 - 1)
  file.writeSync(Buffer.from('z'), last)
  assert.equal(file.statSync().size, last + 1)
  failsWith('EFBIG', () => file.writeSync(Buffer.from('zz'), last))
  file.dataSyncSync()
  disk.cutPower()
  const again = disk.process().openSync('/a', 'read')
  const target = Buffer.alloc(4, '-')
  assert.equal(again.readSync(target, 2 ** 33 - 2), 4)
  assert.deepEqual(target, Buffer.from('\0xy\0'))
  assert.equal(again.readSync(target, last), 1)
  assert.equal(target.toString('latin1', 0, 1), 'z')
  assert.throws(() => storage.statSync('/a'), PowerLossError)
})

test('a fork after a power cut leaves the disk itself alone', () => {
  const { disk, file } = withFile(fill('a'))
  file.writeSync(fill('b'), 0)
  const fork = disk.afterPowerCut('none')
  const other = fork.process().openSync('/a', 'write')
  other.writeSync(fill('c'), 0)
  assert.equal(letters(fork.image('/a')), 'c')
  assert.equal(letters(disk.image('/a')), 'b')
  assert.equal(letters(disk.durableImage('/a')), 'a')
  assert.equal(letters(disk.afterPowerCut('all').image('/a')), 'b')
})

test('bits rot on the disk and in the cache', () => {
  const { disk, file } = withFile(fill('a'))
  disk.corrupt('/a', 5, 0x03)
  const byte = Buffer.alloc(1)
  file.readSync(byte, 5)
  assert.equal(byte.toString(), 'b')
  assert.equal(disk.durableImage('/a')?.[5], 'b'.charCodeAt(0))
})

// A surviving truncation once zeroed the rest of a sector in the memory of a large write itself, not in a copy of it: the next
// cut of the same power found a sector that nobody had written.
test('what one power cut would leave of a large write changes nothing for the next', () => {
  const { disk, file } = withFile()
  file.writeSync(Buffer.alloc(40_000, 'x'), 0)
  file.truncateSync(39_000)
  const found = new Set<string>()
  for (let seed = 0; seed < 200; seed++) {
    const image = disk.afterPowerCut(seed).image('/a') as Uint8Array
    // The sector that the truncation divides.
    if (image.length === 40_000) found.add([...new Set(image.subarray(38_912, 39_424))].join(' and '))
  }
  assert.deepEqual([...found].toSorted(), ['0', '120'])
})
