import { basename, dirname, join } from 'node:path'

import type { KernelPool } from '../checksum/kernel-pool.js'
import type { Kernel } from '../checksum/kernel.js'
import { FsysError, errnoOf, invalidArgument, storageFailure } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { FileFacts, Owners, Storage, StorageFile } from '../storage/storage.js'
import { lockDescription } from './description-lock.js'
import { type DirectFiles, openDirect } from './direct.js'
import { CHUNK_BYTES } from './frame-cursor.js'
import type { Primitive } from './info.js'
import { type FileLock, acquireLock } from './lock.js'
import { SingleFileSpace } from './log-space.js'
import { MarkKeeper, type MarkReading } from './mark.js'
import { isSideName, lockPath, markPath } from './names.js'
import type { JournalOptions, Settled } from './options.js'
import { type Recovered, type Recovery, examine, mend, refusal } from './recovery.js'

/** A journal that has been opened for writing: locked, mended, synced, its name too. */
export interface OpenedJournal {
  /** Its real path. */
  readonly path: string
  readonly storage: Storage
  readonly lock: FileLock
  /** The lock on the file itself. */
  readonly fileLock: Primitive<'OFD' | 'none'>
  readonly mark: MarkKeeper
  readonly space: SingleFileSpace
  /** The beginning of the sector in which the records end; empty where writes need no alignment. */
  readonly carried: Uint8Array
  /** Why the journal is not in direct mode, though it was to be. */
  readonly notDirect: string | undefined
  readonly recovery: Recovery
  /** False where the platform cannot sync a directory: a new journal's name may then be lost at a power cut. */
  readonly isDirectorySynced: boolean
  /** Takes the journal out of the registry of this thread's open journals. */
  readonly unregister: () => void
}

/**
 * Opens a journal for writing. On failure nothing is left half made: no lock, no descriptor, and no file that was not
 * there before.
 */
export function* open(givenPath: string, origin: number, options: Settled<JournalOptions>): Steps<OpenedJournal> {
  const { storage, create, signal } = options
  const undo: (() => Steps<void>)[] = []
  const attempt = `cannot open journal ${JSON.stringify(givenPath)}`
  try {
    const { path, isThere } = yield* locate(storage, givenPath, attempt)
    const there = isThere ? yield* call(storage, 'stat', path) : undefined
    if (there === undefined && !create) {
      throw new FsysError('ERR_FSYS_NOT_FOUND', `${attempt}: there is no such file, and create is false`, { path })
    }
    if (there !== undefined && !there.isFile) {
      throw new FsysError('ERR_FSYS_NOT_A_FILE', `${attempt}: it is not a regular file`, { path })
    }
    signal?.throwIfAborted()
    const lock = yield* acquireLock(storage, lockPath(path), attempt)
    undo.push(() => lock.release())
    signal?.throwIfAborted()
    const { file, isNew } = yield* openOrCreate(storage, path, isThere, options)
    if (isNew) undo.push(() => call(storage, 'unlink', path))
    undo.push(() => call(file, 'close'))
    const facts = yield* call(file, 'stat')
    const unregister = register(storage, facts, path, 1, attempt)
    undo.push(() => atOnce(unregister))
    const fileLock = yield* lockDescription(storage, file, path, attempt, signal)
    const recovered: Recovered = { storage, path, file, origin }
    const { recovery, mark, isMarkNew } = yield* recover(recovered, facts, options)
    if (isMarkNew) undo.push(() => call(storage, 'unlink', markPath(path)))
    undo.push(() => atOnce(() => mark.closeSync()))
    const isDirectorySynced = yield* call(storage, 'syncDirectory', dirname(path))
    const spaces = yield* openSpace(recovered, recovery.cleanEnd, options)
    return { path, storage, lock, fileLock, mark, ...spaces, recovery, isDirectorySynced, unregister }
  } catch (error) {
    for (const undoStep of undo.toReversed()) yield* bestEffort(undoStep)
    if (signal?.aborted && error === signal.reason) throw error
    throw storageFailure(error, attempt, { path: givenPath })
  }
}

