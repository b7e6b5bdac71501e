import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { type AdviceCode, type Diagnosis, advise } from '#src/cli/advice.js'
import { Distribution } from '#src/cli/distribution.js'
import type { PlatformFacts } from '#src/platform/facts.js'
import { probe } from '#src/platform/probe.js'
import { UNKNOWN_DRIVE } from '#src/platform/probe/drive.js'

import { type Ended, fsys, mainPath, start, until } from '../support/command.js'
import { provideDisk } from '../support/loop-disk.js'
import { mountSmall, remountReadOnly } from '../support/mounts.js'
import { asNobody } from '../support/nobody.js'
import { temporaryDirectory } from '../support/temporary.js'

interface Report {
  readonly facts: PlatformFacts
  readonly method: { method: string; primitive: string; reason: string }
  readonly engines?: { cached: { engine: string }; direct: { engine: string } }
  readonly isDirectorySynced: boolean | 'unknown'
  readonly advice: readonly { code: AdviceCode; isProblem: boolean }[]
  readonly sync: {
    readonly count: number
    readonly us?: Record<string, number>
    readonly histogram?: readonly { from: number; to: number; syncs: number }[]
    readonly failure?: string
  }
}

async function doctor(...args: string[]): Promise<Ended & { report: Report }> {
  const ended = await fsys('doctor', '--json', ...args)
  assert.equal(ended.stderr, '')
  return { ...ended, report: JSON.parse(ended.text) as Report }
}

const problems = ({ advice }: Report): string[] => advice.filter(({ isProblem }) => isProblem).map(({ code }) => code)
const codes = ({ advice }: Report): string[] => advice.map(({ code }) => code)

