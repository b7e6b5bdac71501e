import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  anyFault,
  faultAt,
  faultFromNth,
  faultOnNth,
  shortTransfers,
  writeBudget,
  type Crash,
} from '#src/storage/sim/faults.js'
import type { OperationFacts } from '#src/storage/sim/operation.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { PowerLossError, ProcessDeathError } from '#src/storage/sim/sim-errors.js'

import { failsWith, fill, letters, rejectsWith } from './sim-support.js'

test('a hook is asked about every operation, waiting and blocking, with what it works on', async () => {
  const disk = new SimDisk()
  const asked: Partial<OperationFacts>[] = []
  disk.faults = ({ index, kind, path, to, position, length, isBlocking, process }) => {
    asked.push({ index, kind, path, to, position, length, isBlocking })
    assert.equal(process.pid, storage.owners.self().pid)
    return undefined
  }
  const storage = disk.process()
  const file = await storage.open('/a', 'create')
  file.writeSync(fill('a'), 512)
  await file.truncate(7)
  await storage.rename('/a', '/b')
  const none = { to: undefined, position: undefined, length: undefined }
  assert.deepEqual(asked, [
    { ...none, index: 0, kind: 'open', path: '/a', isBlocking: false },
    { ...none, index: 1, kind: 'write', path: '/a', position: 512, length: 512, isBlocking: true },
    { ...none, index: 2, kind: 'truncate', path: '/a', length: 7, isBlocking: false },
    { ...none, index: 3, kind: 'rename', path: '/a', to: '/b', isBlocking: false },
  ])
  assert.equal(disk.operationCount, 4)
})

test('any operation can be made to fail, and then has done nothing', async () => {
  const disk = new SimDisk()
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  disk.faults = faultFromNth('write', 1, { error: 'EDQUOT' })
  assert.throws(() => file.writeSync(fill('a'), 0), { code: 'EDQUOT', errno: -122, syscall: 'write' })
  assert.equal(disk.image('/a')?.length, 0)
  for (const [kind, work] of [
    ['open', () => storage.open('/b', 'create')],
    ['list', () => storage.list('/')],
    ['stat', () => storage.stat('/a')],
    ['realPath', () => storage.realPath('/a')],
    ['rename', () => storage.rename('/a', '/b')],
    ['link', () => storage.link('/a', '/b')],
    ['unlink', () => storage.unlink('/a')],
    ['read', () => file.read(Buffer.alloc(1), 0)],
    ['truncate', () => file.truncate(9)],
    ['sync', () => file.sync()],
    ['close', () => file.close()],
  ] as const) {
    disk.faults = faultFromNth(kind, 1, { error: 'EACCES' })
    await rejectsWith('EACCES', work())
  }
  assert.deepEqual(disk.files(), ['/a'])
  assert.equal(disk.image('/a')?.length, 0)
})

test('reads and writes can be made short', async () => {
  const disk = new SimDisk()
  const file = disk.process().openSync('/a', 'create')
  disk.faults = faultAt(1, { short: 100 })
  assert.equal(await file.write(Buffer.alloc(300, 'a'), 0), 100)
  assert.equal(file.statSync().size, 100)
  disk.faults = faultOnNth('read', 2, { short: 7 })
  const target = Buffer.alloc(50)
  assert.equal(file.readSync(target, 0), 50)
  assert.equal(file.readSync(target, 0), 7)
  disk.faults = faultFromNth('write', 1, { short: 0 })
  assert.equal(file.writeSync(fill('a'), 0), 0)
})

test('short transfers by chance move at least one byte', () => {
  const disk = new SimDisk()
  const file = disk.process().openSync('/a', 'create')
  disk.faults = shortTransfers(1)
  for (let round = 0; round < 100; round += 1) {
    const count = file.writeSync(fill('a'), 0)
    assert.ok(count >= 1 && count < 512)
  }
})

