import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'

import type { PlatformFacts } from '#src/platform/facts.js'
import { fileSystemAt } from '#src/platform/file-system-at.js'
import { nativeAddon } from '#src/platform/native-addon.js'
import { probe } from '#src/platform/probe.js'

import { command, provideDisk } from '../../support/loop-disk.js'
import { mountSmall, remountReadOnly } from '../../support/mounts.js'
import { asNobody } from '../../support/nobody.js'
import { temporaryDirectory } from '../../support/temporary.js'
import { unavailable } from '../../support/unavailable.js'

const isLinux = process.platform === 'linux'

describe('probe', () => {
  test('tells the same frozen facts for a directory, and all below it that does not exist, until it looks again', async () => {
    const directory = temporaryDirectory()
    const facts = await probe(directory)
    assert.equal(facts.directory, directory)
    writeFileSync(join(directory, 'file'), '')
    symlinkSync(join(directory, 'file'), join(directory, 'link'))
    for (const path of ['file', 'link', 'not-there', 'not/there/either', 'file/not-a-directory']) {
      assert.equal(await probe(join(directory, path)), facts, path)
    }
    assert.equal(await probe(pathToFileURL(directory)), facts)
    const again = await probe(directory, { refresh: true })
    assert.notEqual(again, facts)
    assert.deepEqual(again, facts)
    assert.equal(await probe(directory), again)
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen))
    assert.ok(frozen(facts))
    assert.deepEqual([facts.platform, facts.arch], [process.platform, process.arch])
  })

  test('is of the working directory without a path, and looks once for all who ask at the same time', async () => {
    const [one, two] = await Promise.all([probe(), probe('.')])
    assert.equal(one, two)
    assert.equal(one.directory, process.cwd())
  })

  test('leaves nothing behind', async () => {
    const directory = temporaryDirectory()
    await probe(directory)
    assert.deepEqual(readdirSync(directory), [])
    if (isLinux) assert.deepEqual(openFiles(directory), [])
  })

  test('finds what the running system has', async (context) => {
    if (!isLinux) return context.skip('it is known of Linux only')
    const facts = await probe(temporaryDirectory(), { refresh: true })
    const { addon } = nativeAddon()
    assert.equal(facts.addon.isAvailable, addon !== undefined)
    if (addon !== undefined) assert.equal(facts.ioUring.isAvailable, addon.ringOpen() >= 0)
    if (addon?.checksumEngine !== undefined) assert.notEqual(facts.cpu.hasCrc32c, false)
    assert.ok(facts.cpu.parallelism > 0 && facts.memory.totalBytes > 0)
    assert.match(facts.kernel, /^\d+\.\d+/u)
    assert.equal(facts.fileSystem.isWritable, true)
  })

  test('rejects for mistakes of the caller only', async () => {
    const refused = { name: 'TypeError', code: 'ERR_FSYS_INVALID_ARGUMENT' }
    for (const path of ['', 'a\0b', 42, null, new URL('https://example.org/')]) {
      await assert.rejects(probe(path as string), refused, String(path))
    }
    for (const options of [{ refresh: 1 }, { fresh: true }, 'refresh', null]) {
      await assert.rejects(probe('.', options as object), refused, JSON.stringify(options))
    }
    for (const path of ['/nowhere/at/all', `/${'x'.repeat(300)}`, 'x/'.repeat(3000), '/proc/self/mem/x']) {
      await probe(path)
    }
  })
})

