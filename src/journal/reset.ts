import { dirname } from 'node:path'

import type { KernelPool } from '../checksum/kernel-pool.js'
import type { Kernel } from '../checksum/kernel.js'
import { FsysError, storageFailure } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { Storage, StorageFile } from '../storage/storage.js'
import { lockDescription } from './description-lock.js'
import { CHUNK_BYTES } from './frame-cursor.js'
import { acquireLock } from './lock.js'
import { MarkKeeper } from './mark.js'
import { lockPath, markPath } from './names.js'
import { makeMark, register, resolve } from './open.js'
import { type Findings, type Recovered, complaintAbout, examine } from './recovery.js'
import { type SavedTail, saveTail } from './saved-tail.js'

export interface ResetOptions {
  readonly storage: Storage
  readonly memory: KernelPool
  /** Also where the file does not begin like a journal. */
  readonly force: boolean
  /** The permissions of files that are made, before the process's umask. */
  readonly fileMode: number
}

/** What a reset has found and done. */
export interface ResetReport {
  /** The journal's real path. */
  readonly path: string
  /** What stood in it. */
  readonly findings: Findings
  /** Where all of it was saved, unless it was empty or all zero. */
  readonly saved: SavedTail | undefined
}

/**
 * Starts a journal over: saves everything in it that is not zero beside it, as `<name>.corrupt-0`, and leaves an empty
 * journal with a mark that claims nothing. For one that was emptied or overwritten in place, or is not wanted any more.
 *
 * A crash on the way leaves the old journal or an empty one. The mark is taken back before anything is cut, durably: with
 * the old one, the empty journal would be one that has lost confirmed records. It goes on to call old gaps history as long
 * as the journal may be the old one, and no longer.
 *
 * Fails with ERR_FSYS_LOCKED, ERR_FSYS_NOT_A_JOURNAL, ERR_FSYS_NOT_FOUND, ERR_FSYS_NOT_A_FILE, or what the disk does.
 */
export function* reset(givenPath: string, options: ResetOptions): Steps<ResetReport> {
  const { storage, memory } = options
  const attempt = `cannot reset journal ${JSON.stringify(givenPath)}`
  try {
    const path = yield* resolve(storage, givenPath, attempt)
    const there = yield* call(storage, 'stat', path)
    if (there === undefined) throw new FsysError('ERR_FSYS_NOT_FOUND', `${attempt}: there is no such file`, { path })
    if (!there.isFile) throw new FsysError('ERR_FSYS_NOT_A_FILE', `${attempt}: it is not a regular file`, { path })
    const lock = yield* acquireLock(storage, lockPath(path), attempt)
    const kernel = memory.acquire(CHUNK_BYTES)
    try {
      return yield* resetLocked(path, kernel, options, attempt)
    } finally {
      memory.release(kernel)
      yield* lock.release()
    }
  } catch (error) {
    throw storageFailure(error, attempt, { path: givenPath })
  }
}

function* resetLocked(path: string, kernel: Kernel, options: ResetOptions, attempt: string): Steps<ResetReport> {
  const { storage, force, fileMode } = options
  const file = yield* call(storage, 'open', path, 'write')
  try {
    const facts = yield* call(file, 'stat')
    const unregister = register(storage, facts, path, 1, attempt)
    try {
      yield* lockDescription(storage, file, path, attempt)
      const recovered: Recovered = { storage, path, file, origin: 0 }
      const { reading, resumed } = yield* MarkKeeper.resume(storage, markPath(path), facts)
      try {
        const findings = yield* examine(recovered, kernel, facts.size, reading, 'skip')
        if (complaintAbout(findings) === 'not-a-journal' && !force) throw notAJournal(path, attempt)
        const saved = yield* saveTail(storage, path, { file, from: 0, to: findings.fileSize }, kernel, fileMode)
        yield* startOver(recovered, findings, resumed, fileMode)
        return { path, findings, saved }
      } finally {
        resumed?.closeSync()
      }
    } finally {
      unregister()
    }
  } finally {
    yield* call(file, 'close')
  }
}

/** The order is what a crash must find right. */
function* startOver(
  recovered: Recovered,
  { mark }: Findings,
  resumed: MarkKeeper | undefined,
  fileMode: number,
): Steps<void> {
  const { storage, path, file } = recovered
  if (resumed !== undefined && mark.state === 'bound') {
    yield* resumed.lowerTo(0, mark.mark.gapFreeLsn)
    yield* empty(file)
    yield* resumed.lowerTo(0)
  } else {
    yield* empty(file)
    const keeper = yield* makeMark(recovered, mark, yield* call(file, 'stat'), 0, 0, fileMode)
    keeper.closeSync()
  }
  yield* call(storage, 'syncDirectory', dirname(path))
}

function* empty(file: StorageFile): Steps<void> {
  yield* call(file, 'truncate', 0)
  yield* call(file, 'sync')
}

function notAJournal(path: string, attempt: string): FsysError {
  const what = 'the file does not begin like a journal; `fsys reset --force` saves and empties it all the same'
  return new FsysError('ERR_FSYS_NOT_A_JOURNAL', `${attempt}: ${what}`, { path })
}