type Space = Pick<OpenedJournal, 'space' | 'carried' | 'notDirect'>

/** The last step: what it opens is closed by whoever closes the journal. */
function* openSpace(
  { storage, path, file }: Recovered,
  cleanEnd: number,
  { direct, memory }: Settled<JournalOptions>,
): Steps<Space> {
  const found = direct ? yield* tryDirect(storage, path, file, cleanEnd, memory) : undefined
  if (typeof found === 'object') {
    const { waiting, through, alignment, carried } = found
    const space = new SingleFileSpace({ waiting, blocking: file, through }, paddedEnd(cleanEnd), alignment)
    return { space, carried, notDirect: undefined }
  }
  const blocking = yield* call(storage, 'open', path, 'write')
  const space = new SingleFileSpace({ waiting: file, blocking }, direct ? paddedEnd(cleanEnd) : cleanEnd)
  return { space, carried: new Uint8Array(0), notDirect: found }
}

function* tryDirect(
  storage: Storage,
  path: string,
  file: StorageFile,
  cleanEnd: number,
  pool: KernelPool,
): Steps<DirectFiles | string> {
  const kernel = pool.acquire(CHUNK_BYTES)
  try {
    return yield* openDirect(storage, path, file, cleanEnd, kernel.bytes)
  } finally {
    pool.release(kernel)
  }
}

/** The attempt to write past the page cache may have padded the file, to the end of a page at most. */
function paddedEnd(cleanEnd: number): number {
  return Math.ceil(cleanEnd / 4096) * 4096
}

// oxlint-disable-next-line require-yield
function* atOnce(action: () => void): Steps<void> {
  action()
}

function* bestEffort(undoStep: () => Steps<void>): Steps<void> {
  try {
    yield* undoStep()
  } catch {
    // The failure that led here is the one to tell.
  }
}

/** A journal's path without links. The file need not be there, its directory must be. */
export function* resolve(storage: Storage, path: string, attempt: string): Steps<string> {
  return (yield* locate(storage, path, attempt)).path
}

interface Location {
  readonly path: string
  /** False: nothing was there just now, not even behind a link. */
  readonly isThere: boolean
}

function* locate(storage: Storage, path: string, attempt: string): Steps<Location> {
  const location = yield* withoutLinks(storage, path, attempt)
  if (!isSideName(location.path)) return location
  throw invalidArgument(`${attempt}: a name that ends like this belongs to a file beside another journal`)
}

function* withoutLinks(storage: Storage, path: string, attempt: string): Steps<Location> {
  try {
    return { path: yield* call(storage, 'realPath', path), isThere: true }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  try {
    return { path: join(yield* call(storage, 'realPath', dirname(path)), basename(path)), isThere: false }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    throw new FsysError('ERR_FSYS_NOT_FOUND', `${attempt}: its directory does not exist`, { cause: error, path })
  }
}

/** What is not there is looked for before it is opened or removed: an error costs as much as ten calls. */
function* openOrCreate(
  storage: Storage,
  path: string,
  wasThere: boolean,
  { create, fileMode }: Settled<JournalOptions>,
): Steps<{ file: StorageFile; isNew: boolean }> {
  if (wasThere || !create || (yield* call(storage, 'stat', path)) !== undefined) {
    try {
      return { file: yield* call(storage, 'open', path, 'write'), isNew: false }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || !create) throw error
    }
  }
  // The mark of an earlier file of this name must never be read as one of the new file.
  if (yield* isPresent(storage, markPath(path))) yield* call(storage, 'unlink', markPath(path))
  const file = yield* call(storage, 'open', path, 'create', fileMode)
  return { file, isNew: true }
}

