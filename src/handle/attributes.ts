import { errnoOf } from '../errors.js'
import { withoutGroup } from '../storage/permissions.js'
import { call, type Steps } from '../storage/steps.js'
import type { FileFacts, Storage, StorageDirectory, StorageFile } from '../storage/storage.js'

/** What a new file has of the one that it replaces, beside the permission bits and the times. */
export interface KeptAttributes {
  /** Whether it has the same owner and group. False where only the superuser may give them. */
  readonly owner: boolean
  /**
   * Whether it has the access control list and all other extended attributes of the old one, if it had any. False where one
   * of them may not be given, and where the native addon is missing: then nobody knows (`Handle.keepsAttributes`).
   */
  readonly extended: boolean
}

export const NOTHING_KEPT: KeptAttributes = { owner: false, extended: false }

/** A file that is to be replaced. */
export interface OldFile {
  readonly directory: StorageDirectory
  readonly name: string
  readonly facts: FileFacts
  /** Its access control list. 'inherited': it has none, but what is made beside it gets that of the directory. */
  readonly list: 'own' | 'inherited' | 'none'
}

/** What a handle does about extended attributes, access control lists among them. Only the native addon knows of them. */
export class AttributeKeeper {
  readonly #onFallback: (reason: string) => void
  #keeps: boolean
  #isTold = false

  /** `onFallback` is called once, when some may be lost. */
  constructor({ hasAttributes }: Pick<Storage, 'hasAttributes'>, onFallback: (reason: string) => void) {
    this.#keeps = hasAttributes
    this.#onFallback = onFallback
  }

  /** Whether they are kept. */
  get keeps(): boolean {
    return this.#keeps
  }

  /**
   * What is known of a file before it is replaced; `keepsAll`: more than its rights is to be kept. Undefined if it has gone
   * meanwhile: its bits may be those of a list that nobody can find any more.
   */
  *look(directory: StorageDirectory, name: string, facts: FileFacts, keepsAll: boolean): Steps<OldFile | undefined> {
    let list: OldFile['list'] = 'none'
    try {
      if (yield* this.hasList(directory, name)) list = 'own'
      else if (yield* this.hasList(directory, '.')) list = 'inherited'
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      return undefined
    }
    const { permissions } = facts
    if (!this.#keeps && (keepsAll || withoutGroup(permissions) !== (permissions & 0o777))) this.#tell()
    return { directory, name, facts, list }
  }

  /** As of an open directory; false where nobody knows. */
  *hasList(directory: StorageDirectory, name: string): Steps<boolean> {
    if (!this.#keeps) return false
    try {
      return yield* call(directory, 'hasAccessList', name)
    } catch (error) {
      // File systems do not answer so: a sandbox forbids the call.
      if (errnoOf(error) !== 'EPERM') throw error
      this.#keeps = false
      return false
    }
  }

  #tell(): void {
    if (this.#isTold) return
    this.#isTold = true
    this.#onFallback(
      'extended attributes and access control lists of files that are replaced are lost: that takes the native addon',
    )
  }
}

/**
 * The permission bits that a draft can be made with before it is known what group it gets and which list: nobody may open it
 * who may not open the old file.
 */
export function firstPermissions({ facts, list }: OldFile): number {
  return list === 'none' ? withoutGroup(facts.permissions) : facts.permissions & 0o700
}

/**
 * Gives a draft the rights of the file that it is to replace: its group where that is permitted, its access control list and
 * its permission bits. What cannot be given makes the bits narrower: a group that is another one may do no more than others
 * could, and without the list it is the owner's alone. They become durable with a full sync, if any had to be set.
 */
export function* keepRights(file: StorageFile, made: FileFacts, old: OldFile, permissions: number): Steps<KeptRights> {
  const { directory, name, facts } = old
  const hasGroup = made.group === facts.group || (yield* tryOwner(file, made.user, facts.group))
  // The list comes first: without it, the group's bits would be the group's.
  let list = true
  if (old.list === 'own') list = hasGroup && (yield* call(directory, 'copyAttributes', name, file, 'access-list'))
  if (old.list === 'inherited') list = yield* call(directory, 'copyAttributes', name, file, 'no-access-list')
  let kept = hasGroup ? permissions : withoutGroup(permissions)
  if (!list) kept = permissions & 0o700
  const isNew = old.list !== 'none' || kept !== made.permissions
  if (isNew) yield* call(file, 'setPermissions', kept)
  return { list, areNew: isNew || made.group !== facts.group }
}

interface KeptRights {
  /** Whether the access control list is that of the old file, which may have none. */
  readonly list: boolean
  /** Whether anything was set. */
  readonly areNew: boolean
}

/** Gives a file that is being made all attributes of the old one. They become durable with a full sync. */
export function* keepAttributes(file: StorageFile, old: OldFile, keeper: AttributeKeeper): Steps<KeptAttributes> {
  const { permissions, user, group, accessTime, modificationTime } = old.facts
  let mine = yield* call(file, 'stat')
  const owner = (mine.user === user && mine.group === group) || (yield* tryOwner(file, user, group))
  if (owner) mine = { ...mine, user, group }
  // Before the bits, which may forbid its owner to write to it: then nothing named user.* may be set.
  const others = keeper.keeps && (yield* call(old.directory, 'copyAttributes', old.name, file, 'others'))
  // Set-user-id and set-group-id are for the owner that they were given by. Changing the owner takes them away: so after it.
  const { list } = yield* keepRights(file, mine, old, owner ? permissions : permissions & 0o777)
  yield* call(file, 'setTimes', accessTime, modificationTime)
  return { owner, extended: list && others }
}

function* tryOwner(file: StorageFile, user: number, group: number): Steps<boolean> {
  try {
    yield* call(file, 'setOwner', user, group)
    return true
  } catch (error) {
    if (OWNER_REFUSALS.has(errnoOf(error))) return false
    throw error
  }
}

/** Not permitted, nobody of that number in this name space, or nothing that this file system knows. */
const OWNER_REFUSALS: ReadonlySet<string | undefined> = new Set(['EPERM', 'EACCES', 'EINVAL', 'ENOSYS', 'ENOTSUP'])
