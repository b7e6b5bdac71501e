import { basename, dirname, isAbsolute, sep } from 'node:path'

import { settlePath } from '../checks.js'
import { systemFailure } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { FileFacts, Storage, StorageDirectory } from '../storage/storage.js'

/** Which paths a handle takes, and what they lead to. */
export interface Scope {
  /** The root's path, as it was given. */
  readonly root: string | undefined
  /** The path as a string, fit to be walked. Throws for one that leads outside whatever is on the disk. */
  settle(path: string | URL): string
  /** Opens the directory that a path leads to; links are followed, as far as they may lead. `asked`: for messages. */
  openDirectory(path: string, asked?: string): Steps<StorageDirectory>
  /** The path that a link in the directory at `parent` stands for. Throws if it may not be followed. */
  follow(parent: string, target: string, asked: string): string
  /**
   * Verifies a directory that somebody else has opened, where a path of this scope led. Returns what `openDirectory` would have
   * returned; closes it if it fails.
   */
  verified(directory: StorageDirectory): Steps<StorageDirectory>
  close(): void
}

/** All paths, as the system takes them: relative ones from the working directory on. */
export class WholeScope implements Scope {
  readonly root: undefined
  readonly #storage: Storage

  constructor(storage: Storage) {
    this.#storage = storage
  }

  settle(path: string | URL): string {
    return settlePath(path, 'a file')
  }

  openDirectory(path: string): Steps<StorageDirectory> {
    return call(this.#storage, 'openDirectory', path)
  }

  follow(parent: string, target: string): string {
    return isAbsolute(target) ? target : `${parent}/${target}`
  }

  // oxlint-disable-next-line require-yield
  *verified(directory: StorageDirectory): Steps<StorageDirectory> {
    return directory
  }

  close(): void {}
}

/** Where an operation works: at a name in an open directory. Who asked for it closes the directory. */
export interface Place {
  readonly directory: StorageDirectory
  /** One step; '.' for the directory itself. */
  readonly name: string
  /** What is there: not a link, if links were to be followed. */
  readonly facts: FileFacts | undefined
  /** The path ends in a slash: no file may be made there. */
  readonly isForDirectory: boolean
}

/** What becomes of a symbolic link at the end of a path. Links on the way are always followed. */
export type LastLink = 'follow' | 'itself'

/** Finds the place that a settled path leads to, whether there is something or not. */
export function* locate(scope: Scope, path: string, lastLink: LastLink): Steps<Place> {
  let at = path
  for (let links = 0; links <= LINKS_MAX; links++) {
    const { parent, name } = splitPath(at)
    const directory = yield* scope.openDirectory(parent, path)
    try {
      const facts = yield* call(directory, 'stat', name)
      if (!facts?.isLink || lastLink === 'itself') {
        const isForDirectory = endsInSlash(path)
        if (isForDirectory && facts?.isDirectory === false) throw systemFailure('ENOTDIR', 'not a directory', path)
        return { directory, name, facts, isForDirectory }
      }
      at = scope.follow(parent, yield* call(directory, 'readLink', name), path)
    } catch (error) {
      yield* call(directory, 'close')
      throw error
    }
    yield* call(directory, 'close')
  }
  throw systemFailure('ELOOP', 'too many symbolic links', path)
}

/** Does work at a place, and closes its directory whatever happens. */
export function* atPlace<Result>(
  scope: Scope,
  path: string,
  lastLink: LastLink,
  work: (place: Place) => Steps<Result>,
): Steps<Result> {
  const place = yield* locate(scope, path, lastLink)
  try {
    return yield* work(place)
  } finally {
    yield* call(place.directory, 'close')
  }
}

/** Such a path asks for a directory. */
export function endsInSlash(path: string): boolean {
  return path.endsWith('/') || path.endsWith(sep)
}

/** As many as Linux follows. */
export const LINKS_MAX = 40

/** The directory that a path's last step is taken in, and that step; '.' where it is no name. */
export function splitPath(path: string): { readonly parent: string; readonly name: string } {
  const name = basename(path)
  return name === '' || name === '.' || name === '..' ? { parent: path, name: '.' } : { parent: dirname(path), name }
}
