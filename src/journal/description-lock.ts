import { FsysError } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { Storage, StorageFile } from '../storage/storage.js'
import type { Primitive } from './info.js'

/**
 * Takes the lock of an open description of the journal's file, which must live as long as the journal. The lock file goes by
 * the file's name; this one goes by the file, and so keeps out who has it open by another name, in whatever process (D8).
 * It goes with the description, however the process ends.
 *
 * Fails with ERR_FSYS_LOCKED, or with the signal's reason. Where there is no such lock, the lock file is all there is, and this says why.
 */
export function* lockDescription(
  storage: Storage,
  file: StorageFile,
  path: string,
  attempt: string,
  signal?: AbortSignal,
): Steps<Primitive<'OFD' | 'none'>> {
  for (let pauseMs = 1; ; pauseMs *= 2) {
    const answer = yield* call(file, 'lock')
    if (answer.state === 'taken') return { inUse: 'OFD' }
    if (answer.state === 'none') return { inUse: 'none', reason: answer.reason }
    if (pauseMs > PAUSE_MS_MAX) throw locked(answer.pid, path, attempt)
    yield* call(storage.clock, 'sleep', pauseMs)
    signal?.throwIfAborted()
  }
}

/**
 * What a killed process has asked io_uring for holds its file open until the device has done with it, and a child between
 * fork and exec holds all files: neither takes long. Half a second, all pauses together.
 */
const PAUSE_MS_MAX = 256

function locked(pid: number | undefined, path: string, attempt: string): FsysError {
  // The system does not say to whom a lock of a description belongs.
  const who = pid === undefined ? 'another process or thread, which the system does not name,' : `process ${pid}`
  const message = `${attempt}: ${who} holds a lock on the file itself: it has it open by another name`
  return new FsysError('ERR_FSYS_LOCKED', message, { path, ...(pid === undefined ? {} : { holder: { pid } }) })
}