describe('doctor, on this machine', () => {
  test('tells facts, choice, latency and advice, as JSON, and leaves nothing', async () => {
    const directory = temporaryDirectory()
    const { report } = await doctor('--seconds', '1', directory)
    assert.deepEqual(report.facts, JSON.parse(JSON.stringify(await probe(directory))))
    const { count, us = {}, histogram = [], failure } = report.sync
    assert.ok(count > 0)
    assert.equal(failure, undefined)
    assert.deepEqual(Object.keys(us), ['min', 'p50', 'p90', 'p99', 'p999', 'max'])
    const values = Object.values(us)
    assert.deepEqual(
      values,
      values.toSorted((a, b) => a - b),
    )
    assert.equal(
      histogram.reduce((sum, { syncs }) => sum + syncs, 0),
      count,
    )
    assert.deepEqual(readdirSync(directory), [])
  })

  test('says the same in words, of the working directory if there is no path', async () => {
    const { text, stderr } = await fsys('doctor', '--seconds', '1')
    assert.equal(stderr, '')
    assert.match(text, /^\.:\n {2}directory +\/.+\n {2}file system +\S+ \(\w+\) mounted on \//u)
    for (const title of ['here would be used', 'can be had here', '\\d+ syncs? of 4096 bytes, one after the other']) {
      assert.match(text, new RegExp(`^${title}:$`, 'mu'))
    }
    assert.match(text, /^ {2}us {2}min \d+, p50 \d+, p90 \d+, p99 \d+, p99\.9 \d+, max \d+$/mu)
    assert.match(text, /^ {2}\d+(?:-\d+)? +\d+ {2}#+$/mu)
  })

  test('a path that does not exist counts as the nearest directory above it; 0 seconds measure nothing', async () => {
    const directory = temporaryDirectory()
    const { report } = await doctor('--seconds', '0', join(directory, 'not', 'there.wal'))
    assert.equal(report.facts.directory, directory)
    assert.deepEqual(report.sync, { bytes: 4096, count: 0 })
    const { text } = await fsys('doctor', '--seconds', '0', directory)
    assert.match(text, /^no sync was measured$/mu)
  })

  test('ends early when it is interrupted, with what it has, and leaves nothing', async () => {
    const directory = temporaryDirectory()
    const command = start('doctor', '--json', '--seconds', '3600', directory)
    await until('it measures', () => isMeasuring(command.child.pid as number, directory))
    command.kill('SIGINT')
    const { status, text } = await command.ended()
    assert.equal(status, 130)
    assert.ok((JSON.parse(text) as Report).sync.count >= 0)
    assert.deepEqual(readdirSync(directory), [])
  })

  test('killed in the middle, it leaves nothing either', async (context) => {
    if (process.platform !== 'linux') return context.skip('files without names are for Linux')
    const directory = temporaryDirectory()
    const command = start('doctor', '--seconds', '3600', directory)
    await until('it measures', () => isMeasuring(command.child.pid as number, directory))
    command.kill('SIGKILL')
    await command.ended()
    assert.deepEqual(readdirSync(directory), [])
  })

  test('an engine that cannot be had is a problem, and no reason to say nothing', async () => {
    const ended = spawnSync(process.execPath, [mainPath, 'doctor', '--json', '--seconds', '0'], {
      encoding: 'utf8',
      env: { ...process.env, FSYS_ENGINE: 'hovercraft' },
    })
    const report = JSON.parse(ended.stdout) as Report
    assert.equal(ended.status, 1)
    assert.deepEqual(problems(report), ['engine-unavailable'])
    assert.equal(report.engines, undefined)
  })
})

describe('doctor, on real file systems', () => {
  test('ext4 and XFS on a loop device: nothing endangers what is there', async (context) => {
    for (const fileSystem of ['ext4', 'xfs'] as const) {
      const disk = provideDisk(context, fileSystem)
      if (disk === undefined) return
      const { status, report } = await doctor('--seconds', '1', disk.path)
      assert.deepEqual(problems(report), [], JSON.stringify(report))
      assert.equal(status, 0)
      assert.equal(report.facts.fileSystem.type, fileSystem)
      assert.deepEqual([report.method.method, report.method.primitive], ['data', 'fdatasync'])
      assert.equal(report.isDirectorySynced, true)
      assert.ok(report.sync.count > 0)
      assert.deepEqual(
        readdirSync(disk.path).filter((name) => name !== 'lost+found'),
        [],
      )
    }
  })

  test('tmpfs is a problem, however fast it is', async (context) => {
    const path = mountSmall(context, 'tmpfs', 1)
    if (path === undefined) return
    const { status, report } = await doctor('--seconds', '1', path)
    assert.equal(status, 1)
    assert.deepEqual(problems(report), ['memory'])
    assert.equal(report.method.method, 'sync')
  })

  test('a file system without birth times costs the mark; one that is mounted read-only is a problem', async (context) => {
    const path = mountSmall(context, 'ext4 without birth times', 16)
    if (path === undefined) return
    const { report } = await doctor('--seconds', '0', path)
    assert.ok(codes(report).includes('no-birth-times'))
    remountReadOnly(path)
    const readOnly = await doctor('--seconds', '1', path)
    assert.equal(readOnly.status, 1)
    assert.deepEqual(problems(readOnly.report), ['not-writable'])
    assert.deepEqual(readOnly.report.sync, { bytes: 4096, count: 0 })
  })

  test('a directory of somebody else is a problem', (context) => {
    const nobody = asNobody(context)
    if (nobody === undefined) return
    const directory = temporaryDirectory(context)
    chmodSync(directory, 0o755)
    const [name, ...words] = [...nobody, process.execPath, mainPath, 'doctor', directory]
    const { status, stdout } = spawnSync(name, words, { encoding: 'utf8' })
    assert.equal(status, 1)
    assert.match(stdout, /^ {2}PROBLEM not-writable: .*EACCES/mu)
  })
})

describe('the advice', () => {
  const yes = { isAvailable: true } as const
  const no = { isAvailable: false, reason: 'because' } as const
  const fine: PlatformFacts = {
    directory: '/data',
    platform: 'linux',
    arch: 'x64',
    kernel: '6.18.1',
    fileSystem: { type: 'ext4', class: 'disk', mountPoint: '/data', isReadOnly: false, isWritable: true },
    drive: { ...UNKNOWN_DRIVE, kind: 'nvme', isRotational: false },
    directIo: yes,
    reflink: no,
    holePunching: yes,
    birthTimes: yes,
    ioUring: yes,
    addon: yes,
    cpu: { model: 'x', parallelism: 2, hasCrc32c: true, hasCarrylessMultiply: true, hasAvx2: true },
    memory: { totalBytes: 2 ** 34 },
  }

  function diagnosis(
    changes: Partial<PlatformFacts>,
    us: readonly number[] = [],
    rest: Partial<Diagnosis> = {},
  ): Diagnosis {
    const distribution = new Distribution()
    for (const one of us) distribution.add(one)
    const latency = { us: distribution, failure: undefined }
    return { facts: { ...fine, ...changes }, latency, engineFailure: undefined, isDirectorySynced: true, ...rest }
  }

  const codesOf = (...args: Parameters<typeof diagnosis>): string[] =>
    advise(diagnosis(...args)).map(({ code, isProblem }) => (isProblem ? `${code}!` : code))
  const on = (changes: Partial<PlatformFacts['fileSystem']>): Partial<PlatformFacts> => ({
    fileSystem: { ...fine.fileSystem, ...changes },
  })
  const over = (changes: Partial<PlatformFacts['drive']>): Partial<PlatformFacts> => ({
    drive: { ...fine.drive, ...changes },
  })

  test('is none where all is well', () => {
    assert.deepEqual(codesOf({}), [])
    assert.deepEqual(codesOf({}, [15, 500, 500]), [])
    // Not sharing blocks costs nothing.
    assert.deepEqual(codesOf({ reflink: no, holePunching: no }), [])
  })

  test('knows the places where a sync is not what it should be', () => {
    assert.deepEqual(codesOf(on({ class: 'memory', type: 'tmpfs' }), [2, 2, 2]), ['memory!'])
    assert.deepEqual(codesOf(on({ syncWeakenedBy: 'nobarrier' })), ['sync-weakened!'])
    assert.deepEqual(codesOf(on({ class: 'overlay', syncWeakenedBy: 'volatile' })), ['sync-weakened!', 'overlay'])
    const safe = over({ hasPowerLossProtection: true })
    assert.deepEqual(codesOf({ ...on({ syncWeakenedBy: 'nobarrier' }), ...safe }), [])
    assert.deepEqual(codesOf({ ...on({ syncWeakenedBy: 'fsync=volatile' }), ...safe }), ['sync-weakened!'])
    for (const kind of ['network', 'host', 'fuse', 'overlay'] as const)
      assert.deepEqual(codesOf(on({ class: kind })), [kind])
    assert.deepEqual(codesOf(on({ class: 'unknown' })), ['unknown-file-system'])
    assert.deepEqual(codesOf(over({ kind: 'virtual' })), ['virtual-drive'])
  })

  test('knows when a sync is too fast to be true, or slow', () => {
    assert.deepEqual(codesOf({}, [3, 3, 3]), ['sync-too-fast!'])
    assert.deepEqual(codesOf({}, [10, 10, 10]), [])
    assert.deepEqual(codesOf(over({ kind: 'hdd', isRotational: true }), [200, 200, 200]), ['sync-faster-than-drive'])
    assert.deepEqual(codesOf(over({ kind: 'hdd', isRotational: true }), [4000, 4000, 4000]), [])
    assert.deepEqual(codesOf({}, [8000, 8000, 8000]), ['sync-slow'])
    assert.deepEqual(codesOf({}, [300, 300, 200_000]), ['sync-uneven'])
    const failed = { latency: { us: new Distribution(), failure: 'EIO: i/o error, fdatasync' } }
    assert.deepEqual(codesOf({}, [], failed), ['sync-failed!'])
    assert.match(advise(diagnosis({}, [8000]))[0]?.text ?? '', /\b125 commits a second\b/u)
  })

  test('knows what is missing, and that it costs no durability', () => {
    assert.deepEqual(codesOf({ addon: no, ioUring: { isAvailable: 'unknown' } }), ['no-addon'])
    assert.deepEqual(codesOf({ ioUring: no }), ['no-io-uring'])
    assert.deepEqual(codesOf({ directIo: no }), ['no-direct-io'])
    assert.deepEqual(codesOf({ birthTimes: no }), ['no-birth-times'])
    assert.deepEqual(codesOf({ memory: { totalBytes: 2 ** 34, limitBytes: 2 ** 26 } }), ['memory-limit'])
    assert.deepEqual(codesOf({ memory: { totalBytes: 2 ** 34, limitBytes: 2 ** 32 } }), [])
    assert.deepEqual(codesOf({}, [], { isDirectorySynced: false }), ['no-directory-sync'])
    assert.deepEqual(codesOf({}, [], { engineFailure: 'no ring' }), ['engine-unavailable!'])
  })

  test('knows where nothing can be written, or nothing answers', () => {
    assert.deepEqual(codesOf(on({ isReadOnly: true, isWritable: false })), ['not-writable!'])
    assert.deepEqual(codesOf(on({ isWritable: false })), ['not-writable!'])
    assert.deepEqual(codesOf(on({ isWritable: 'unknown' })), ['writable-unknown!'])
  })

  test('puts problems first', () => {
    const [first, ...others] = codesOf({ ...on({ class: 'memory' }), directIo: no, addon: no }, [3, 3])
    assert.equal(first, 'memory!')
    assert.deepEqual(others, ['no-addon', 'no-direct-io'])
  })
})

function isMeasuring(pid: number, directory: string): boolean {
  if (process.platform !== 'linux') return true
  const { stdout } = spawnSync('ls', ['-l', `/proc/${pid}/fd`], { encoding: 'utf8' })
  return stdout.includes(` ${directory}/`)
}