test('a write budget is exact to the byte: a short write, then the error', () => {
  const disk = new SimDisk()
  const file = disk.process().openSync('/a', 'create')
  disk.faults = writeBudget(1000)
  assert.equal(file.writeSync(Buffer.alloc(600), 0), 600)
  assert.equal(file.writeSync(Buffer.alloc(600), 600), 400)
  failsWith('ENOSPC', () => file.writeSync(Buffer.alloc(1), 1000))
})

test('the first of several hooks that has a fault decides', () => {
  const disk = new SimDisk()
  const file = disk.process().openSync('/a', 'create')
  disk.faults = anyFault(faultOnNth('write', 2, { error: 'EIO' }), writeBudget(512))
  file.writeSync(fill('a'), 0)
  failsWith('EIO', () => file.writeSync(fill('a'), 0))
  failsWith('ENOSPC', () => file.writeSync(fill('a'), 0))
})

for (const crash of ['power-cut', 'kill'] as const) {
  const deathError = crash === 'kill' ? ProcessDeathError : PowerLossError

  test(`a ${crash} strikes before, in the middle of, or after an operation, blocking or waiting`, async () => {
    for (const isBlocking of [true, false]) {
      const images = async (when: 'before' | 'middle' | 'after'): Promise<string[]> => {
        const found = new Set<string>()
        for (let seed = 1; seed <= 200; seed += 1) found.add(await struckWrite(seed, crash, when, isBlocking))
        return [...found].toSorted()
      }
      assert.deepEqual(await images('before'), ['...'])
      const isKill = crash === 'kill'
      assert.deepEqual(await images('middle'), isKill ? ['a..', 'ab.'] : ['...', '.b.', 'a..', 'ab.'])
      const after = await images('after')
      if (isKill) assert.deepEqual(after, ['abc'])
      else assert.ok(after.includes('abc') && after.includes('...') && after.includes('.bc'), after.join(' '))
    }
  })

  test(`a ${crash} at any operation leaves no promise that does not settle`, async () => {
    for (let index = 0; index < 30; index += 1) {
      const disk = new SimDisk({ seed: index })
      disk.faults = faultAt(index, crash)
      const storage = disk.process()
      const work = async (): Promise<void> => {
        const file = await storage.open('/a', 'create')
        for (let round = 0; round < 10; round += 1) {
          await Promise.all([file.write(fill('a'), round * 512), file.stat(), file.dataSync()])
        }
      }
      await assert.rejects(work(), deathError)
    }
  })
}

test('without a word when, a crash comes at all three moments', async () => {
  const found = new Set<string>()
  for (let seed = 1; seed <= 60; seed += 1) found.add(await struckWrite(seed, 'kill', undefined, true))
  assert.deepEqual([...found].toSorted(), ['...', 'a..', 'ab.', 'abc'])
})

test('a hook that throws fails the operation', async () => {
  const disk = new SimDisk()
  disk.faults = () => {
    throw new Error('no such plan')
  }
  const storage = disk.process()
  assert.throws(() => storage.listSync('/'), /no such plan/)
  await assert.rejects(storage.list('/'), /no such plan/)
})

/** What a write of three sectors leaves when it is struck. */
async function struckWrite(
  seed: number,
  crash: Crash,
  when: 'before' | 'middle' | 'after' | undefined,
  isBlocking: boolean,
): Promise<string> {
  const disk = new SimDisk({ seed })
  const storage = disk.process()
  const file = storage.openSync('/a', 'create')
  file.writeSync(fill('...'), 0)
  file.syncSync()
  storage.syncDirectorySync('/')
  disk.faults = faultOnNth('write', 1, when === undefined ? crash : { crash, when })
  const expected = crash === 'kill' ? ProcessDeathError : PowerLossError
  if (isBlocking) assert.throws(() => file.writeSync(fill('abc'), 0), expected)
  else await assert.rejects(file.write(fill('abc'), 0), expected)
  await disk.settle()
  return letters(disk.image('/a'))
}
