import { call, type Steps } from '../storage/steps.js'
import type { FileFacts, OpenMode, StorageFile } from '../storage/storage.js'
import { closeQuietly, confirmNames, notAFile } from './atomic-write.js'
import type { HandleContext } from './context.js'
import { atPlace, type Place } from './scope.js'

/** Opens the regular file at a place, does work with it, and closes it. Fails with ENOENT if there is none. */
export function* withFile<Result>(
  place: Place,
  mode: OpenMode,
  work: (file: StorageFile, facts: FileFacts) => Steps<Result>,
  permissions?: number,
): Steps<Result> {
  if (place.facts?.isFile === false) throw notAFile(place.name)
  const file = yield* call(place.directory, 'open', place.name, mode, permissions)
  try {
    // What is there now can be something else than what was there when it was looked at.
    const facts = yield* call(file, 'stat')
    if (!facts.isFile) throw notAFile(place.name)
    return yield* work(file, facts)
  } finally {
    // What counts has been synced, or was only read.
    yield* closeQuietly(file)
  }
}

/**
 * Changes a file in place, and makes that durable: what was changed, and the name too, whoever has made the file and however
 * long ago: they may never have synced the directory.
 */
export function* changeFile<Result>(
  context: HandleContext,
  path: string,
  mode: OpenMode,
  change: (file: StorageFile, facts: FileFacts) => Steps<Result>,
): Steps<Result> {
  return yield* atPlace(context.scope, path, 'follow', function* changeAt(place) {
    const result = yield* withFile(place, mode, function* changeAndSync(file, facts) {
      const changed = yield* change(file, facts)
      yield* context.durability.sync(file, place.directory, facts)
      return changed
    })
    yield* confirmNames(context, place.directory, place.name)
    return result
  })
}
