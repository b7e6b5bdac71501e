import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { inspect } from 'node:util'

import {
  Advice,
  FallocateMode,
  HOLDER_IS_A_DESCRIPTION,
  nativeError,
  Resolve,
  type StatxFacts,
  WORKING_DIRECTORY,
} from '#src/platform/native-addon.js'

import { mountSmall } from '../support/mounts.js'
import { unavailable } from '../support/unavailable.js'
import { addonFor, diskDirectory, errno, type FaultyAddon, openFile, outcomeOf } from './support.js'

// The calls on files, each the system's own: what they do, and how they say what stands in the way.

const NO_FILE = 2 ** 31 - 1

interface Bench {
  readonly addon: FaultyAddon
  readonly directory: string
  readonly path: string
  readonly fd: number
}

function benchFor(context: TestContext): Bench | undefined {
  const addon = addonFor(context)
  if (addon === undefined) return undefined
  const directory = diskDirectory(context)
  const path = join(directory, 'file')
  return { addon, directory, path, fd: openFile(context, path) }
}

/** Calls both twins, and expects the same of both. */
async function both(blocking: () => number, waiting: (callback: (result: number) => void) => number): Promise<number> {
  const result = blocking()
  assert.equal((await outcomeOf(waiting)).result, result)
  return result
}

test('fallocate grows a file, or reserves blocks behind its end', async (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  const { addon, fd } = bench
  const allocate = (mode: number, offset: number, length: number): Promise<number> =>
    both(
      () => addon.fallocateSync(fd, mode, offset, length),
      (callback) => addon.fallocate(fd, mode, offset, length, callback),
    )
  assert.equal(await allocate(0, 0, 65_536), 0)
  assert.equal(fstatSync(fd).size, 65_536)
  assert.ok(fstatSync(fd).blocks * 512 >= 65_536)
  assert.equal(await allocate(FallocateMode.keepSize, 0, 2 ** 20), 0)
  assert.equal(fstatSync(fd).size, 65_536)
  assert.ok(fstatSync(fd).blocks * 512 >= 2 ** 20)
})

test('fallocate punches holes and zeros ranges', async (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  const { addon, fd, path } = bench
  const expected = Buffer.alloc(4 * 65_536, 7)
  for (const [mode, offset] of [
    [FallocateMode.punchHole | FallocateMode.keepSize, 65_536],
    [FallocateMode.zeroRange, 2 * 65_536],
  ] as const) {
    writeFileSync(path, expected.fill(7))
    const blocks = fstatSync(fd).blocks
    const result = await both(
      () => addon.fallocateSync(fd, mode, offset, 65_536),
      (callback) => addon.fallocate(fd, mode, offset, 65_536, callback),
    )
    assert.equal(result, 0)
    assert.ok(readFileSync(path).equals(expected.fill(0, offset, offset + 65_536)))
    if (mode !== FallocateMode.zeroRange) assert.ok(fstatSync(fd).blocks < blocks)
  }
})

test('fallocate says what stands in the way', async (t) => {
  const bench = benchFor(t)
  const full = bench && mountSmall(t, 'tmpfs', 1)
  if (bench === undefined || full === undefined) return
  const { addon } = bench
  const small = openSync(join(full, 'file'), 'w')
  const reading = openSync(bench.path, 'r')
  try {
    for (const [fd, length, code] of [
      [NO_FILE, 4096, 'EBADF'],
      [reading, 4096, 'EBADF'],
      [bench.fd, 0, 'EINVAL'],
      [small, 2 ** 22, 'ENOSPC'],
    ] as const) {
      const result = await both(
        () => addon.fallocateSync(fd, 0, 0, length),
        (callback) => addon.fallocate(fd, 0, 0, length, callback),
      )
      assert.equal(result, errno(code))
    }
  } finally {
    closeSync(small)
    closeSync(reading)
  }
})

test('fadvise takes all kinds of advice', async (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  const { addon, fd, path } = bench
  writeFileSync(path, Buffer.alloc(65_536, 7))
  const advise = (target: number, advice: number): Promise<number> =>
    both(
      () => addon.fadviseSync(target, 0, 0, advice),
      (callback) => addon.fadvise(target, 0, 0, advice, callback),
    )
  for (const advice of Object.values(Advice)) assert.equal(await advise(fd, advice), 0)
  assert.equal(await advise(fd, 99), errno('EINVAL'))
  assert.equal(await advise(NO_FILE, Advice.normal), errno('EBADF'))
})

