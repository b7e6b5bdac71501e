import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'

import { createHandle, type FsysError } from 'fsys'

import { enterOwnMounts } from '../support/enter-own-mounts.js'
import { fullDisk, limitedFiles, quotaDisk, thinDisk, type Trouble } from '../support/full-disks.js'
import { provideDisk } from '../support/loop-disk.js'

enterOwnMounts()

interface Case {
  readonly errnos: readonly string[]
  readonly prepare: (context: TestContext) => Trouble | undefined
}

const MIB = 2 ** 20

const cases: Readonly<Record<string, Case>> = {
  ...Object.fromEntries(
    (['ext4', 'xfs'] as const).flatMap((kind): [string, Case][] => [
      [`a full ${kind}`, { errnos: ['ENOSPC'], prepare: (context) => fullDisk(context, kind) }],
      [
        `${kind} on a thin disk, which fails at the sync`,
        { errnos: ['ENOSPC', 'EIO'], prepare: (context) => thinDisk(context, kind) },
      ],
    ]),
  ),
  'a quota, on btrfs': { errnos: ['EDQUOT'], prepare: (context) => quotaDisk(context, '3M') },
  'a limit on the size of files': { errnos: ['EFBIG'], prepare: limitedFiles },
}

suite('what does not fit leaves the old file, and no draft; with room again, it is written', () => {
  for (const [what, { errnos, prepare }] of Object.entries(cases)) {
    test(what, { timeout: 120_000 }, async (context) => {
      const full = prepare(context)
      if (full === undefined) return
      const { disk, strike, relieve } = full
      const handle = createHandle({ root: disk.path, mode: 'prod' })
      const [old, large] = [Buffer.alloc(100_000, 'old '), Buffer.alloc(8 * MIB, 'new ')]
      await handle.write('a', old)
      const before = readdirSync(disk.path)
      strike?.()
      const attempts: Readonly<Record<string, () => Promise<unknown>>> = {
        write: () => handle.write('a', large),
        'write, blocking': async () => handle.writeSync('a', large),
        'write in pieces': () =>
          handle.write(
            'a',
            Array.from({ length: 8 }, () => large.subarray(0, MIB)),
          ),
        writeCopy: () => handle.writeCopy('a', large),
      }
      for (const [name, attempt] of Object.entries(attempts)) {
        await assert.rejects(attempt(), (error: FsysError) => {
          assert.ok(errnos.includes(error.errno ?? ''), `${name}: ${String(error)}`)
          assert.equal(error.code, error.errno === 'EIO' ? 'ERR_FSYS_IO' : 'ERR_FSYS_NO_SPACE', name)
          return true
        })
        assert.ok(readFileSync(join(disk.path, 'a')).equals(old), name)
        assert.deepEqual(readdirSync(disk.path), before, name)
      }
      relieve()
      await handle.write('a', large)
      assert.ok(readFileSync(join(disk.path, 'a')).equals(large))
      handle.close()
    })
  }
})

test('copy shares what a file holds where the file system can: XFS does, ext4 copies', async (context) => {
  const expected = { xfs: 'reflink', ext4: 'copy_file_range' } as const
  for (const kind of ['xfs', 'ext4'] as const) {
    const disk = provideDisk(context, kind)
    if (disk === undefined) return
    const handle = createHandle({ root: disk.path, mode: 'prod' })
    await handle.write('a', Buffer.alloc(2 * MIB, 'abc'))
    const { primitive, bytes } = await handle.copy('a', 'b')
    assert.equal(bytes, 2 * MIB)
    // Without the addon, Node alone copies.
    assert.equal(primitive, process.env['FSYS_ENGINE'] === 'portable' ? 'read and write' : expected[kind])
    handle.copySync('a', 'c')
    for (const name of ['b', 'c']) assert.ok((await handle.read(name)).equals(await handle.read('a')))
    assert.equal(await handle.punchHole('b', 0, MIB), process.env['FSYS_ENGINE'] === 'portable' ? 'zeros' : 'hole')
    assert.ok(statSync(join(disk.path, 'b')).blocks * 512 <= MIB + 65_536 || process.env['FSYS_ENGINE'] === 'portable')
    handle.close()
  }
})
