import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { inspect } from 'node:util'

import { type ErrorCode, FsysError, type Journal } from 'fsys'

import { enterOwnMounts } from '../support/enter-own-mounts.js'
import { fullDisk, limitedFiles, quotaDisk, thinDisk, type Trouble } from '../support/full-disks.js'
import { provideDisk } from '../support/loop-disk.js'
import { openJournal } from '../support/open-journal.js'
import { isPoisoned } from '../support/poisoned.js'
import { JournalHistory } from './power-cuts-history.js'
import { Committers } from './real-committers.js'

enterOwnMounts()

interface JournalTrouble extends Trouble {
  /** The system itself says no more whether what it syncs has reached the disk: what is confirmed from then on is not counted. */
  readonly lies?: boolean
}

interface Case {
  readonly what: string
  readonly codes: readonly ErrorCode[]
  readonly errnos: readonly string[]
  readonly prepare: (context: TestContext) => JournalTrouble | undefined
}

const SEED = Number(process.env['FSYS_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const COMMITTERS = 32

const cases: readonly Case[] = [
  ...(['ext4', 'xfs'] as const).flatMap((kind): Case[] => [
    {
      what: `a full ${kind}`,
      codes: ['ERR_FSYS_NO_SPACE'],
      errnos: ['ENOSPC'],
      prepare: (context) => fullDisk(context, kind),
    },
    {
      what: `${kind} that is shut down`,
      codes: ['ERR_FSYS_IO'],
      errnos: ['EIO'],
      prepare(context) {
        const disk = provideDisk(context, kind)
        return disk && { disk, lies: true, strike: () => disk.cut('lost'), relieve: () => disk.remount() }
      },
    },
    {
      what: `${kind} on a thin disk, which fails at the sync`,
      codes: ['ERR_FSYS_NO_SPACE', 'ERR_FSYS_IO'],
      errnos: ['ENOSPC', 'EIO'],
      prepare: (context) => thinDisk(context, kind),
    },
  ]),
  {
    what: 'ext4 that has found an error in itself, and is read-only',
    codes: ['ERR_FSYS_READ_ONLY'],
    errnos: ['EROFS'],
    prepare(context) {
      const disk = provideDisk(context, 'ext4', { mountOptions: ['errors=remount-ro'] })
      if (disk === undefined) return undefined
      const strike = (): void => writeFileSync(`/sys/fs/ext4/${disk.device}/trigger_fs_error`, 'a test')
      return { disk, lies: true, strike, relieve: () => disk.remount() }
    },
  },
  {
    what: 'a quota, on btrfs',
    codes: ['ERR_FSYS_NO_SPACE'],
    errnos: ['EDQUOT'],
    prepare: (context) => quotaDisk(context, '6M'),
  },
  {
    what: 'a limit on the size of files',
    codes: ['ERR_FSYS_NO_SPACE'],
    errnos: ['EFBIG'],
    prepare: limitedFiles,
  },
]

suite(`real failures (FSYS_TEST_SEED=${SEED} repeats the records)`, () => {
  for (const { what, codes, errnos, prepare } of cases) {
    test(
      `D2 D5 D6 D10: ${what}: all are told, nothing confirmed is lost, and the journal goes on`,
      { timeout: 180_000 },
      async (context) => {
        const trouble = prepare(context)
        if (trouble === undefined) return
        const { disk, relieve } = trouble
        const history = new JournalHistory(join(disk.path, 'a.wal'), SEED)
        const first = await failUnder(context, history, trouble)
        assert.ok(codes.includes(first.code) && errnos.includes(first.errno ?? ''), String(first))
        relieve()
        await goOn(context, history, 1)
        if (disk.fileSystem === 'btrfs') return
        // What the next one has confirmed since does not stand in the page cache only.
        disk.cut('lost')
        disk.remount()
        // Its removal is lost too; with the power, the holder that it names would be gone.
        rmSync(`${history.path}.lock`, { force: true })
        history.check('power cut')
        await goOn(context, history, 2)
      },
    )
  }
})

/** Many commit until that fails. Returns the failure. */
async function failUnder(
  context: TestContext,
  history: JournalHistory,
  { strike, lies = false }: JournalTrouble,
): Promise<FsysError> {
  const journal = await openNext(context, history, 0)
  const committers = new Committers(journal, COMMITTERS, SEED, 0, 0)
  await committers.reach(500_000)
  const confirmedBefore = committers.confirmedLsn
  strike?.()
  await committers.ended
  history.confirmed(lies ? confirmedBefore : committers.confirmedLsn)
  const { failures } = committers
  assert.equal(failures.length, COMMITTERS)
  // Who came afterwards may have been told a little before those who waited.
  const first = failures.find((error) => (error as FsysError).code !== 'ERR_FSYS_POISONED')
  assert.ok(first instanceof FsysError, inspect(failures))
  for (const failure of failures) {
    const isAfterwards = (failure as FsysError).code === 'ERR_FSYS_POISONED' && (failure as FsysError).cause === first
    assert.ok(failure === first || isAfterwards, inspect({ first, failure }))
  }
  await isPoisoned(journal, first)
  return first
}

/** The next one opens the journal with all that was confirmed, and commits more. */
async function goOn(context: TestContext, history: JournalHistory, life: number): Promise<void> {
  history.check('kill')
  const journal = await openNext(context, history, life)
  history.confirmed(journal.durableLsn)
  const committers = new Committers(journal, COMMITTERS, SEED, life, history.found.records)
  await committers.reach(journal.durableLsn + 300_000)
  await committers.stop()
  history.confirmed(committers.confirmedLsn)
  await journal.close()
  history.check('kill')
}

async function openNext(context: TestContext, history: JournalHistory, life: number): Promise<Journal> {
  history.begin(life)
  const journal = await openJournal(history.path, { logBufferBytes: 2 ** 18 })
  context.after(() => journal.close().catch(() => {}))
  history.opened(journal.info.recovery)
  return journal
}