test('startWriteback begins with a range of a file, and refuses what is none', async (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  const { addon, fd, path } = bench
  writeFileSync(path, Buffer.alloc(65_536, 7))
  const start = (target: number): Promise<number> =>
    new Promise((resolve) => {
      const started = addon.startWriteback(target, 4096, 8192, resolve)
      if (started < 0) resolve(started)
    })
  assert.equal(await start(fd), 0)
  assert.equal(await start(NO_FILE), errno('EBADF'))
})

test('statx gives the time of birth to the nanosecond, and what direct I/O asks for', (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  const { addon, fd, path } = bench
  const facts = addon.statxSync(fd) as StatxFacts
  const stats = fstatSync(fd, { bigint: true })
  assert.equal(facts.birthTime, stats.birthtimeNs)
  assert.equal(facts.blockBytes, Number(stats.blksize))
  assert.equal(addon.statxSync(NO_FILE), errno('EBADF'))
  const isPowerOf2 = (value: number): boolean => value > 0 && (value & (value - 1)) === 0
  if (facts.directOffsetAlignment === 0) return unavailable(t, 'this file system does not tell its alignment')
  assert.ok(isPowerOf2(facts.directOffsetAlignment) && isPowerOf2(facts.directMemoryAlignment))
  // The file system keeps to what it says.
  const direct = openFile(t, path, constants.O_DIRECT)
  const memory = Buffer.from(new ArrayBuffer(16_384))
  const start = 4096 - (addon.addressOf(memory) % 4096)
  const { directOffsetAlignment: step } = facts
  const writeAt = (position: number): number => addon.writeAndSyncSync(direct, memory, start, start + step, position, 0)
  assert.equal(writeAt(step), 0)
  assert.equal(writeAt(step / 2), errno('EINVAL'))
})

test('statx says 0 where there are no birth times', (t) => {
  const addon = addonFor(t)
  if (addon === undefined) return
  const fd = openSync('/proc/self/stat', 'r')
  assert.equal((addon.statxSync(fd) as StatxFacts).birthTime, 0n)
  closeSync(fd)
})

test('D8: a lock keeps out every other description of the file, and goes with its last descriptor', (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  const { addon, path } = bench
  const mine = openSync(path, 'r+')
  const other = openFile(t, path)
  assert.equal(addon.lockHolderSync(other), 0)
  assert.equal(addon.lockSync(mine), 0)
  assert.equal(addon.lockSync(mine), 0, 'once more')
  assert.equal(addon.lockSync(other), errno('EAGAIN'))
  assert.equal(addon.lockHolderSync(other), HOLDER_IS_A_DESCRIPTION)
  assert.equal(addon.lockHolderSync(mine), 0, 'it is my own')
  // Locks of processes would go here, with any descriptor of the file.
  closeSync(openSync(path, 'r+'))
  assert.equal(addon.lockSync(other), errno('EAGAIN'))
  assert.equal(addon.unlockSync(mine), 0)
  assert.equal(addon.lockSync(other), 0)
  assert.equal(addon.lockSync(mine), errno('EAGAIN'))
  assert.equal(addon.unlockSync(other), 0)
  assert.equal(addon.lockSync(mine), 0)
  closeSync(mine)
  assert.equal(addon.lockSync(other), 0)
  assert.equal(addon.lockSync(NO_FILE), errno('EBADF'))
  assert.equal(addon.unlockSync(NO_FILE), errno('EBADF'))
  assert.equal(addon.lockHolderSync(NO_FILE), errno('EBADF'))
})

