import { errnoOf } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { FileFacts, StorageFile } from '../storage/storage.js'

/** What a new file has of the one that it replaces, beside the permission bits and the times. */
export interface KeptAttributes {
  /** Whether it has the same owner and group. False where only the superuser may give them. */
  readonly owner: boolean
}

/** Gives a file that is being made the attributes of another one. They become durable with a full sync. */
export function* keepAttributes(
  file: StorageFile,
  { permissions, user, group, ...times }: FileFacts,
): Steps<KeptAttributes> {
  const mine = yield* call(file, 'stat')
  const owner = (mine.user === user && mine.group === group) || (yield* tryOwner(file, user, group))
  // Set-user-id and set-group-id are for the owner that they were given by. Changing the owner takes them away: so after it.
  yield* call(file, 'setPermissions', owner ? permissions : permissions & 0o777)
  yield* call(file, 'setTimes', times.accessTime, times.modificationTime)
  return { owner }
}

function* tryOwner(file: StorageFile, user: number, group: number): Steps<boolean> {
  try {
    yield* call(file, 'setOwner', user, group)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EPERM' || errnoOf(error) === 'EINVAL') return false
    throw error
  }
}
