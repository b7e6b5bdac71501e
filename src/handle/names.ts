import { join, sep } from 'node:path'

import { FsysError, errnoOf, isAbsence, systemFailure } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import { confirmNames, notAFile } from './atomic-write.js'
import type { HandleContext } from './context.js'
import { withFile } from './open-place.js'
import { atPlace, endsInSlash, type Place } from './scope.js'

/** Removes a file, or a link itself. False if there was nothing. ENOTDIR: the path asks for a directory. */
export function* deleteFile(context: HandleContext, path: string): Steps<boolean> {
  try {
    return yield* deleteThere(context, path)
  } catch (error) {
    // A path that ends in a slash, at a file: it is there, and not removed.
    if (isAbsence(error) && !(errnoOf(error) === 'ENOTDIR' && endsInSlash(path))) return false
    throw error
  }
}

function* deleteThere(context: HandleContext, path: string): Steps<boolean> {
  return yield* atPlace(context.scope, path, 'itself', function* deleteAt(place) {
    const wasThere = yield* unlinkFile(place)
    // What is not there may have been removed by somebody who has not confirmed that.
    yield* confirmNames(context, place.directory, place.name)
    return wasThere
  })
}

/** Removes a file, or a link itself, and leaves it to the caller to confirm that. False if there was nothing. */
export function* unlinkFile({ directory, name, facts }: Place): Steps<boolean> {
  if (name === '.' || facts?.isDirectory) throw notAFile(name)
  if (facts === undefined) return false
  try {
    yield* call(directory, 'unlink', name)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

/**
 * Gives what is at one path another one, links themselves too. The content of a file is synced before: a name must not lead
 * to less than what it led to before.
 */
export function* renamePath(context: HandleContext, from: string, to: string): Steps<void> {
  yield* atPlace(context.scope, from, 'itself', (source) =>
    atPlace(context.scope, to, 'itself', function* rename(target) {
      yield* moveName(source, target)
      // In this order, because a file with two names is better than one with none.
      yield* confirmNames(context, target.directory, target.name)
      yield* confirmNames(context, source.directory, source.name)
    }),
  )
}

/** Moves a name, and leaves it to the caller to confirm that. */
export function* moveName(source: Place, target: Place): Steps<void> {
  if (target.isForDirectory && source.facts?.isDirectory === false) {
    throw systemFailure('ENOTDIR', 'only a directory can be moved to a path that ends in a slash', target.name)
  }
  if (source.facts?.isFile) yield* withFile(source, 'read', (file) => call(file, 'sync'))
  try {
    yield* call(source.directory, 'rename', source.name, target.directory, target.name)
  } catch (error) {
    throw (yield* isIntoItself(error, source, target)) ? intoItself(error, source, target) : error
  }
}

/** Some file systems say the same of names that they do not take. */
function* isIntoItself(error: unknown, source: Place, target: Place): Steps<boolean> {
  if (errnoOf(error) !== 'EINVAL' || source.facts?.isDirectory !== true) return false
  const moved = join(yield* call(source.directory, 'realPath'), source.name)
  const into = yield* call(target.directory, 'realPath')
  return into === moved || into.startsWith(moved + sep)
}

function intoItself(error: unknown, source: Place, target: Place): FsysError {
  const path = join(source.directory.path, source.name)
  const to = join(target.directory.path, target.name)
  const message = `cannot rename ${JSON.stringify(path)}: ${JSON.stringify(to)} is within it`
  return new FsysError('ERR_FSYS_INTO_ITSELF', message, { path, errno: 'EINVAL', cause: error })
}
