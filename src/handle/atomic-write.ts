import { FsysError, errnoOf, systemFailure } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { StorageDirectory, StorageFile } from '../storage/storage.js'
import { writeWhole } from '../storage/whole.js'
import type { HandleContext } from './context.js'
import { draftName } from './draft-name.js'
import type { Place } from './scope.js'
import type { ByteSource } from './source.js'

/** How a file is replaced. */
export interface ReplaceOptions {
  /** The permissions of a file that was not there, before the process's umask. */
  readonly mode: number
  readonly signal: AbortSignal | undefined
}

/**
 * Replaces a file, or makes it, atomically and durably: a draft in the same directory, written and synced, gets its name,
 * and then the directory is synced. Whatever happens before that leaves the old file, and no draft.
 */
export function* replaceFile(
  context: HandleContext,
  place: Place,
  source: ByteSource,
  options: ReplaceOptions,
): Steps<void> {
  const draft = yield* writeDraft(context, place, source, options)
  yield* publishDraft(place, draft, options.signal)
  yield* confirmNames(place.directory, place.name)
}

/** The first step: writes and syncs the draft, which nobody takes for the file yet. Returns its name in the directory. */
export function* writeDraft(
  context: HandleContext,
  { directory, name, facts }: Place,
  source: ByteSource,
  options: ReplaceOptions,
): Steps<string> {
  if (facts !== undefined && !facts.isFile) throw systemFailure('EISDIR', 'it is not a regular file', name)
  yield* context.sweeper.sweepOnce(directory)
  const { owners } = context.storage
  const draft = draftName(owners.self(), owners.token())
  // What is replaced keeps its bits, but for those that writing to a file takes away too (set-user-id and the like).
  const permissions = facts === undefined ? options.mode : facts.permissions & 0o777
  const file = yield* call(directory, 'open', draft, 'create', permissions)
  try {
    // Before there is any content: nobody may read it who could not read the old file, not for a moment.
    const hasNewAttributes = facts !== undefined && (yield* ensurePermissions(file, permissions))
    yield* fill(file, source, options.signal)
    yield* context.durability.sync(file, hasNewAttributes)
    yield* call(file, 'close')
  } catch (error) {
    yield* closeQuietly(file)
    yield* discardDraft(directory, draft)
    throw error
  }
  return draft
}

/** The second step: the draft gets the name. From now on everybody sees the new file, and a power cut may still undo it. */
export function* publishDraft(place: Place, draft: string, signal: AbortSignal | undefined): Steps<void> {
  const { directory, name } = place
  try {
    signal?.throwIfAborted()
    yield* call(directory, 'rename', draft, directory, name)
  } catch (error) {
    yield* discardDraft(directory, draft)
    throw error
  }
}

/**
 * The last step: makes the names in a directory durable. One sync serves many files. Fails with ERR_FSYS_UNCONFIRMED, because
 * what was to be done is done.
 */
export function* confirmNames(directory: StorageDirectory, what: string): Steps<void> {
  try {
    yield* call(directory, 'sync')
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    const message = `cannot confirm ${JSON.stringify(what)}: it is in place, but a power cut may undo that, as syncing the directory ${JSON.stringify(directory.path)} has failed: ${(error as Error).message}`
    throw new FsysError('ERR_FSYS_UNCONFIRMED', message, { path: directory.path, errno, cause: error })
  }
}

/** On the way out of a failure: what stays behind in spite of this, a later write sweeps once this process has gone. */
export function* discardDraft(directory: StorageDirectory, draft: string): Steps<void> {
  try {
    yield* call(directory, 'unlink', draft)
  } catch {
    // The failure that led here is the one to tell.
  }
}

/** The umask may have taken bits away. True if it had. */
function* ensurePermissions(file: StorageFile, permissions: number): Steps<boolean> {
  if ((yield* call(file, 'stat')).permissions === permissions) return false
  yield* call(file, 'setPermissions', permissions)
  return true
}

function* fill(file: StorageFile, source: ByteSource, signal: AbortSignal | undefined): Steps<void> {
  let position = 0
  for (;;) {
    signal?.throwIfAborted()
    const piece = yield* call(source, 'next')
    if (piece === undefined) return
    yield* writeWhole(file, piece, position)
    position += piece.length
  }
}

function* closeQuietly(file: StorageFile): Steps<void> {
  try {
    yield* call(file, 'close')
  } catch {
    // The failure that led here is the one to tell.
  }
}