test('D8: a lock that a process has is seen, with its id', async (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  if (spawnSync('perl', ['-e', '1']).status !== 0) return unavailable(t, 'there is no perl to take such a lock')
  const { addon, fd, path } = bench
  // struct flock: type, whence, start, length, pid
  const program = `open(F, '+<', $ARGV[0]); $l = pack('ssx4qqix4', 1, 0, 0, 0, 0); fcntl(F, 6, $l) or die; $| = 1; print 1; <STDIN>`
  const holder = spawn('perl', ['-e', program, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  try {
    await Promise.race([once(holder.stdout, 'data'), once(holder, 'close')])
    assert.equal(addon.lockHolderSync(fd), holder.pid)
    assert.equal(addon.lockSync(fd), errno('EAGAIN'))
  } finally {
    holder.stdin.end()
    await once(holder, 'close')
  }
  assert.equal(addon.lockHolderSync(fd), 0)
})

test('copyFileRange copies what is there', async (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  const { addon, fd, path } = bench
  const to = openFile(t, `${path}.copy`)
  writeFileSync(path, '0123456789')
  const copy = (from: number, fromOffset: number, toOffset: number, length: number): Promise<number> =>
    both(
      () => addon.copyFileRangeSync(from, fromOffset, to, toOffset, length),
      (callback) => addon.copyFileRange(from, fromOffset, to, toOffset, length, callback),
    )
  assert.equal(await copy(fd, 2, 1, 3), 3)
  assert.equal(readFileSync(`${path}.copy`, 'latin1'), '\u0000234')
  assert.equal(await copy(fd, 8, 0, 100), 2)
  assert.equal(await copy(fd, 10, 0, 100), 0)
  assert.equal(await copy(NO_FILE, 0, 0, 1), errno('EBADF'))
})

test('cloneFile shares what a file holds, where the file system can', async (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  const { addon, fd, path } = bench
  const to = openFile(t, `${path}.clone`)
  writeFileSync(path, Buffer.alloc(65_536, 7))
  const clone = (from: number): Promise<number> =>
    both(
      () => addon.cloneFileSync(from, to),
      (callback) => addon.cloneFile(from, to, callback),
    )
  const result = await clone(fd)
  if (result === 0) assert.ok(readFileSync(`${path}.clone`).equals(readFileSync(path)))
  else assert.ok([errno('EOPNOTSUPP'), errno('EXDEV'), errno('EINVAL')].includes(result), String(result))
  assert.equal(await clone(NO_FILE), errno('EBADF'))
})

test('on XFS a clone has the same bytes, and none of its own', async (t) => {
  const bench = benchFor(t)
  const mounted = bench && mountSmall(t, 'xfs', 320)
  if (bench === undefined || mounted === undefined) return
  const { addon } = bench
  const names = ['source', 'blocking', 'waiting'].map((name) => join(mounted, name))
  const [source, blocking, waiting] = names.map((name) => openSync(name, 'w+')) as [number, number, number]
  const bytes = Buffer.alloc(8 * 2 ** 20, 'cloned')
  assert.equal(addon.writeAndSyncSync(source, bytes, 0, bytes.length, 0, 1), 0)
  const free = statfsSync(mounted).bfree
  assert.equal(addon.cloneFileSync(source, blocking), 0)
  assert.equal((await outcomeOf((callback) => addon.cloneFile(source, waiting, callback))).result, 0)
  for (const fd of [source, blocking, waiting]) fsyncSync(fd)
  for (const name of names) assert.ok(readFileSync(name).equals(bytes))
  const { bfree, bsize } = statfsSync(mounted)
  assert.ok((free - bfree) * bsize < bytes.length)
  for (const fd of [source, blocking, waiting]) closeSync(fd)
})

test('openat2 keeps beneath a directory', (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  const { addon, directory, path } = bench
  const inside = join(directory, 'inside')
  mkdirSync(inside)
  writeFileSync(join(inside, 'file'), 'beneath')
  symlinkSync(path, join(inside, 'out'))
  symlinkSync('file', join(inside, 'link'))
  const fd = openSync(inside, constants.O_RDONLY | constants.O_DIRECTORY)
  t.after(() => closeSync(fd))
  const open = (name: string, resolve: number): number => {
    const result = addon.openat2Sync(fd, name, constants.O_RDONLY, 0, resolve)
    if (result >= 0) assert.equal(addon.closeSync(result), 0)
    return Math.min(result, 0)
  }
  assert.equal(open('file', Resolve.beneath), 0)
  assert.equal(open('link', Resolve.beneath), 0)
  assert.equal(open('link', Resolve.beneath | Resolve.noSymlinks), errno('ELOOP'))
  assert.equal(open('../file', 0), 0)
  assert.equal(open('../file', Resolve.beneath), errno('EXDEV'))
  assert.equal(open('out', 0), 0)
  assert.equal(open('out', Resolve.beneath), errno('EXDEV'))
  assert.equal(open(path, Resolve.beneath), errno('EXDEV'))
  assert.equal(open('nothing', Resolve.beneath), errno('ENOENT'))
  assert.equal(open('file', 2 ** 40), errno('EINVAL'))

  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
  const made = addon.openat2Sync(fd, 'made', flags, 0o640, Resolve.beneath)
  assert.ok(made > 0)
  assert.equal(fstatSync(made).mode & 0o777, 0o640 & ~process.umask())
  assert.match(readFileSync(`/proc/self/fdinfo/${made}`, 'latin1'), /^flags:\s*02\d{6}$/mu, 'closed on exec')
  assert.equal(addon.closeSync(made), 0)
  assert.equal(addon.closeSync(made), errno('EBADF'))
  const fromHere = addon.openat2Sync(WORKING_DIRECTORY, path, constants.O_RDONLY, 0, 0)
  assert.ok(fromHere > 0)
  assert.equal(addon.closeSync(fromHere), 0)
})

test('what can never be an argument is thrown, and nothing is done', (t) => {
  const bench = benchFor(t)
  if (bench === undefined) return
  const { addon, fd } = bench
  const call = (name: keyof FaultyAddon, ...values: unknown[]): void => {
    ;(addon[name] as (...all: unknown[]) => unknown)(...values)
  }
  const bytes = Buffer.alloc(10)
  const nothing = (): void => {}
  for (const [name, ...values] of [
    ['fallocateSync'],
    ['fallocateSync', fd, 0, -1, 10],
    ['fallocateSync', fd, 0, 0.5, 10],
    ['fallocateSync', fd, 0, 0, 2 ** 53],
    ['fallocateSync', fd, 0, 0, Number.NaN],
    ['fallocateSync', 1.5, 0, 0, 1],
    ['fallocateSync', 2 ** 31, 0, 0, 1],
    ['fallocateSync', '1', 0, 0, 1],
    ['fallocateSync', fd, 0, 0, 1n],
    ['fallocate', fd, 0, 0, 10],
    ['fallocate', fd, 0, 0, 10, {}],
    ['writeAndSyncSync', fd, [1, 2, 3], 0, 1, 0, 0],
    ['writeAndSyncSync', fd, new Int8Array(10), 0, 1, 0, 0],
    ['writeAndSyncSync', fd, bytes.buffer, 0, 1, 0, 0],
    ['writeAndSync', fd, bytes, 0, 1, 0, 0],
    ['ringWrite', fd, bytes, 0, 1, 0, 0, null],
    ['openat2Sync', WORKING_DIRECTORY, 7, 0, 0, 0],
    ['openat2Sync', WORKING_DIRECTORY, 'x'.repeat(4097), 0, 0, 0],
    ['writeAndSyncSync', fd, bytes, 0, 1, 0, 3],
    ['writeAndSync', fd, bytes, 0, 1, 0, 4, nothing],
    ['ringWrite', fd, bytes, 0, 1, 0, 6, nothing],
    ['finish', 'last'],
    ['addressOf', null],
  ] as const) {
    assert.throws(
      () => call(name, ...values),
      { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' },
      `${name} ${inspect(values)}`,
    )
  }
  for (const [start, end] of [
    [5, 4],
    [0, 11],
    [11, 11],
    [0, 2 ** 52],
  ]) {
    assert.throws(() => call('writeAndSyncSync', fd, bytes, start, end, 0, 0), { name: 'RangeError' })
    assert.throws(() => call('writeAndSync', fd, bytes, start, end, 0, 0, nothing), { name: 'RangeError' })
    assert.throws(() => call('ringWrite', fd, bytes, start, end, 0, 0, nothing), { name: 'RangeError' })
    if (addon.checksumEngine !== undefined) {
      assert.throws(() => call('seal', bytes, start, end), { name: 'RangeError' })
      assert.throws(() => call('scan', bytes, start, end, new Int32Array(2)), { name: 'RangeError' })
      assert.throws(() => call('checksum', bytes, start, end, 0), { name: 'RangeError' })
    }
  }
  if (addon.checksumEngine !== undefined) {
    assert.throws(() => call('scan', bytes, 0, 10, new Int32Array(0)), { name: 'RangeError' })
    assert.throws(() => call('scan', bytes, 0, 10, bytes), { name: 'TypeError' })
  }
  assert.equal(fstatSync(fd).size, 0)
})

test('errors look as those of Node do', () => {
  const { code, errno: number, syscall, message } = nativeError(errno('ENOSPC'), 'write')
  assert.deepEqual([code, number, syscall, message], ['ENOSPC', errno('ENOSPC'), 'write', 'ENOSPC: write'])
  assert.equal(nativeError(-122, 'write').code, 'EDQUOT', 'which Node itself does not name')
  assert.equal(nativeError(-9999, 'write').code, 'errno 9999')
})
