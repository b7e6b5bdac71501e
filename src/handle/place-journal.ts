import { join } from 'node:path'

import { isAbsence, outsideRoot } from '../errors.js'
import type { JournalPlace } from '../journal/open-journal.js'
import { DirectoryStorage } from '../storage/directory-storage.js'
import { call, type Steps } from '../storage/steps.js'
import type { Storage, StorageDirectory } from '../storage/storage.js'
import { atPlace, type Scope } from './scope.js'

/**
 * Finds the place for a journal. Within a root, that is in a directory which stays open until the journal lets go of it, so
 * that nothing of the journal is ever made or found elsewhere.
 */
export function* placeJournal(scope: Scope, given: string | URL, storage: Storage): Steps<JournalPlace> {
  const settled = scope.settle(given)
  if (scope.root === undefined) return { path: settled, storage, letGo: () => undefined }
  return yield* atPlace(scope, settled, 'follow', function* placeIn({ directory, name }) {
    const { path, same } = yield* openSame(storage, directory)
    const verified = yield* scope.verified(same)
    const inside = new DirectoryStorage(storage, verified, path)
    return { path: join(path, name), storage: inside, letGo: () => verified.closeSync() }
  })
}

interface Opened {
  /** Without links. */
  readonly path: string
  readonly same: StorageDirectory
}

/**
 * Opens a directory by another storage, whose files may be others (past the page cache, another engine serves). That goes by
 * its path, so whether it is the same one is looked at; if somebody has just moved it, it is looked for again.
 */
function* openSame(storage: Storage, directory: StorageDirectory): Steps<Opened> {
  const wanted = yield* call(directory, 'stat', '.')
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const path = yield* call(directory, 'realPath')
    const same = yield* openIfThere(storage, path)
    if (same === undefined) continue
    try {
      const found = yield* call(same, 'stat', '.')
      if (wanted?.device === found?.device && wanted?.inode === found?.inode) return { path, same }
    } catch (error) {
      yield* call(same, 'close')
      throw error
    }
    yield* call(same, 'close')
  }
  throw outsideRoot(directory.path, 'it is somewhere else each time that it is looked for')
}

const ROUNDS_MAX = 100

function* openIfThere(storage: Storage, path: string): Steps<StorageDirectory | undefined> {
  try {
    return yield* call(storage, 'openDirectory', path)
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}
