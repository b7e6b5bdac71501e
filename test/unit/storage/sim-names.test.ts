import assert from 'node:assert/strict'
import { test } from 'node:test'

import { faultFromNth } from '#src/storage/sim/faults.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { failsWith, fill, letters } from './sim-support.js'

test('errors look like those of Node', () => {
  const storage = new SimDisk().process()
  assert.throws(() => storage.openSync('/no/a', 'read'), {
    code: 'ENOENT',
    errno: -2,
    syscall: 'open',
    path: '/no/a',
    message: "ENOENT: no such file or directory, open '/no/a'",
  })
  assert.throws(() => storage.renameSync('/a', '/b'), { code: 'ENOENT', syscall: 'rename', path: '/a', dest: '/b' })
  const file = storage.openSync('/a', 'create')
  assert.throws(() => storage.openSync('/a', 'read').writeSync(fill('a'), 0), {
    message: 'EBADF: bad file descriptor, write',
    syscall: 'write',
  })
  file.closeSync()
})

test('a read-only disk refuses every change with EROFS, and reads on', () => {
  const disk = new SimDisk()
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  file.writeSync(fill('a'), 0)
  disk.isReadOnly = true
  failsWith('EROFS', () => file.writeSync(fill('b'), 0))
  failsWith('EROFS', () => file.truncateSync(0))
  for (const mode of ['write', 'replace'] as const) failsWith('EROFS', () => storage.openSync('/a', mode))
  failsWith('EROFS', () => storage.openSync('/b', 'create'))
  failsWith('EROFS', () => storage.unlinkSync('/a'))
  failsWith('EROFS', () => storage.renameSync('/a', '/b'))
  failsWith('EROFS', () => storage.linkSync('/a', '/b'))
  assert.equal(storage.openSync('/a', 'read').readSync(Buffer.alloc(600), 0), 512)
})

test('a full disk writes short first, then fails with ENOSPC, and room comes back', () => {
  const disk = new SimDisk()
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  file.writeSync(Buffer.alloc(4096, 'a'), 0)
  disk.freeBytes = 8192
  assert.equal(file.writeSync(Buffer.alloc(20_000, 'b'), 4000), 96 + 8192)
  assert.equal(disk.freeBytes, 0)
  failsWith('ENOSPC', () => file.writeSync(Buffer.from('c'), 96 + 4000 + 8192))
  assert.equal(file.writeSync(Buffer.from('c'), 0), 1, 'what is there can be written over')
  file.truncateSync(4096)
  assert.equal(disk.freeBytes, 8192)
  file.closeSync()
  storage.unlinkSync('/a')
  assert.equal(disk.freeBytes, 12_288)
})

test('a power cut gives back the room of what it takes away', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const disk = new SimDisk({ seed })
    disk.freeBytes = 40_960
    const storage = disk.process()
    const file = storage.openSync('/a', 'create')
    storage.syncDirectorySync('/')
    file.writeSync(Buffer.alloc(8192, 'a'), 0)
    assert.equal(disk.freeBytes, 32_768)
    disk.cutPower()
    disk.process().unlinkSync('/a')
    assert.equal(disk.freeBytes, 40_960)
  }
})

test('symbolic links are followed, hard links share one file', () => {
  const disk = new SimDisk()
  const storage = disk.process()
  disk.makeDirectory('/d')
  disk.makeDirectory('/d/e')
  disk.symlink('d/e', '/relative')
  disk.symlink('/relative/../x', '/chain')
  disk.symlink('/loop', '/loop')
  const file = storage.openSync('/relative/a', 'create')
  file.writeSync(fill('a'), 0)
  assert.equal(storage.realPathSync('/relative/a'), '/d/e/a')
  assert.equal(storage.realPathSync('/relative/../e/./a'), '/d/e/a')
  assert.equal(storage.realPathSync('/'), '/')
  failsWith('ENOENT', () => storage.realPathSync('/chain'))
  storage.openSync('/chain', 'replace')
  assert.equal(storage.realPathSync('/chain'), '/d/x')
  failsWith('EEXIST', () => storage.openSync('/chain', 'create'))
  failsWith('ELOOP', () => storage.openSync('/loop', 'read'))
  storage.linkSync('/d/e/a', '/d/hard')
  storage.unlinkSync('/d/e/a')
  assert.equal(letters(disk.image('/d/hard')), 'a')
  assert.equal(storage.statSync('/d/hard')?.inode, file.statSync().inode)
})

test('hard links stay one file after a power cut', () => {
  const disk = new SimDisk()
  const storage = disk.process()
  storage.openSync('/a', 'create')
  storage.linkSync('/a', '/b')
  storage.syncDirectorySync('/')
  disk.cutPower()
  const next = disk.process()
  next.openSync('/a', 'write').writeSync(fill('a'), 0)
  assert.equal(letters(disk.image('/b')), 'a')
})

test('an inode number can be used again, with a new birth time; truncating keeps both', () => {
  const disk = new SimDisk({ inodeReuse: 1 })
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  const first = file.statSync()
  file.writeSync(fill('a'), 0)
  storage.openSync('/a', 'replace').closeSync()
  const { modificationTime, changeTime } = file.statSync()
  assert.deepEqual(file.statSync(), { ...first, modificationTime, changeTime })
  assert.ok(modificationTime > first.modificationTime)
  storage.unlinkSync('/a')
  assert.notEqual(storage.openSync('/b', 'create').statSync().inode, first.inode, 'still open')
  file.closeSync()
  const next = storage.openSync('/c', 'create').statSync()
  assert.equal(next.inode, first.inode)
  assert.ok(next.birthTime > first.birthTime)
})

test('two files never have one inode number, whatever a power cut brings back', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const disk = new SimDisk({ seed, inodeReuse: 1 })
    const storage = disk.process()
    disk.makeDirectory('/d')
    for (const path of ['/a', '/b', '/c']) storage.openSync(path, 'create').closeSync()
    storage.linkSync('/a', '/d/a')
    storage.syncDirectorySync('/')
    storage.syncDirectorySync('/d')
    for (const path of ['/a', '/b', '/d/a']) storage.unlinkSync(path)
    storage.renameSync('/c', '/d/c')
    storage.unlinkSync('/d/c')
    for (const path of ['/d/x', '/d/y', '/x', '/y']) storage.openSync(path, 'create').closeSync()
    disk.cutPower()
    const next = disk.process()
    const inodes = new Map<string, bigint | undefined>()
    for (const path of disk.files()) inodes.set(path, next.statSync(path)?.inode)
    const names = [...inodes.keys()].filter((path) => path !== '/d/a' && path !== '/d/c')
    assert.equal(new Set(names.map((path) => inodes.get(path))).size, names.length, JSON.stringify(names))
  }
})

test('a file system without birth times says 0', () => {
  const storage = new SimDisk({ birthTimes: false }).process()
  assert.equal(storage.openSync('/a', 'create').statSync().birthTime, 0n)
})

test('a platform without hard links can be had by a fault', () => {
  const disk = new SimDisk()
  disk.faults = faultFromNth('link', 1, { error: 'EPERM' })
  const storage = disk.process()
  storage.openSync('/a', 'create')
  assert.throws(() => storage.linkSync('/a', '/b'), { code: 'EPERM', path: '/a', dest: '/b' })
  assert.deepEqual(disk.files(), ['/a'])
})