/** A link that leads in a circle is one that can be removed, though not looked at. */
function* isPresent(storage: Storage, path: string): Steps<boolean> {
  try {
    return (yield* call(storage, 'stat', path)) !== undefined
  } catch (error) {
    if (errnoOf(error) === 'ELOOP') return true
    throw error
  }
}

/** Reads, judges and mends the journal, and makes or takes over its mark. */
function* recover(
  recovered: Recovered,
  facts: FileFacts,
  options: Settled<JournalOptions>,
): Steps<{ recovery: Recovery; mark: MarkKeeper; isMarkNew: boolean }> {
  const { storage, path } = recovered
  const { memory, gaps, onDamage, fileMode, signal } = options
  const startedAt = storage.clock.now()
  const kernel: Kernel = memory.acquire(CHUNK_BYTES)
  let resumed: MarkKeeper | undefined
  try {
    const found = yield* MarkKeeper.resume(storage, markPath(path), facts, kernel.bytes)
    const { reading } = found
    resumed = found.resumed
    const findings = yield* examine(recovered, kernel, facts.size, reading, gaps, signal)
    const refused = refusal(findings, path, onDamage, gaps)
    if (refused !== undefined) throw refused
    signal?.throwIfAborted()
    const mended = yield* mend(recovered, kernel, findings, resumed, fileMode)
    const { cleanEnd, tailState, records, gaps: gapCount } = findings
    const gapFreeLsn = gapCount > 0 ? cleanEnd : 0
    const mark = resumed ?? (yield* makeMark(recovered, reading, facts, gapFreeLsn, cleanEnd, fileMode, kernel.bytes))
    mark.note(cleanEnd, storage.clock.now())
    const durationMs = storage.clock.now() - startedAt
    const recovery = { tailState, cleanEnd, records, gaps: gapCount, durationMs, ...mended }
    return { recovery, mark, isMarkNew: reading.state === 'absent' && mark.offReason === undefined }
  } catch (error) {
    resumed?.closeSync()
    throw error
  } finally {
    memory.release(kernel)
  }
}

/**
 * A new mark; or none, visibly, on a file system on which it could be taken for that of another file. One that cannot be
 * made for another reason is an error: without it, a hole that a power cut leaves would need a person to look at.
 */
export function* makeMark(
  { storage, path }: Recovered,
  reading: MarkReading,
  { inode, birthTime }: FileFacts,
  gapFreeLsn: number,
  durableLsn: number,
  permissions: number,
  memory?: Buffer,
): Steps<MarkKeeper> {
  if (reading.state === 'no-birth-time') return MarkKeeper.off(storage, 'the file system keeps no birth times')
  const mark = { inode, birthTime, gapFreeLsn, durableLsn }
  return yield* MarkKeeper.create(storage, markPath(path), mark, permissions, memory)
}

const openJournals = new WeakMap<Owners, Map<string, string>>()

/**
 * One writer a file, whatever name it goes by (D8): hard links have names of their own, and so locks of their own. This
 * thread's journals are remembered; those of other threads are seen by the descriptors that the process has open, of
 * which `ownWriters` are the caller's. Two threads that open two names at the same moment may both be refused.
 */
export function register(
  storage: Storage,
  facts: FileFacts,
  path: string,
  ownWriters: number,
  attempt: string,
): () => void {
  // Storages with different engines are of one thread all the same.
  const journals = openJournals.get(storage.owners) ?? new Map<string, string>()
  openJournals.set(storage.owners, journals)
  const key = `${facts.device}:${facts.inode}`
  const other = journals.get(key)
  const locked = (reason: string): FsysError =>
    new FsysError('ERR_FSYS_LOCKED', `${attempt}: ${reason}`, { path, holder: storage.owners.self() })
  if (other !== undefined) throw locked(`this thread has the same file open as ${JSON.stringify(other)}`)
  if (facts.links > 1 && storage.owners.writersHere(facts) > ownWriters) {
    throw locked('another thread of this process has the same file open for writing, by another name')
  }
  journals.set(key, path)
  return () => journals.delete(key)
}
