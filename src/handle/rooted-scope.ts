import { isAbsolute, posix, win32 } from 'node:path'

import { settlePath } from '../checks.js'
import { errnoOf, FsysError, outsideRoot, systemFailure } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { StorageDirectory } from '../storage/storage.js'
import { isDeviceName } from './device-names.js'
import { LINKS_MAX, type Scope } from './scope.js'
import { VerifiedDirectory } from './verified-directory.js'

/**
 * A root that paths cannot leave, neither by what they say nor by what is on the disk, also if that changes meanwhile: the
 * root is opened once, and each step is taken from an open directory. Symbolic links are followed as long as they lead to
 * where a path may lead: relative ones that stay beneath the root. The same rules as `openat2` with RESOLVE_BENEATH, which
 * does it where it is to be had.
 *
 * Where directories are not pinned (`StorageDirectory.isPinned`), what was found is verified, and so is each use of it: see
 * `VerifiedDirectory` for what that holds against, and what not.
 */
export class RootedScope implements Scope {
  readonly root: string
  readonly #directory: StorageDirectory
  readonly #platform: NodeJS.Platform

  constructor(root: string, directory: StorageDirectory, platform: NodeJS.Platform = process.platform) {
    this.root = root
    this.#directory = directory
    this.#platform = platform
  }

  settle(given: string | URL): string {
    const path = settlePath(given, 'a file')
    const isWindows = this.#platform === 'win32'
    if ((isWindows ? win32 : posix).isAbsolute(path)) throw outsideRoot(path, 'it is absolute')
    const parts = path.split(isWindows ? /[/\\]/u : '/')
    let depth = 0
    for (const part of parts) {
      if (part === '' || part === '.') continue
      depth += part === '..' ? -1 : 1
      if (depth < 0) throw outsideRoot(path, "its '..' lead above it")
      if (isWindows && part !== '..' && isDeviceName(part)) {
        const what = `cannot use the path ${JSON.stringify(path)}: Windows does not take ${JSON.stringify(part)} for a name`
        throw new FsysError('ERR_FSYS_BAD_NAME', what, { path })
      }
    }
    return parts.join('/')
  }

  *openDirectory(path: string, asked: string = path): Steps<StorageDirectory> {
    try {
      const found = yield* call(this.#directory, 'openBeneath', path)
      if (found !== undefined) return found
    } catch (error) {
      if (errnoOf(error) === 'EXDEV') throw outsideRoot(asked, 'a symbolic link in it leads outside', error)
      throw error
    }
    return yield* this.verified(yield* new Walk(this.#directory, asked).run(path))
  }

  *verified(directory: StorageDirectory): Steps<StorageDirectory> {
    if (directory.isPinned) return directory
    try {
      return yield* new VerifiedDirectory(directory, yield* call(this.#directory, 'realPath')).verified()
    } catch (error) {
      yield* call(directory, 'close')
      throw error
    }
  }

  follow(parent: string, target: string, path: string): string {
    if (isAbsolute(target)) throw outsideRoot(path, 'a symbolic link in it is absolute')
    return `${parent}/${target}`
  }

  close(): void {
    this.#directory.closeSync()
  }
}

/** One walk down from the root, step by step, with all directories on the way held open. */
class Walk {
  readonly #root: StorageDirectory
  /** For messages. */
  readonly #asked: string
  readonly #opened: StorageDirectory[] = []
  #links = 0

  constructor(root: StorageDirectory, asked: string) {
    this.#root = root
    this.#asked = asked
  }

  *run(path: string): Steps<StorageDirectory> {
    try {
      let parts = path.split('/')
      while (parts.length > 0) {
        const [part = '', ...rest] = parts
        parts = [...(yield* this.#step(part)), ...rest]
      }
      return this.#opened.pop() ?? (yield* call(this.#root, 'openDirectory', '.'))
    } finally {
      for (const directory of this.#opened) yield* call(directory, 'close')
    }
  }

  /** Takes one step; returns those that are to be taken instead, if it was a link. */
  *#step(part: string): Steps<readonly string[]> {
    if (part === '' || part === '.') return []
    const here = this.#opened.at(-1) ?? this.#root
    if (part === '..') {
      if (this.#opened.length === 0) throw outsideRoot(this.#asked, 'a symbolic link in it leads outside')
      this.#opened.pop()
      yield* call(here, 'close')
      return []
    }
    try {
      this.#opened.push(yield* call(here, 'openDirectory', part))
      return []
    } catch (error) {
      const target = yield* linkAt(here, part)
      if (target === undefined) throw error
      this.#links += 1
      if (this.#links > LINKS_MAX) throw systemFailure('ELOOP', 'too many symbolic links', this.#asked)
      if (isAbsolute(target)) throw outsideRoot(this.#asked, 'a symbolic link in it is absolute')
      return target.split('/')
    }
  }
}

/** Where a link leads; undefined if there is none at that name. */
function* linkAt(directory: StorageDirectory, name: string): Steps<string | undefined> {
  try {
    return yield* call(directory, 'readLink', name)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EINVAL' || errno === 'ENOENT' || errno === 'UNKNOWN') return undefined
    throw error
  }
}
