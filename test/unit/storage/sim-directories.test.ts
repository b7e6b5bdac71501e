import assert from 'node:assert/strict'
import { test } from 'node:test'

import { SimDisk } from '#src/testing.js'

test('attributes survive a power cut once a sync has covered them; a data sync does not', () => {
  for (const sync of ['syncSync', 'dataSyncSync'] as const) {
    const disk = new SimDisk()
    const file = disk.process().openSync('/a', 'create', 0o600)
    disk.process().syncDirectorySync('/')
    file.setPermissionsSync(0o644)
    file.setTimesSync(1000n, 2000n)
    assert.equal(disk.process().statSync('/a')?.permissions, 0o644)
    file[sync]()
    const facts = disk.afterPowerCut('none').process().statSync('/a')
    assert.equal(facts?.permissions, sync === 'syncSync' ? 0o644 : 0o600)
    assert.equal(facts?.modificationTime === 2000n, sync === 'syncSync')
    assert.equal(disk.afterPowerCut('all').process().statSync('/a')?.permissions, 0o644)
  }
})

test('what moves between two directories is in one of them after a power cut, and only there', () => {
  const seen = new Set<string>()
  for (let seed = 1; seed <= 60; seed++) {
    const disk = new SimDisk({ seed })
    for (const path of ['/d', '/e']) disk.makeDirectory(path)
    const storage = disk.process()
    storage.openSync('/d/a', 'create').closeSync()
    storage.syncDirectorySync('/d')
    storage.renameSync('/d/a', '/e/a')
    storage.openSync('/d/later', 'create').closeSync()
    if (seed % 3 === 0) storage.renameSync('/e/a', '/d/b')
    disk.cutPower()
    const left = disk.files().filter((path) => path !== '/d/later')
    assert.equal(left.length, 1, String(left))
    seen.add(left.join())
  }
  assert.deepEqual([...seen].toSorted(), ['/d/a', '/d/b', '/e/a'])
})

test('a sync of one directory takes along what has moved from it, or to it', () => {
  for (const synced of ['/d', '/e']) {
    const disk = new SimDisk()
    for (const path of ['/d', '/e']) disk.makeDirectory(path)
    const storage = disk.process()
    storage.openSync('/d/a', 'create').closeSync()
    storage.syncDirectorySync('/d')
    storage.renameSync('/d/a', '/e/a')
    storage.syncDirectorySync(synced)
    assert.deepEqual(disk.afterPowerCut('none').files(), ['/e/a'])
  }
})

test('directories that are made and removed survive as their names do', () => {
  const disk = new SimDisk()
  const root = disk.process().openDirectorySync('/')
  root.makeDirectorySync('d', 0o700)
  const inner = root.openDirectorySync('d')
  inner.openSync('a', 'create').closeSync()
  inner.syncSync()
  assert.deepEqual(disk.afterPowerCut('none').files(), [])
  root.syncSync()
  assert.deepEqual(disk.afterPowerCut('none').files(), ['/d/a'])
  inner.unlinkSync('a')
  root.removeDirectorySync('d')
  assert.deepEqual(disk.afterPowerCut('none').files(), ['/d/a'])
  root.syncSync()
  assert.deepEqual(disk.afterPowerCut('none').files(), [])
})

test('copies within the kernel, reflinks and holes are there as the rules say', () => {
  for (const [reflinks, kernelCopies, holes] of [
    [true, true, true],
    [false, false, false],
  ] as const) {
    const disk = new SimDisk({ reflinks, kernelCopies, holes })
    const storage = disk.process()
    const source = storage.openSync('/a', 'create')
    source.writeSync(Buffer.from('content'), 0)
    const target = storage.openSync('/b', 'create')
    assert.equal(target.cloneFromSync(source), reflinks)
    assert.equal(target.copyFromSync(source, 3, 7, 100), kernelCopies ? 4 : undefined)
    assert.equal(target.punchHoleSync(1, 2), holes)
    assert.equal(Buffer.from(disk.image('/b') ?? '').toString(), holes ? 'c\0\0tenttent' : '')
    assert.equal(disk.afterPowerCut('none').image('/b'), undefined)
  }
})

test('a process knows what it has open', () => {
  const disk = new SimDisk({ openFilesMax: 2 })
  const storage = disk.process()
  const directory = storage.openDirectorySync('/')
  const file = directory.openSync('a', 'create')
  assert.equal(disk.openFilesOf(storage), 2)
  assert.throws(() => storage.openDirectorySync('/'), { code: 'EMFILE' })
  directory.closeSync()
  file.closeSync()
  assert.equal(disk.openFilesOf(storage), 0)
})

test('the umask takes bits away', () => {
  const disk = new SimDisk({ umask: 0o027 })
  const root = disk.process().openDirectorySync('/')
  assert.equal(root.openSync('a', 'create', 0o666).statSync().permissions, 0o640)
  root.makeDirectorySync('d', 0o777)
  assert.equal(root.statSync('d')?.permissions, 0o750)
})
