import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createKernel } from '#src/checksum/crc32c.js'
import type { SimStorage } from '#src/storage/sim-storage.js'
import type { Fault } from '#src/storage/sim/faults.js'
import { Random } from '#src/storage/sim/random.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { PowerLossError, ProcessDeathError } from '#src/storage/sim/sim-errors.js'
import type { StorageFile } from '#src/storage/storage.js'

import { fill, letters } from './sim-support.js'

test('what a killed process has written stays, and it can do nothing any more', async () => {
  const disk = new SimDisk()
  const [storage, other] = [disk.process(), disk.process()]
  const file = storage.openSync('/a', 'create')
  file.writeSync(fill('a'), 0)
  disk.killProcess(storage)
  assert.throws(() => file.writeSync(fill('b'), 0), ProcessDeathError)
  await assert.rejects(storage.stat('/a'), ProcessDeathError)
  assert.equal(letters(disk.image('/a')), 'a')
  assert.equal(other.statSync('/a')?.size, 512)
})

// A batch of a killed process has failed with EBADF: its death had closed the directory, and that was looked at first.
test('an open directory of a killed process can do nothing any more either, and says why', async () => {
  const disk = new SimDisk({ oneTrip: true })
  const storage = disk.process()
  const directory = storage.openDirectorySync('/')
  disk.killProcess(storage)
  const file = { name: 'a', draft: '.a', content: fill('a'), permissions: 0o600 }
  await assert.rejects(directory.sync(), ProcessDeathError)
  assert.throws(() => directory.syncSync(), ProcessDeathError)
  await assert.rejects(async () => await directory.replaceFiles?.([file], false), ProcessDeathError)
  const other = disk.process().openDirectorySync('/')
  assert.deepEqual(await other.replaceFiles?.([file], false), ['replaced'])
  await assert.rejects(
    async () =>
      await other.replaceFiles?.(
        Array.from({ length: 65 }, () => file),
        false,
      ),
    RangeError,
  )
  other.closeSync()
  await assert.rejects(async () => await other.replaceFiles?.([file], false), { code: 'EBADF' })
})

test('calls under way are rejected when their process is killed, and some take effect later all the same', async () => {
  const found = new Set<string>()
  for (let seed = 1; seed <= 100; seed += 1) {
    const disk = new SimDisk({ seed })
    const storage = disk.process()
    const file = storage.openSync('/a', 'create')
    file.writeSync(fill('.'), 0)
    const memory = fill('a')
    const write = file.write(memory, 0)
    disk.killProcess(storage)
    await assert.rejects(write, ProcessDeathError)
    const atOnce = letters(disk.image('/a'))
    memory.fill('x')
    await disk.settle()
    found.add(`${atOnce} then ${letters(disk.image('/a'))}`)
  }
  assert.ok(found.has('. then .') && found.has('. then a'), [...found].join(', '))
  assert.ok(
    [...found].every((text) => !text.includes('x')),
    'the memory of a dead process does not change',
  )
})

// What is kept of the memory of a dead process lies somewhere else. Where that is depended on what had run before, and
// so did whether a write past the page cache was refused.
test('a direct write of a killed process has the alignment that its memory had', async () => {
  const memory = createKernel(4096, 1).bytes.fill('a')
  const found = new Set<string>()
  for (let seed = 1; seed <= 100; seed += 1) {
    const disk = new SimDisk({ seed, sectorBytes: 4096, traceLines: 100 })
    const storage = disk.process()
    storage.openSync('/a', 'create').closeSync()
    const write = storage.openSync('/a', 'direct').write(memory, 0)
    disk.killProcess(storage)
    await assert.rejects(write, ProcessDeathError)
    await disk.settle()
    assert.ok(!disk.trace.some((line) => line.includes('EINVAL')), disk.trace.join('\n'))
    found.add(letters(disk.image('/a'), 4096))
  }
  assert.deepEqual(found, new Set(['', 'a']))
})

test('killing without a name kills every process', () => {
  const disk = new SimDisk()
  const storages = [disk.process(), disk.process()]
  disk.killProcess()
  for (const storage of storages) assert.throws(() => storage.listSync('/'), ProcessDeathError)
})

test('a removed file that was open only in a killed process gives its room back', () => {
  const disk = new SimDisk()
  disk.freeBytes = 8192
  const storage = disk.process()
  storage.openSync('/a', 'create').writeSync(fill('a'), 0)
  storage.unlinkSync('/a')
  assert.equal(disk.freeBytes, 4096)
  disk.killProcess(storage)
  assert.equal(disk.freeBytes, 8192)
})