describe('probe, on real file systems', { skip: isLinux ? false : 'mounts are for Linux' }, () => {
  const summary = ({ fileSystem, drive, directIo, reflink, holePunching, birthTimes }: PlatformFacts): unknown[] => [
    fileSystem.type,
    fileSystem.class,
    drive.kind,
    ...[directIo, reflink, holePunching, birthTimes].map((capability) => capability.isAvailable),
  ]
  const punches = nativeAddon().addon === undefined ? 'unknown' : true

  test('ext4 on a loop device: the path decides, not the working directory', async (context) => {
    const disk = provideDisk(context, 'ext4')
    if (disk === undefined) return
    const facts = await probe(disk.path)
    assert.deepEqual(summary(facts), ['ext4', 'disk', 'loop', true, false, punches, true])
    assert.equal(facts.fileSystem.mountPoint, disk.path)
    assert.equal(facts.drive.devices[0], disk.device)
    assert.equal(facts.drive.logicalSectorBytes, 512)
    assert.equal(facts.drive.writeCache, 'write back')
    assert.deepEqual(readdirSync(disk.path), ['lost+found'])
    assert.notEqual((await probe()).fileSystem.mountPoint, disk.path)
  })

  test('what needs no trying can be had without waiting', async (context) => {
    const path = mountSmall(context, 'tmpfs', 1)
    if (path === undefined) return
    const link = join(temporaryDirectory(context), 'link')
    symlinkSync(path, link)
    for (const directory of [path, link, process.cwd()]) {
      const { fileSystem } = await probe(directory)
      assert.deepEqual(fileSystemAt(join(directory, 'not', 'there')), { ...fileSystem, isWritable: 'unknown' })
    }
    assert.equal(fileSystemAt('/').mountPoint, '/')
  })

  test('XFS and btrfs share blocks', async (context) => {
    for (const fileSystem of ['xfs', 'btrfs'] as const) {
      const disk = provideDisk(context, fileSystem)
      if (disk === undefined) return
      const facts = await probe(join(disk.path, 'journal.wal'))
      const certain = punches === true || fileSystem === 'btrfs' || fileSystem === 'xfs'
      assert.deepEqual(summary(facts), [fileSystem, 'disk', 'loop', true, true, certain, true])
      assert.equal(facts.drive.devices[0], disk.device)
    }
  })

  test('one without birth times, barriers, or leave to write', async (context) => {
    const path = mountSmall(context, 'ext4 without birth times', 16)
    if (path === undefined) return
    assert.deepEqual((await probe(path)).birthTimes, {
      isAvailable: false,
      reason: 'the file system keeps no birth times',
    })
    command('mount', '-o', 'remount,nobarrier', path)
    const weakened = await probe(path, { refresh: true })
    assert.match(weakened.fileSystem.syncWeakenedBy ?? '', /barrier/u)
    remountReadOnly(path)
    const { fileSystem, directIo, reflink } = await probe(path, { refresh: true })
    assert.deepEqual([fileSystem.isReadOnly, fileSystem.isWritable], [true, false])
    assert.deepEqual(directIo, { isAvailable: 'unknown', reason: 'no file can be made here: open: EROFS' })
    assert.equal(reflink.isAvailable, false)
  })

  test('tmpfs', async (context) => {
    const path = mountSmall(context, 'tmpfs', 1)
    if (path === undefined) return
    const facts = await probe(path)
    assert.deepEqual([facts.fileSystem.type, facts.fileSystem.class, facts.drive.kind], ['tmpfs', 'memory', 'ram'])
    // Full: nothing can be tried, and that is no reason to fail.
    command('fallocate', '-l', '1M', join(path, 'ballast'))
    const full = await probe(path, { refresh: true })
    assert.equal(full.directIo.isAvailable, 'unknown')
    assert.match(full.directIo.reason ?? '', /ENOSPC/u)
  })

  test('overlay, with the drive of its upper layer', async (context) => {
    const disk = provideDisk(context, 'ext4')
    if (disk === undefined) return
    for (const name of ['lower', 'upper', 'work', 'merged']) mkdirSync(join(disk.path, name))
    const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'merged'].map((name) => join(disk.path, name))
    const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`
    for (const extra of ['', ',volatile']) {
      try {
        command('mount', '-t', 'overlay', '-o', options + extra, 'overlay', merged as string)
      } catch (error) {
        unavailable(context, `no overlay here: ${(error as Error).message.split('\n', 1)[0]}`)
        return
      }
      try {
        const facts = await probe(merged, { refresh: true })
        assert.deepEqual([facts.fileSystem.class, facts.drive.devices[0]], ['overlay', disk.device])
        // Newer kernels call it fsync=volatile.
        assert.equal(facts.fileSystem.syncWeakenedBy?.endsWith('volatile') ?? false, extra !== '')
        assert.deepEqual(readdirSync(merged as string), [])
      } finally {
        command('umount', merged as string)
      }
    }
  })

  test('one file that is mounted by itself has the facts of its own file system', async (context) => {
    const disk = provideDisk(context, 'ext4')
    if (disk === undefined) return
    const directory = temporaryDirectory(context)
    writeFileSync(join(disk.path, 'inside'), '')
    writeFileSync(join(directory, 'outside'), '')
    command('mount', '--bind', join(disk.path, 'inside'), join(directory, 'outside'))
    try {
      const facts = await probe(join(directory, 'outside'))
      assert.deepEqual([facts.fileSystem.type, facts.drive.devices[0]], ['ext4', disk.device])
      assert.equal(facts.directIo.reason, 'a file is mounted there by itself')
    } finally {
      command('umount', join(directory, 'outside'))
    }
  })

  test('a file system that does not answer costs a few seconds, and what it is called is told', async (context) => {
    const path = join(temporaryDirectory(context), 'mounted')
    mkdirSync(path)
    // A FUSE whose program reads no request.
    const script =
      'exec 3<>/dev/fuse; mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 silent "$0" && echo; read line'
    const program = spawn('sh', ['-c', script, path], { stdio: ['pipe', 'pipe', 'ignore'] })
    // Whoever waits for it gets an error when it is gone.
    const stop = async (): Promise<void> => {
      program.stdin.end()
      if (program.exitCode === null) await once(program, 'exit')
      spawnSync('umount', ['--lazy', path])
    }
    try {
      const isMounted = await Promise.race([once(program.stdout, 'data'), once(program, 'exit').then(() => false)])
      if (isMounted === false) return unavailable(context, 'no FUSE can be mounted here')
      const [facts, same] = await Promise.all([probe(join(path, 'journal')), probe(join(path, 'journal'))])
      assert.deepEqual([facts.fileSystem.type, facts.fileSystem.class], ['fuse', 'fuse'])
      assert.equal(facts.directIo.reason, 'the path cannot be reached, or does not answer')
      assert.deepEqual(same, facts)
    } finally {
      await stop()
    }
  })
})

describe('probe, with less', () => {
  /** What a process of its own finds out. */
  function probeElsewhere(directory: string, through: readonly string[], env: NodeJS.ProcessEnv): PlatformFacts {
    const code = `const { probe } = await import(${JSON.stringify(new URL('../../../../dist/platform/probe.js', import.meta.url).href)})
      console.log(JSON.stringify(await probe(process.argv[1])))`
    const [name, ...words] = [...through, process.execPath, '--input-type=module', '-e', code, directory]
    const { stdout, stderr } = spawnSync(name, words, {
      encoding: 'utf8',
      env: { ...process.env, ...env },
    })
    assert.notEqual(stdout, '', stderr)
    return JSON.parse(stdout) as PlatformFacts
  }

  test('without the addon, the same is found out by other means, or not known', async (context) => {
    if (!isLinux) return context.skip('there is none anyway')
    const directory = temporaryDirectory(context)
    const facts = await probe(directory)
    const portable = probeElsewhere(directory, [], { FSYS_ENGINE: 'portable' })
    assert.deepEqual(portable.addon, { isAvailable: false, reason: 'FSYS_ENGINE says so' })
    assert.deepEqual(portable.directIo, facts.directIo)
    assert.deepEqual(portable.reflink, facts.reflink)
    assert.deepEqual(portable.drive, facts.drive)
    assert.notEqual(portable.ioUring.isAvailable, true)
    assert.match(portable.ioUring.reason ?? '', /the native addon is missing, FSYS_ENGINE says so|io_uring_disabled/u)
  })

  test('without privileges, all is found out as with them; a directory that is not ours cannot be tried', async (context) => {
    const nobody = asNobody(context)
    if (nobody === undefined) return
    const directory = temporaryDirectory(context)
    chmodSync(directory, 0o755)
    const facts = await probe(directory)
    const read = probeElsewhere(directory, nobody, {})
    assert.deepEqual([read.fileSystem.isWritable, facts.fileSystem.isWritable], [false, true])
    assert.deepEqual(read.drive, facts.drive)
    assert.equal(read.birthTimes.isAvailable, facts.birthTimes.isAvailable)
    chmodSync(directory, 0o777)
    assert.deepEqual(probeElsewhere(directory, nobody, {}), facts)
  })
})

/** The files below a directory that this process has open, whether they have names or not. */
function openFiles(directory: string): string[] {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(`${directory}/`)
    } catch {
      return false
    }
  })
}
