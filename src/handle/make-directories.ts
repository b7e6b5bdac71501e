import { errnoOf, systemFailure } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { StorageDirectory } from '../storage/storage.js'
import { confirmNames } from './atomic-write.js'
import type { HandleContext } from './context.js'
import { atPlace, splitPath } from './scope.js'

/** Makes a directory, and makes its name durable. */
export function* makeDirectory(context: HandleContext, path: string, mode: number): Steps<void> {
  yield* atPlace(context.scope, withoutSlashes(path), 'itself', function* makeAt({ directory, name }) {
    if (name === '.') throw systemFailure('EEXIST', 'it is there already', path)
    yield* call(directory, 'makeDirectory', name, mode)
    yield* confirmNames(context, directory, name)
  })
}

/**
 * Makes a directory, and all those that lead to it: level by level, and each level's name is durable before the next one is
 * made. Names that were there already are synced too: who has made them may have died before that. Returns the first level
 * that was missing.
 */
export function* makeDirectories(context: HandleContext, path: string, mode: number): Steps<string | undefined> {
  let first: string | undefined
  for (const level of levelsOf(path)) if (yield* ensureDirectory(context, level, mode)) first ??= level
  // The last one may have been something else than a directory, or a link to it.
  const last = yield* context.scope.openDirectory(path)
  yield* call(last, 'close')
  return first
}

/** True if it was missing. */
function* ensureDirectory(context: HandleContext, path: string, mode: number): Steps<boolean> {
  const { parent, name } = splitPath(path)
  if (name === '.') return false
  const directory = yield* context.scope.openDirectory(parent, path)
  try {
    const wasMissing = yield* makeIfMissing(directory, name, mode)
    if (wasMissing) yield* confirmNames(context, directory, name)
    else yield* confirmOthers(context, directory, name)
    return wasMissing
  } finally {
    yield* call(directory, 'close')
  }
}

function* makeIfMissing(directory: StorageDirectory, name: string, mode: number): Steps<boolean> {
  try {
    yield* call(directory, 'makeDirectory', name, mode)
    return true
  } catch (error) {
    // Where nothing can be made, the system may say that rather than that there is nothing to make.
    if (errnoOf(error) === 'EEXIST' || (yield* call(directory, 'stat', name)) !== undefined) return false
    throw error
  }
}

/** A directory in which this process may not look was not made by it: what is in it is taken as it is. */
function* confirmOthers(context: HandleContext, directory: StorageDirectory, name: string): Steps<void> {
  try {
    yield* confirmNames(context, directory, name)
  } catch (error) {
    if ((error as { readonly errno?: unknown }).errno !== 'EACCES') throw error
  }
}

/** 'a/b/c' as 'a', 'a/b', 'a/b/c'. */
function levelsOf(path: string): readonly string[] {
  const plain = withoutSlashes(path)
  const ends = Array.from(plain.matchAll(SLASHES), ({ index }) => index).filter((end) => end > 0)
  return [...ends, plain.length].map((end) => plain.slice(0, end))
}

function withoutSlashes(path: string): string {
  return path.replace(SLASHES_AT_THE_END, '') || path
}

const SLASHES = process.platform === 'win32' ? /[/\\]+/gu : /\/+/gu
const SLASHES_AT_THE_END = process.platform === 'win32' ? /[/\\]+$/u : /\/+$/u
