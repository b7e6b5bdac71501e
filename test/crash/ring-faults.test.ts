import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { after, suite, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

import { type ErrorCode, FsysError } from 'fsys'

import { type NativeAddon, nativeAddon } from '#src/platform/native-addon.js'
import { NativeFile } from '#src/storage/native-file.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import type { Storage } from '#src/storage/storage.js'

import { Fault, type FaultyAddon, ringFor } from '../native/support.js'
import { engineStorage } from '../support/engines.js'
import { openJournal } from '../support/open-journal.js'
import { unavailable } from '../support/unavailable.js'
import { goOnAfterDeath } from './recorder/check-state.js'
import { modelOf } from './recorder/notes.js'
import { makeQuickDirectory } from './recorder/recorder.js'
import { work } from './recorder/workload.js'
import { NoteFile } from './ring-notes.js'

// What the recorder cannot do to io_uring, which makes no calls: the addon's build for tests lets each operation of the fixed
// workload fail, one after the other; and a process dies in front of each result that it has from its ring.

const SEED = Number(process.env['FSYS_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const directory = makeQuickDirectory()
after(() => rmSync(directory, { recursive: true }))

interface RingFault {
  readonly what: string
  readonly kind: (typeof Fault)[keyof typeof Fault]
  readonly value: number
  /** How callers hear of it; undefined if it is made good. */
  readonly told?: { readonly code: ErrorCode; readonly errno: string }
}

const { EIO, ENOSPC, ECANCELED } = constants.errno

function faultsFor(mode: 'cached' | 'direct'): readonly RingFault[] {
  const io = { code: 'ERR_FSYS_IO', errno: 'EIO' } as const
  const noSpace = { code: 'ERR_FSYS_NO_SPACE', errno: 'ENOSPC' } as const
  return [
    { what: 'a write fails with EIO', kind: Fault.write, value: EIO, told: io },
    { what: 'a write fails with ENOSPC', kind: Fault.write, value: ENOSPC, told: noSpace },
    { what: 'a sync fails with EIO', kind: Fault.sync, value: EIO, told: io },
    { what: 'a sync fails with ENOSPC', kind: Fault.sync, value: ENOSPC, told: noSpace },
    { what: 'a write is short', kind: Fault.shortWrite, value: mode === 'direct' ? 512 : 1 },
    { what: 'a sync is cancelled that was linked to a write', kind: Fault.sync, value: ECANCELED },
  ]
}

for (const mode of ['cached', 'direct'] as const) {
  suite(`io_uring, ${mode}; FSYS_TEST_SEED=${SEED} repeats the records`, { timeout: 300_000 }, () => {
    for (const fault of faultsFor(mode)) {
      const outcome = fault.told === undefined ? 'is made good' : `is told to all as ${fault.told.code}`
      test(`D2 D5 D6 D10: where ${fault.what}, whichever it is, that ${outcome}, and the journal goes on`, async (context) => {
        const addon = ringFor(context)
        if (addon === undefined) return
        const storage = ringStorage(addon, fault.value === ECANCELED)
        if (storage === undefined) return unavailable(context, 'the native addon is missing')
        if (!(await hasMode(storage, mode))) return unavailable(context, 'this file system has no direct I/O')
        let count = 0
        while (await endure(addon, storage, mode, fault, count)) count++
        assert.ok(count > 0, 'the workload has no such operation')
        context.diagnostic(`${count} operations`)
      })
    }

    test('D2 D3 D6 D8: a process that dies in front of any result has lost nothing of what it wrote', async (context) => {
      const reason = engineStorage('uring')
      if (typeof reason === 'string') return unavailable(context, reason)
      let next = 1
      let deaths = 0
      const lane = async (): Promise<void> => {
        while (await die(context, mode, next++)) deaths++
      }
      await Promise.all([lane(), lane()])
      assert.ok(deaths > 0, 'the workload has no results')
      context.diagnostic(`${deaths} deaths`)
    })
  })
}

/**
 * Faults strike what is given to the ring. The calls that block are no operations of it: they are those of the other build.
 * `links`: small writes to the page cache go to the ring too, with their syncs linked to them, as they would past it.
 */
function ringStorage(addon: FaultyAddon, links: boolean): Storage | undefined {
  const sound = nativeAddon().addon
  if (sound === undefined) return undefined
  const mixed: NativeAddon = {
    ...addon,
    writeAndSyncSync: (...words) => sound.writeAndSyncSync(...words),
    writtenBytes: () => sound.writtenBytes(),
  }
  return new NodeStorage({
    engine: 'uring',
    makeFile: (fd, mode) => new NativeFile(fd, links ? 'direct' : mode, mixed, 'uring'),
  })
}

async function hasMode(storage: Storage, mode: string): Promise<boolean> {
  const journal = await openJournal(join(directory, `trial-${mode}.wal`), { storage, direct: mode === 'direct' })
  await journal.close()
  assert.equal(journal.info.engine, 'uring')
  return journal.info.isDirect === (mode === 'direct')
}

/** One run of the workload, with a fault behind so many operations of its kind. False if there are not so many. */
async function endure(
  addon: FaultyAddon,
  storage: Storage,
  mode: string,
  { kind, value, told }: RingFault,
  goodOnes: number,
): Promise<boolean> {
  const path = join(directory, `${mode}-${kind}-${value}-${goodOnes}.wal`)
  const texts: string[] = []
  addon.setFault(kind, goodOnes, value)
  const failure = await work(path, (text) => texts.push(text), {
    seed: SEED,
    direct: mode === 'direct',
    storage,
    smallGroups: 12,
  })
  const hasStruck = !addon.setFault(kind, 0, 0)
  const what = `behind ${goodOnes} others: ${String(failure)}`
  if (hasStruck && told !== undefined) {
    assert.ok(failure instanceof FsysError, what)
    // Where a life before has left a tail, it may be the copy of that which fails.
    const code = failure.code === 'ERR_FSYS_TAIL_NOT_SAVED' ? told.code : failure.code
    assert.deepEqual({ code, errno: failure.errno }, told, what)
  } else {
    assert.equal(failure, undefined, what)
  }
  await goOnAfterDeath(path, modelOf(texts.map((text, at) => ({ at, text }))), mode === 'direct')
  return hasStruck
}

const childPath = fileURLToPath(new URL('ring-child.js', import.meta.url))

/** Runs the workload in a process that dies in front of this result. False if it had come to its end. */
async function die(context: TestContext, mode: string, result: number): Promise<boolean> {
  const path = join(directory, `${mode}-death-${result}.wal`)
  const notes = new NoteFile(`${path}.notes`)
  const words = [childPath, path, notes.path, mode, SEED, result].map(String)
  const ending = await new Promise<{ signal: string | null | undefined; stderr: string }>((resolve) => {
    const child = execFile(process.execPath, words, { timeout: 60_000 }, (_, __, stderr) => {
      resolve({ signal: child.exitCode === 0 ? undefined : child.signalCode, stderr })
    })
    context.after(() => child.kill('SIGKILL'))
  })
  if (ending.signal === undefined) return false
  assert.equal(ending.signal, 'SIGKILL', ending.stderr)
  await goOnAfterDeath(path, modelOf(notes.read()), mode === 'direct')
  return true
}