test('an owner is gone when its process is killed and nothing of it is under way any more (D8)', async () => {
  let waited = 0
  for (let seed = 1; seed <= 50; seed += 1) {
    const disk = new SimDisk({ seed })
    const [mine, other] = [disk.process().owners, disk.process()]
    const owner = other.owners.self()
    const file = other.openSync('/a', 'create')
    assert.equal(mine.isGone(owner), false)
    file.write(fill('a'), 0).catch(() => undefined)
    disk.killProcess(other)
    const before = letters(disk.image('/a'))
    if (mine.isGone(owner)) {
      await disk.settle()
      assert.equal(letters(disk.image('/a')), before, 'who is gone writes no more')
    } else {
      waited += 1
      await disk.settle()
      assert.equal(mine.isGone(owner), true)
    }
  }
  assert.ok(waited > 5 && waited < 45, `${waited}`)
})

test('owners differ by pid, and a pid that is used again by its start time (D8)', () => {
  const disk = new SimDisk()
  const [one, two] = [disk.process(), disk.process()]
  const owner = one.owners.self()
  assert.notEqual(owner.pid, two.owners.self().pid)
  assert.equal(owner.thread, owner.pid)
  disk.killProcess(one)
  const again = disk.process({ pid: owner.pid })
  assert.equal(again.owners.self().pid, owner.pid)
  assert.notEqual(again.owners.self().startTime, owner.startTime)
  assert.equal(two.owners.isGone(owner), true)
  assert.equal(two.owners.isGone(again.owners.self()), false)
})

test('a thread dies alone (D8)', () => {
  const disk = new SimDisk()
  const main = disk.process()
  const { pid } = main.owners.self()
  const worker = disk.process({ pid, thread: 7 })
  disk.killProcess(worker)
  assert.equal(main.owners.isGone(worker.owners.self()), true)
  assert.equal(main.owners.isGone(main.owners.self()), false)
})

test('of another host or namespace nobody is known to be gone; of an earlier boot everybody is (D8)', () => {
  const disk = new SimDisk()
  const far = disk.process({ host: 'elsewhere' })
  const boxed = disk.process({ pidNamespace: 'pid:[7]' })
  const near = disk.process()
  disk.killProcess()
  const before = disk.process()
  assert.equal(before.owners.isGone(far.owners.self()), false)
  assert.equal(before.owners.isGone(boxed.owners.self()), false)
  assert.equal(before.owners.isGone(near.owners.self()), true)
  disk.cutPower()
  const after = disk.process()
  assert.equal(after.owners.isGone(before.owners.self()), true)
  assert.equal(after.owners.isGone(boxed.owners.self()), true)
  assert.equal(after.owners.isGone(far.owners.self()), false)
})

test('tokens never repeat, over processes, boots and forks', () => {
  const disk = new SimDisk({ seed: 3 })
  const tokens = [disk.process(), disk.process()].flatMap(({ owners }) => [owners.token(), owners.token()])
  tokens.push(disk.afterPowerCut(1).process().owners.token())
  disk.cutPower()
  disk.cutPower()
  tokens.push(disk.process().owners.token())
  assert.equal(new Set(tokens).size, 6)
  for (const token of tokens) assert.match(token, /^[0-9a-z-]{1,64}$/)
})

test('a process of another disk cannot be killed here', () => {
  assert.throws(() => new SimDisk().killProcess(new SimDisk().process()), TypeError)
})

test('nothing hangs after a power cut: what waits rejects, soon comes, and timers do not', async () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const disk = new SimDisk({ seed })
    const storage = disk.process()
    const file = storage.openSync('/a', 'create')
    const calls: string[] = []
    storage.clock.soon(() => calls.push('soon'))
    storage.clock.startTimer(1, () => calls.push('timer'))
    const waiting = Array.from({ length: 10 }, () => file.write(fill('a'), 0))
    await file.stat()
    disk.cutPower()
    storage.clock.startTimer(1, () => calls.push('timer'))
    const results = await Promise.allSettled([...waiting, file.sync(), file.close()])
    assert.ok(results.every(({ status, ...rest }) => status === 'fulfilled' || isPowerLoss(rest)))
    await disk.advance(1000)
    assert.deepEqual(calls, ['soon'])
  }
})

