import assert from 'node:assert/strict'
import { linkSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'

import type { FsysError } from 'fsys'

import { KernelPool } from '#src/checksum/kernel-pool.js'
import { reset } from '#src/journal/reset.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { runSync } from '#src/storage/steps.js'

import { startChild } from '../support/children.js'
import { engineStorage } from '../support/engines.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

// The lock file goes by the name of a journal; the lock on the file itself goes by the file.

suite('the lock on the file itself', () => {
  for (const [engine, mode] of [
    ['pool', 'cached'],
    ['uring', 'direct'],
  ] as const) {
    test(`D8: a hard link to a journal that another process has open is refused, by ${engine}, ${mode}`, async (context) => {
      const direct = mode === 'direct'
      const storage = engineStorage(engine)
      if (typeof storage === 'string') return unavailable(context, storage)
      const directory = temporaryDirectory(context)
      const path = join(directory, 'a.wal')
      const other = join(directory, 'other.wal')
      const child = startChild(context, 'holder', [path, mode], { env: { ...process.env, FSYS_ENGINE: engine } })
      assert.deepEqual(await child.hear(), { engine, fileLock: { inUse: 'OFD' } })
      linkSync(path, other)
      const before = readdirSync(directory)
      for (const open of [openJournal, openJournalSync]) {
        await assert.rejects(
          async () => open(other, { direct, storage }),
          (error: FsysError) => {
            assert.equal(error.code, 'ERR_FSYS_LOCKED')
            assert.match(error.message, /holds a lock on the file itself: it has it open by another name/u)
            return true
          },
        )
      }
      assert.deepEqual(readdirSync(directory), before)
      await child.kill()
      const journal = await openJournal(other, { direct, storage })
      assert.deepEqual(journal.info.fileLock, { inUse: 'OFD' })
      assert.equal(journal.info.recovery.records, 1)
      await journal.close()
    })
  }

  test('without the addon there is none, and info says why', async (context) => {
    const storage = engineStorage('portable')
    assert.ok(typeof storage !== 'string')
    const journal = await openJournal(join(temporaryDirectory(context), 'a.wal'), { storage })
    assert.deepEqual(journal.info.fileLock, { inUse: 'none', reason: 'Node has no call for it' })
    await journal.close()
  })

  test('D8: on the simulated disk: two names, two processes; it ends with its process, and reset takes it too', async () => {
    const { disk, first } = await twoNames()
    const second = disk.process()
    for (const attempt of [
      () => openJournal(OTHER, { storage: second }),
      async () => openJournalSync(OTHER, { storage: second }),
      async () => runSync(reset(OTHER, { storage: second, memory: new KernelPool(), force: false, fileMode: 0o600 })),
    ]) {
      await assert.rejects(attempt, { code: 'ERR_FSYS_LOCKED' })
      assert.deepEqual(disk.files(), [PATH, `${PATH}.lock`, `${PATH}.mark`, OTHER])
    }
    disk.killProcess(first)
    await disk.settle()
    const journal = await openJournal(OTHER, { storage: second })
    assert.equal(journal.info.recovery.records, 1)
    await journal.close()
  })

  test('an open that waits for it hears its signal, and leaves nothing behind', async () => {
    const { disk } = await twoNames()
    const before = disk.files()
    const controller = new AbortController()
    const reason = new Error('enough')
    let asked = 0
    disk.faults = ({ kind }) => {
      if (kind === 'lock') {
        asked += 1
        controller.abort(reason)
      }
      return undefined
    }
    await assert.rejects(
      openJournal(OTHER, { storage: disk.process(), signal: controller.signal }),
      (error) => error === reason,
    )
    assert.equal(asked, 1)
    assert.deepEqual(disk.files(), before)
  })

  test('a file system that has no such lock is no error, and info says so', async () => {
    const { disk } = await twoNames(false)
    const journal = await openJournal(OTHER, { storage: disk.process() })
    assert.deepEqual(journal.info.fileLock, { inUse: 'none', reason: 'ENOLCK: fcntl' })
    await journal.close()
  })

  test('D8: somebody who is about to let go of it is waited for', async () => {
    const { disk, journal } = await twoNames()
    const opening = openJournal(OTHER, { storage: disk.process() })
    // Its answer is the first thing to be heard when the lock has been looked at.
    let looks = 0
    disk.faults = ({ kind }) => {
      if (kind === 'lock' && ++looks === 3) journal.closeSync()
      return undefined
    }
    const second = await opening
    assert.ok(looks >= 3)
    await second.close()
  })
})

const PATH = '/data/a.wal'
const OTHER = '/data/b.wal'

/** A process has a journal open, of which there is a second name. */
async function twoNames(fileLocks = true): Promise<{
  disk: SimDisk
  first: ReturnType<SimDisk['process']>
  journal: Awaited<ReturnType<typeof openJournal>>
}> {
  const disk = new SimDisk({ seed: 1, fileLocks })
  disk.makeDirectory('/data')
  const first = disk.process()
  const journal = await openJournal(PATH, { storage: first })
  await journal.commit('x')
  await first.link(PATH, OTHER)
  return { disk, first, journal }
}
