import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { suite, test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { createHandle, quick } from 'fsys'

import { pageMemory } from '#src/platform/page-memory.js'
import { defaultStorage } from '#src/storage/default-storage.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import { faultOnNth, SimDisk } from '#src/testing.js'

import { provideDisk } from '../support/loop-disk.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

const onLinux = { skip: process.platform === 'linux' ? false : 'the methods of Linux' }

test('a handle says what it does: method, primitive, sector size, root and mode', onLinux, () => {
  const base = temporaryDirectory()
  const plain = createHandle({ mode: 'prod' })
  const { activeMethod, durabilityPrimitive, root, mode, sectorSize } = plain
  assert.deepEqual(
    { activeMethod, durabilityPrimitive, root, mode },
    { activeMethod: 'data', durabilityPrimitive: 'fdatasync', root: undefined, mode: 'prod' },
  )
  assert.ok(sectorSize >= 512 && Number.isInteger(Math.log2(sectorSize)), `${sectorSize}`)
  assert.ok(plain.methodReason.length > 0)
  assert.ok(['portable', 'pool'].includes(plain.engine))
  if (plain.engine === 'portable') assert.ok(plain.engineReason)
  assert.equal(createHandle({ method: 'sync' }).durabilityPrimitive, 'fsync')
  assert.equal(createHandle({ method: 'direct' }).durabilityPrimitive, 'O_DIRECT+fdatasync')
  const rooted = createHandle({ root: pathToFileURL(base) })
  assert.equal(rooted.root, base)
  rooted.close()
})

test('bad options are the caller’s mistakes', () => {
  const invalid = { code: 'ERR_FSYS_INVALID_ARGUMENT', name: 'TypeError' }
  for (const options of [{ method: 'fast' }, { mode: 'test' }, { root: 3 }, { rooot: '/' }, { storage: {} }, null, 3]) {
    assert.throws(() => createHandle(options as object), invalid, JSON.stringify(options))
  }
})

test('a root that is no directory, or is not there, is refused', (context) => {
  const base = temporaryDirectory(context)
  writeFileSync(join(base, 'no-directory'), '')
  for (const [name, code] of [
    ['no-directory', 'ERR_FSYS_NOT_A_DIRECTORY'],
    ['none', 'ERR_FSYS_NOT_FOUND'],
  ] as const) {
    assert.throws(() => createHandle({ root: join(base, name) }), { code, name: 'FsysError' })
  }
})

suite('the mode', () => {
  const modeUnder = (environment: Record<string, string>): string => {
    const program = "import { createHandle } from 'fsys'; console.log(createHandle().mode)"
    const env = { ...process.env, FSYS_MODE: '', NODE_ENV: '', ...environment }
    return execFileSync(process.execPath, ['--input-type=module', '-e', program], { env, encoding: 'utf8' }).trim()
  }
  test('goes by FSYS_MODE, then by NODE_ENV', () => {
    assert.equal(modeUnder({}), 'dev')
    assert.equal(modeUnder({ NODE_ENV: 'production' }), 'prod')
    assert.equal(modeUnder({ NODE_ENV: 'production', FSYS_MODE: 'dev' }), 'dev')
    assert.equal(modeUnder({ FSYS_MODE: 'prod' }), 'prod')
    assert.throws(() => modeUnder({ FSYS_MODE: 'fast' }), /FSYS_MODE must be one of dev, prod/u)
  })
})

test('direct: what a disk refuses goes through the page cache, and the handle says so', onLinux, async () => {
  // The draft is opened a second time for it; and what is written first is written past the page cache.
  for (const [kind, which] of [
    ['open', 2],
    ['write', 1],
  ] as const) {
    const disk = new SimDisk()
    disk.faults = faultOnNth(kind, which, { error: 'EINVAL' })
    const handle = createHandle({ method: 'direct', storage: disk.process(), mode: 'prod' })
    const content = 'x'.repeat(10_000)
    await handle.write('/a', content)
    assert.equal(Buffer.from(disk.image('/a') ?? '').toString(), content)
    assert.deepEqual([handle.activeMethod, handle.durabilityPrimitive], ['data', 'fdatasync'])
    assert.match(handle.methodReason, /EINVAL/u)
    await handle.write('/a', 'y')
    assert.equal(Buffer.from(disk.image('/a') ?? '').toString(), 'y')
  }
})

test('the sector size is what the disk wants, once it was asked, and 4096 before', async () => {
  const disk = new SimDisk({ sectorBytes: 1024 })
  const handle = createHandle({ method: 'direct', storage: disk.process(), mode: 'prod' })
  assert.equal(handle.sectorSize, 4096)
  await handle.write('/a', 'x'.repeat(10_000))
  assert.equal(handle.sectorSize, process.platform === 'linux' ? 1024 : 4096)
})

for (const [name, fileSystem, options, expected] of [
  ['ext4, sectors of 512', 'ext4', { sectorBytes: 512 }, 512],
  ['ext4, sectors of 4096', 'ext4', { sectorBytes: 4096, makeWords: ['-b', '4096'] }, 4096],
  ['xfs', 'xfs', { sectorBytes: 512 }, 512],
  ['btrfs, which wants its own blocks', 'btrfs', { sectorBytes: 512 }, 4096],
] as const) {
  test(`the sector size is what direct writes need, before the first one and after it: ${name}`, async (context) => {
    const disk = provideDisk(context, fileSystem, options)
    if (disk === undefined) return
    for (const storage of [defaultStorage(false), new NodeStorage()]) {
      const handle = createHandle({ method: 'direct', storage, root: disk.path, mode: 'prod' })
      assert.equal(handle.sectorSize, expected)
      await handle.write('a', 'x'.repeat(10_000))
      assert.deepEqual([handle.activeMethod, handle.sectorSize], ['direct', expected])
      handle.close()
    }
    const file = openSync(join(disk.path, 'a'), constants.O_RDWR | constants.O_DIRECT)
    const memory = new Uint8Array(pageMemory(8192))
    assert.equal(writeSync(file, memory, 0, expected, expected), expected)
    // btrfs takes others too, and writes them through the page cache.
    if (fileSystem !== 'btrfs')
      assert.throws(() => writeSync(file, memory, 0, expected / 2, expected / 2), { code: 'EINVAL' })
    closeSync(file)
  })
}

test('direct, on the file system that is here', onLinux, async () => {
  const path = join(temporaryDirectory(), 'a')
  const handle = createHandle({ method: 'direct', mode: 'prod' })
  for (const length of [0, 1, 4095, 4096, 4097, 3_000_000]) {
    const content = Buffer.alloc(length, 'abcdefg')
    await handle.write(path, content)
    assert.ok(readFileSync(path).equals(content))
    handle.writeSync(path, [content, 'tail'])
    assert.equal(statSync(path).size, length + 4)
  }
})

test('a journal of a handle that is direct is direct too, unless told otherwise', onLinux, async () => {
  const base = temporaryDirectory()
  const handle = createHandle({ method: 'direct', root: base, mode: 'prod' })
  const disk = new SimDisk()
  const simulated = createHandle({ storage: disk.process(), mode: 'prod' })
  for (const options of [null, 5, { drect: true }]) {
    await assert.rejects(handle.journal('a.wal', options as object), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
    assert.throws(() => handle.journalSync('a.wal', options as object), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
  }
  const journal = await handle.journal('a.wal')
  if (handle.activeMethod === 'direct')
    assert.equal(journal.info.isDirect || journal.info.write.reason !== undefined, true)
  await journal.close()
  const plain = handle.journalSync('a.wal', { direct: false })
  assert.equal(plain.info.isDirect, false)
  plain.closeSync()
  const inMemory = await simulated.journal('/a.wal')
  assert.equal(inMemory.info.engine, 'simulated')
  await inMemory.close()
  handle.close()
})

test('quick writes, reads and appends', async () => {
  const path = join(temporaryDirectory(), 'a')
  await quick.write(path, 'one')
  await quick.append(path, ' two')
  assert.equal((await quick.read(path)).toString(), 'one two')
  quick.writeSync(path, '1')
  quick.appendSync(path, '2')
  assert.equal(quick.readSync(path).toString(), '12')
})

test('quick rejects where it waits, though the environment is at fault: it used to throw before there was a promise', () => {
  const code = `import { quick } from ${JSON.stringify(pathToFileURL(resolve('dist/index.js')).href)}
    for (const call of [quick.write('a', ''), quick.read('a'), quick.append('a', '')]) call.catch(({ code }) => console.log(code))`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], {
    encoding: 'utf8',
    env: { ...process.env, FSYS_MODE: 'fast' },
  })
  assert.equal(status, 0, stderr)
  assert.equal(stdout, 'ERR_FSYS_INVALID_ARGUMENT\n'.repeat(3))
})

test('a rename to another file system is refused as such', async (context) => {
  const from = join(temporaryDirectory(), 'a')
  const to = `/dev/shm/fsys-test-${process.pid}`
  const handle = createHandle({ mode: 'prod' })
  await handle.write(from, 'x')
  context.after(() => rmSync(to, { force: true }))
  try {
    if (statSync('/dev/shm').dev === statSync(from).dev) return unavailable(context, 'one file system only')
  } catch {
    return unavailable(context, 'there is no /dev/shm')
  }
  await assert.rejects(handle.rename(from, to), { code: 'ERR_FSYS_CROSS_DEVICE' })
  assert.equal((await handle.read(from)).toString(), 'x')
})

test('closing a handle lets calls under way come to their end', async () => {
  const base = temporaryDirectory()
  const handle = createHandle({ root: base, mode: 'prod' })
  const writing = handle.write('a', 'x'.repeat(100_000))
  handle.close()
  await writing
  assert.equal(readFileSync(join(base, 'a'), 'utf8').length, 100_000)
  await assert.rejects(handle.write('a', 'y'), { code: 'ERR_FSYS_CLOSED' })
})
