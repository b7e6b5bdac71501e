import { isAbsolute, posix, sep, win32 } from 'node:path'

import { settlePath } from '../checks.js'
import { errnoOf, FsysError, systemFailure } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { StorageDirectory } from '../storage/storage.js'
import { isDeviceName } from './device-names.js'
import { LINKS_MAX, type Scope } from './scope.js'

/**
 * A root that paths cannot leave, neither by what they say nor by what is on the disk, also if that changes meanwhile: the
 * root is opened once, and each step is taken from an open directory. Symbolic links are followed as long as they lead to
 * where a path may lead: relative ones that stay beneath the root. The same rules as `openat2` with RESOLVE_BENEATH, which
 * does it where it is to be had.
 *
 * Where directories are not pinned (`StorageDirectory.isPinned`), the path of what was found is looked at afterwards, and
 * refused if it is outside. That does not hold against somebody who changes directories into links at the very moment.
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
    if ((isWindows ? win32 : posix).isAbsolute(path)) throw outside(path, 'it is absolute')
    const parts = path.split(isWindows ? /[/\\]/u : '/')
    let depth = 0
    for (const part of parts) {
      if (part === '' || part === '.') continue
      depth += part === '..' ? -1 : 1
      if (depth < 0) throw outside(path, "its '..' lead above it")
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
      if (errnoOf(error) === 'EXDEV') throw outside(asked, 'a symbolic link in it leads outside', error)
      throw error
    }
    return yield* new Walk(this.#directory, asked).run(path)
  }

  follow(parent: string, target: string, path: string): string {
    if (isAbsolute(target)) throw outside(path, 'a symbolic link in it is absolute')
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
      const last = this.#opened.pop() ?? (yield* call(this.#root, 'openDirectory', '.'))
      yield* this.#verify(last)
      return last
    } finally {
      for (const directory of this.#opened) yield* call(directory, 'close')
    }
  }

  /** Takes one step; returns those that are to be taken instead, if it was a link. */
  *#step(part: string): Steps<readonly string[]> {
    if (part === '' || part === '.') return []
    const here = this.#opened.at(-1) ?? this.#root
    if (part === '..') {
      if (this.#opened.length === 0) throw outside(this.#asked, 'a symbolic link in it leads outside')
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
      if (isAbsolute(target)) throw outside(this.#asked, 'a symbolic link in it is absolute')
      return target.split('/')
    }
  }

  /** Open, then verify: where the path of what was found may have led anywhere by the time it was opened. */
  *#verify(directory: StorageDirectory): Steps<void> {
    if (directory.isPinned) return
    try {
      const root = yield* call(this.#root, 'realPath')
      const real = yield* call(directory, 'realPath')
      if (real === root || real.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)) return
      throw outside(this.#asked, 'a symbolic link in it leads outside')
    } catch (error) {
      yield* call(directory, 'close')
      throw error
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

function outside(path: string, why: string, cause?: unknown): FsysError {
  return new FsysError('ERR_FSYS_OUTSIDE_ROOT', `the path ${JSON.stringify(path)} leads out of the root: ${why}`, {
    path,
    cause,
  })
}
