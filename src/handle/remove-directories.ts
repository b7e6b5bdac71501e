import { errnoOf, invalidArgument, systemFailure } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { DirectoryEntry, StorageDirectory } from '../storage/storage.js'
import { confirmNames } from './atomic-write.js'
import type { HandleContext } from './context.js'
import { atPlace, type Place } from './scope.js'

/** Removes an empty directory, and makes that durable. False if there was nothing. */
export function removeDirectory(context: HandleContext, path: string): Steps<boolean> {
  return removeAt(context, path, function* remove({ directory, name }) {
    try {
      yield* call(directory, 'removeDirectory', name)
    } catch (error) {
      if (errnoOf(error) !== 'ENOTEMPTY' || !(yield* sweepsDrafts(context, directory, name))) throw error
      yield* call(directory, 'removeDirectory', name)
    }
  })
}

/**
 * Removes a directory with all that is in it, and makes that durable. Never follows a link, not even one that appears in a
 * directory's place meanwhile: each step down is taken from an open directory. False if there was nothing.
 */
export function removeTree(context: HandleContext, path: string): Steps<boolean> {
  return removeAt(context, path, ({ directory, name }) => removeWithAll(directory, name))
}

function* removeAt(context: HandleContext, path: string, remove: (place: Place) => Steps<void>): Steps<boolean> {
  return yield* atPlace(context.scope, path, 'itself', function* removePlace(place) {
    const { directory, name, facts } = place
    if (name === '.') {
      throw invalidArgument(`a directory is removed by its name: ${JSON.stringify(path)} does not end in one`)
    }
    if (facts?.isDirectory === false) throw systemFailure('ENOTDIR', 'it is not a directory', path)
    let wasThere = facts !== undefined
    try {
      if (wasThere) yield* remove(place)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      wasThere = false
    }
    // What is not there may have been removed by somebody who has not confirmed that.
    yield* confirmNames(context, directory, name)
    return wasThere
  })
}

/** Drafts of the dead are nobody's, and `list` does not show them. True if there were some, and they are gone. */
function* sweepsDrafts({ sweeper }: HandleContext, parent: StorageDirectory, name: string): Steps<boolean> {
  const directory = yield* call(parent, 'openDirectory', name)
  try {
    return (yield* sweeper.sweepNow(directory)) > 0
  } finally {
    yield* call(directory, 'close')
  }
}

function* removeWithAll(parent: StorageDirectory, name: string): Steps<void> {
  const directory = yield* call(parent, 'openDirectory', name)
  try {
    for (let pass = 1; ; pass++) {
      const removed = yield* removeAllIn(directory)
      try {
        return yield* call(parent, 'removeDirectory', name)
      } catch (error) {
        // Some file systems leave names out of a listing while others are being removed; or somebody makes new ones.
        if (errnoOf(error) !== 'ENOTEMPTY' || removed === 0 || pass === PASSES_MAX) throw error
      }
    }
  } finally {
    yield* call(directory, 'close')
  }
}

/** Returns how many names it has removed. */
function* removeAllIn(directory: StorageDirectory): Steps<number> {
  const listing = yield* call(directory, 'list')
  let removed = 0
  try {
    for (;;) {
      const entries = yield* call(listing, 'next', PIECE_ENTRIES)
      if (entries.length === 0) return removed
      removed += entries.length
      for (const entry of entries) yield* removeEntry(directory, entry)
    }
  } finally {
    yield* call(listing, 'close')
  }
}

/** Removes what is at a name: mostly what it was when it was listed, but it may be something else by now, or gone. */
function* removeEntry(directory: StorageDirectory, { name, kind }: DirectoryEntry): Steps<void> {
  let isDirectory = kind === 'directory'
  for (let attempt = 1; ; attempt++) {
    try {
      if (isDirectory) yield* removeWithAll(directory, name)
      else yield* call(directory, 'unlink', name)
      return
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ENOENT') return
      const facts = errno !== undefined && attempt < ATTEMPTS_MAX ? yield* call(directory, 'stat', name) : undefined
      if (facts === undefined || facts.isDirectory === isDirectory) throw error
      isDirectory = facts.isDirectory
    }
  }
}

const PIECE_ENTRIES = 256

/** Against somebody who makes new names as fast as they are removed. */
const PASSES_MAX = 16

/** Against somebody who changes a directory to a file and back. */
const ATTEMPTS_MAX = 8