test('a write over the bytes of an unfinished one is reported, unless they are the same (D4b)', async () => {
  const disk = new SimDisk()
  const file = disk.process().openSync('/a', 'create')
  await Promise.all([file.write(fill('ab'), 0), file.write(fill('b'), 512), file.write(fill('c'), 1024)])
  assert.deepEqual(disk.violations, [])
  const write = file.write(fill('ab'), 0)
  file.writeSync(Buffer.from('x'), 600)
  await write
  assert.equal(disk.violations.length, 1)
  assert.match(disk.violations[0] ?? '', /overtakes an unfinished one: \/a at 600 of 1 and \/a at 0 of 1024/)
})

test('memory that changes during its write, and a file closed under a call, are reported (D4b)', async () => {
  const disk = new SimDisk()
  const file = disk.process().openSync('/a', 'create')
  const memory = fill('a')
  const write = file.write(memory, 0)
  memory[3] = 0
  await write
  const stat = file.stat().catch(() => undefined)
  await file.close()
  await stat
  assert.equal(disk.violations.length, 2)
  assert.match(disk.violations[0] ?? '', /memory of an unfinished write changed/)
  assert.match(disk.violations[1] ?? '', /closed with 1 calls under way/)
})

function isPowerLoss(result: object): boolean {
  return 'reason' in result && result.reason instanceof PowerLossError
}

test('whatever happens, every call settles, and whoever died is gone in the end', async () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = new Random(seed)
    const disk = new SimDisk({ seed, watchMemory: false, traceLines: 50 })
    disk.faults = () => chaos(random)
    const storages = [disk.process(), disk.process(), disk.process()]
    const owners = storages.map((storage) => storage.owners.self())
    const results = await Promise.all(storages.map((storage) => soup(storage, random)))
    await disk.settle()
    for (const result of results.flat()) {
      const { code } = (result.status === 'rejected' ? result.reason : { code: 'none' }) as { code: string }
      assert.match(code, /^(none|EIO|ENOENT|EEXIST|EBADF|SIM_POWER_LOSS|SIM_PROCESS_DEATH)$/, `seed ${seed}`)
    }
    disk.faults = undefined
    disk.killProcess()
    await disk.settle()
    const judge = disk.process()
    for (const owner of owners)
      assert.equal(judge.owners.isGone(owner), true, `seed ${seed}, ${owner.pid}\n${disk.trace.join('\n')}`)
  }
})

function chaos(random: Random): Fault | undefined {
  switch (random.below(60)) {
    case 0:
      return 'kill'
    case 1:
      return 'power-cut'
    case 2:
    case 3:
      return { error: 'EIO' }
    case 4:
      return { short: random.below(600) }
    default:
      return undefined
  }
}

/** Calls of all kinds, many at a time, blocking ones among them. */
async function soup(storage: SimStorage, random: Random): Promise<PromiseSettledResult<unknown>[]> {
  const calls: Promise<unknown>[] = []
  const files: StorageFile[] = []
  for (let round = 0; round < 30; round += 1) {
    const file = files[random.below(files.length)]
    const path = `/${random.below(3)}`
    const call = file === undefined || random.chance(0.4) ? pathCall(storage, random, path) : fileCall(file, random)
    calls.push(call)
    const result = random.chance(0.3) ? await call.catch(() => undefined) : undefined
    if (typeof result === 'object' && result !== null && 'dataSync' in result) files.push(result as StorageFile)
  }
  return Promise.allSettled(calls)
}

function pathCall(storage: SimStorage, random: Random, path: string): Promise<unknown> {
  const calls = [
    () => storage.open(path, random.chance(0.5) ? 'replace' : 'create'),
    () => storage.open(path, 'write'),
    () => storage.rename(path, '/0'),
    () => storage.link(path, '/1'),
    () => storage.unlink(path),
    () => storage.syncDirectory('/'),
    async () => storage.openSync(path, 'replace'),
    async () => storage.syncDirectorySync('/'),
  ]
  return calls[random.below(calls.length)]?.() ?? Promise.resolve()
}

function fileCall(file: StorageFile, random: Random): Promise<unknown> {
  const calls = [
    () => file.write(Buffer.alloc(random.below(3000), 1), random.below(9000)),
    () => file.read(Buffer.alloc(random.below(3000)), random.below(9000)),
    () => file.truncate(random.below(9000)),
    () => file.dataSync(),
    () => file.close(),
    async () => file.writeSync(Buffer.alloc(random.below(3000), 2), random.below(9000)),
    async () => file.syncSync(),
  ]
  return calls[random.below(calls.length)]?.() ?? Promise.resolve()
}
