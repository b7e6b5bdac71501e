import assert from 'node:assert/strict'
import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'

import { openReader } from 'fsys'

import { enterOwnMounts } from '../support/enter-own-mounts.js'
import { command, type LoopDisk, provideDisk, xfsIo } from '../support/loop-disk.js'
import { openJournal } from '../support/open-journal.js'
import { recordAt } from './power-cuts-records.js'

enterOwnMounts()

const SEED = 1
const RECORDS = 3000

suite('a disk that cannot be read', () => {
  for (const kind of ['ext4', 'xfs'] as const) {
    test(
      `D2 D7: on ${kind}, an error in the middle of a journal is not taken for its end`,
      { timeout: 180_000 },
      async (context) => {
        const damaged = await journalWithHole(context, kind)
        if (damaged === undefined) return
        const { path, disk } = damaged
        const whole = readFileSync(path)
        damaged.breakOff()
        const failure = { name: 'FsysError', code: 'ERR_FSYS_IO', errno: 'EIO' }

        const reader = openReader(path)
        let records = 0
        assert.throws(() => {
          for (const { payload } of reader) assert.ok(payload.equals(recordAt(SEED, 0, records++)))
        }, failure)
        assert.ok(records > 0 && records < RECORDS, `${records} records before the error`)
        assert.equal(reader.tailState, undefined)

        await assert.rejects(openJournal(path), failure)
        await assert.rejects(openJournal(path, { onDamage: 'cut' }), failure)
        damaged.mustBeBroken()
        assert.equal(statSync(path).size, whole.length)
        assert.deepEqual(
          readdirSync(disk.path).filter((name) => name.includes('.corrupt-') || name.includes('.lock')),
          [],
        )

        damaged.restore()
        for (const { payload } of reader) assert.ok(payload.equals(recordAt(SEED, 0, records++)))
        assert.deepEqual([records, reader.tailState], [RECORDS, 'clean-end'])
        reader.close()
        const journal = await openJournal(path)
        assert.deepEqual([journal.info.recovery.records, journal.info.recovery.bytesCut], [RECORDS, 0])
        await journal.commit('on it goes')
        await journal.close()
      },
    )
  }
})

interface Damaged {
  readonly disk: LoopDisk
  readonly path: string
  /** From now on, the second half of the journal cannot be read. */
  breakOff(): void
  /** That is still so. */
  mustBeBroken(): void
  restore(): void
}

/**
 * A journal at the end of its disk. What cannot be read is what is missing from the disk's image, because it has been cut
 * off. The file system keeps everything else further ahead, and goes on working there.
 */
async function journalWithHole(context: TestContext, kind: 'ext4' | 'xfs'): Promise<Damaged | undefined> {
  const makeWords = kind === 'ext4' ? ['-b', '4096', '-m', '0', '-E', 'packed_meta_blocks=1'] : ['-l', 'agnum=0']
  const disk = provideDisk(context, kind, { makeWords })
  if (disk === undefined) return undefined
  const path = join(disk.path, 'a.wal')
  const ballast = disk.fill(20)
  const journal = await openJournal(path)
  for (let index = 0; index < RECORDS; index++) journal.append(recordAt(SEED, 0, index))
  await journal.close()
  // Room for locks and their like in the first blocks of all, and nowhere else.
  fillUp(join(disk.path, 'rest'))
  command('fallocate', '--punch-hole', '--offset', '0', '--length', '8MiB', ballast)
  disk.remount()
  const [start, length] = lastExtent(path)
  const from = start + Math.ceil(length / 2 / 4096) * 4096
  const { size } = statSync(disk.imagePath)
  const missing = Buffer.alloc(size - from)
  return {
    disk,
    path,
    breakOff() {
      disk.sync()
      const image = openSync(disk.imagePath, 'r')
      readSync(image, missing, 0, missing.length, from)
      closeSync(image)
      truncateSync(disk.imagePath, from)
      dropCache(path)
    },
    mustBeBroken() {
      assert.equal(statSync(disk.imagePath).size, from, 'something was written behind the end of the image')
    },
    restore() {
      const image = openSync(disk.imagePath, 'r+')
      writeSync(image, missing, 0, missing.length, from)
      closeSync(image)
      dropCache(path)
    },
  }
}

/** Where on the disk the last piece of a file begins, and how long it is, in bytes. */
function lastExtent(path: string): readonly [number, number] {
  const lines = xfsIo(path, 'fiemap -v').split('\n')
  const [, first, last] =
    /: \[\d+\.\.\d+\]:\s+(\d+)\.\.(\d+)/u.exec(lines.findLast((line) => line.includes('..')) ?? '') ?? []
  return [Number(first) * 512, (Number(last) + 1 - Number(first)) * 512]
}

function fillUp(path: string): void {
  const file = openSync(path, 'w')
  const block = Buffer.alloc(4096)
  assert.throws(
    () => {
      for (;;) writeSync(file, block)
    },
    { code: 'ENOSPC' },
  )
  closeSync(file)
}

function dropCache(path: string): void {
  xfsIo(path, 'fadvise -d 0 0')
}
