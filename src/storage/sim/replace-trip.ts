import { errnoOf } from '../../errors.js'
import { withoutGroup } from '../permissions.js'
import { call, run, type Steps } from '../steps.js'
import {
  type FileFacts,
  type FileReplacement,
  REPLACED_AT_ONCE_MAX,
  type ReplaceOutcome,
  type StorageDirectory,
  type StorageFile,
} from '../storage.js'
import { writeWhole } from '../whole.js'

/**
 * Replaces files as a job of the native addon does (native/replace.c), each call an operation of its own. The job makes the
 * drafts of all, syncs them, and renames them; here the calls of one file come in their order, and those of different files
 * in any: that order is one of these, and nothing is to depend on it.
 */
export async function replaceInOneTrip(
  directory: StorageDirectory,
  files: readonly FileReplacement[],
  needsFullSync: boolean,
): Promise<ReplaceOutcome[]> {
  if (files.length > REPLACED_AT_ONCE_MAX) throw new RangeError(`${files.length} files are too many for one trip`)
  const givesLists = await run(mayHaveList(directory, '.'))
  return await Promise.all(files.map((file) => run(new Replacing(directory, file, needsFullSync).steps(givesLists))))
}

/** One file on its way. */
class Replacing {
  readonly #directory: StorageDirectory
  readonly #wanted: FileReplacement
  readonly #needsFullSync: boolean

  constructor(directory: StorageDirectory, wanted: FileReplacement, needsFullSync: boolean) {
    this.#directory = directory
    this.#wanted = wanted
    this.#needsFullSync = needsFullSync
  }

  *steps(givesLists: boolean): Steps<ReplaceOutcome> {
    const { name } = this.#wanted
    try {
      const old = yield* call(this.#directory, 'stat', name)
      if (old !== undefined && (!old.isFile || givesLists || (yield* mayHaveList(this.#directory, name))))
        return 'not-plain'
      return yield* this.#replace(old)
    } catch (error) {
      // The dead get no answer.
      if (errnoOf(error) === undefined) throw error
      return error as Error
    }
  }

  *#replace(old: FileFacts | undefined): Steps<ReplaceOutcome> {
    const { name, draft, permissions } = this.#wanted
    const first = old === undefined ? permissions : withoutGroup(old.permissions)
    const file = yield* call(this.#directory, 'open', draft, 'create', first)
    let outcome: ReplaceOutcome = 'not-plain'
    try {
      if (yield* this.#fill(file, old)) {
        yield* call(this.#directory, 'rename', draft, this.#directory, name)
        outcome = 'replaced'
      }
      return outcome
    } finally {
      if (outcome !== 'replaced') yield* quietly(call(this.#directory, 'unlink', draft))
    }
  }

  /** False if the draft is of another group than the old file. Closes it. */
  *#fill(file: StorageFile, old: FileFacts | undefined): Steps<boolean> {
    let isOpen = true
    try {
      const rights = old === undefined ? 'as made' : yield* keepBits(file, old)
      if (rights === 'of another group') return false
      yield* writeWhole(file, this.#wanted.content, 0)
      yield* call(file, this.#needsFullSync || rights === 'changed' ? 'sync' : 'dataSync')
      isOpen = false
      yield* call(file, 'close')
      return true
    } finally {
      if (isOpen) yield* quietly(call(file, 'close'))
    }
  }
}

/** Gives a draft the bits of the file that it is to replace. */
function* keepBits(file: StorageFile, old: FileFacts): Steps<'as made' | 'changed' | 'of another group'> {
  const made = yield* call(file, 'stat')
  if (made.group !== old.group) return 'of another group'
  const bits = old.permissions & 0o777
  if (made.permissions === bits) return 'as made'
  yield* call(file, 'setPermissions', bits)
  return 'changed'
}

/** True where nobody knows. */
function* mayHaveList(directory: StorageDirectory, name: string): Steps<boolean> {
  try {
    return yield* call(directory, 'hasAccessList', name)
  } catch {
    return true
  }
}

function* quietly(work: Steps<unknown>): Steps<void> {
  try {
    yield* work
  } catch {
    // The failure that led here is the one to tell.
  }
}
