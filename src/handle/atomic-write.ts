import { FsysError, errnoOf, systemFailure } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { FileFacts, StorageDirectory, StorageFile } from '../storage/storage.js'
import { firstPermissions, keepAttributes, keepRights, type KeptAttributes, NOTHING_KEPT } from './attributes.js'
import { writeContent } from './content.js'
import type { HandleContext } from './context.js'
import { draftName } from './draft-name.js'
import { atPlace, type Place } from './scope.js'
import { abandon, AbortableSource, type ByteSource, checkSignal } from './source.js'

/** How a file is replaced. */
export interface ReplaceOptions {
  /** The permissions of a file that was not there, before the process's umask. */
  readonly mode: number
  /** What the new file keeps of the old one. Default 'permissions'. */
  readonly keeps?: 'permissions' | 'attributes'
  readonly signal?: AbortSignal | undefined
}

/** What fills a draft, and ends with how much that was. */
export type FillDraft = (file: StorageFile, draft: string, facts: FileFacts) => Steps<number>

/** Replaces what a path leads to. The source is told when nobody wants more of it. */
export function* replacePath(
  context: HandleContext,
  path: string | URL,
  source: ByteSource,
  options: ReplaceOptions,
): Steps<Replaced> {
  return yield* withSource(source, options.signal, (ending) =>
    atPlace(context.scope, context.scope.settle(path), 'follow', (place) =>
      replaceFile(context, place, ending, options),
    ),
  )
}

/** Does work with a source, which ends with the signal, and is told when nobody wants more of it. */
export function* withSource<Result>(
  source: ByteSource,
  signal: AbortSignal | undefined,
  work: (source: ByteSource) => Steps<Result>,
): Steps<Result> {
  const ending = signal === undefined ? source : new AbortableSource(source, signal)
  try {
    return yield* work(ending)
  } catch (error) {
    yield* endSource(ending, signal)
    throw error
  }
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
): Steps<Replaced> {
  const { draft, ...replaced } = yield* writeDraft(context, place, source, options)
  yield* publishDraft(place, draft, options.signal)
  yield* confirmNames(context, place.directory, place.name)
  return replaced
}

/** What has become of a file. */
export interface Replaced {
  /** How much it holds. */
  readonly bytes: number
  readonly kept: KeptAttributes
}

/** A file that waits for its name. */
export interface Draft extends Replaced {
  /** Its name until then, in the same directory. */
  readonly draft: string
}

/** The first step: writes and syncs a draft, which nobody takes for the file yet. */
export function writeDraft(
  context: HandleContext,
  place: Place,
  source: ByteSource,
  options: ReplaceOptions,
): Steps<Draft> {
  return makeDraft(context, place, options, function* fill(file, name, facts) {
    const direct = yield* context.durability.openDirect(place.directory, name, facts)
    try {
      const { notDirect, bytes } = yield* writeContent({ file, direct }, source, () => checkSignal(options.signal))
      if (notDirect !== undefined) context.durability.fallBack(place.directory, facts, notDirect)
      return bytes
    } finally {
      if (direct !== undefined) yield* closeQuietly(direct.file)
    }
  })
}

/** Makes a draft that something else fills than a source. */
export function* makeDraft(
  context: HandleContext,
  { directory, name, facts, isForDirectory }: Place,
  { mode, keeps }: ReplaceOptions,
  fill: FillDraft,
): Steps<Draft> {
  if (name === '.' || isForDirectory || facts?.isFile === false) throw notAFile(name)
  yield* context.sweeper.sweepWhenDue(directory)
  const { owners } = context.storage
  const draft = draftName(owners.self(), owners.token())
  const keepsAll = keeps === 'attributes'
  const old = facts && (yield* context.attributes.look(directory, name, facts, keepsAll))
  const permissions = old === undefined ? mode : keepsAll ? 0o600 : firstPermissions(old)
  const file = yield* call(directory, 'open', draft, 'create', permissions)
  try {
    const made = yield* call(file, 'stat')
    let hasNewAttributes = false
    if (old !== undefined && !keepsAll) {
      // What is replaced keeps its bits, but for those that writing to a file takes away too (set-user-id and the like). They
      // are given before there is any content, also those that the umask has taken away.
      hasNewAttributes = (yield* keepRights(file, made, old, old.facts.permissions & 0o777)).areNew
    }
    const bytes = yield* fill(file, draft, made)
    let kept: KeptAttributes = NOTHING_KEPT
    if (old !== undefined && keepsAll) {
      // Rights of another owner wait until it is that owner's.
      kept = yield* keepAttributes(file, old, context.attributes)
      hasNewAttributes = true
    }
    yield* context.durability.sync(file, directory, made, hasNewAttributes)
    yield* call(file, 'close')
    return { draft, bytes, kept }
  } catch (error) {
    yield* closeQuietly(file)
    yield* discardDraft(directory, draft)
    throw error
  }
}

/** The second step: the draft gets the name. From now on everybody sees the new file, and a power cut may still undo it. */
export function* publishDraft({ directory, name }: Place, draft: string, signal?: AbortSignal): Steps<void> {
  try {
    checkSignal(signal)
    yield* call(directory, 'rename', draft, directory, name)
  } catch (error) {
    yield* discardDraft(directory, draft)
    throw draftLost(error, directory, name)
  }
}

/**
 * What a failed rename of a draft means: names of drafts are never used twice, so that nothing but the draft itself can get the
 * name, and what is not there was removed. Other errors are as they are.
 */
export function draftLost(error: unknown, directory: StorageDirectory, name: string): unknown {
  const { syscall } = error as NodeJS.ErrnoException
  const errno = errnoOf(error)
  if (errno !== 'ENOENT' || !syscall?.startsWith('rename')) return error
  const message = `cannot write ${JSON.stringify(name)}: its draft in ${JSON.stringify(directory.path)} has been removed before it got its name, by somebody who clears up, with the directory, or by a sweep from another host or container after a day without a write; nothing has changed`
  return new FsysError('ERR_FSYS_DRAFT_LOST', message, { path: directory.path, errno, cause: error })
}

/**
 * The last step: makes the names in a directory durable. One sync serves many files. Fails with ERR_FSYS_UNCONFIRMED, because
 * what was to be done is done.
 */
export function* confirmNames(context: HandleContext, directory: StorageDirectory, what: string): Steps<void> {
  try {
    yield* context.durability.syncNames(directory)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined) throw error
    const message = `${JSON.stringify(what)} is done, but not confirmed: a power cut may undo it, as syncing the directory ${JSON.stringify(directory.path)} has failed: ${(error as Error).message}`
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

export function notAFile(name: string): NodeJS.ErrnoException {
  return systemFailure('EISDIR', 'it is not a regular file', name)
}

/** Tells the source that nobody wants more, and waits for its end: but not beyond an abort, as it may be what hangs. */
function* endSource(source: ByteSource, signal: AbortSignal | undefined): Steps<void> {
  try {
    if (signal?.aborted) abandon(source)
    else yield* call(source, 'close')
  } catch {
    // The failure that led here is the one to tell.
  }
}

export function* closeQuietly(file: StorageFile): Steps<void> {
  try {
    yield* call(file, 'close')
  } catch {
    // The failure that led here is the one to tell.
  }
}
