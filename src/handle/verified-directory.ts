import { sep } from 'node:path'

import { errnoOf, outsideRoot } from '../errors.js'
import { call, run, runSync, type Steps } from '../storage/steps.js'
import type { AttributeKind, FileFacts, Listing, OpenMode, StorageDirectory, StorageFile } from '../storage/storage.js'
import { closeQuietly } from './atomic-write.js'

/**
 * A directory beneath a root, where directories are not pinned: names are looked up by its path, which may lead elsewhere by
 * then. So what was opened is verified before anybody gets it, by walking the path once more: it must lead to the same
 * directory, and to the same file in it, and that must be beneath the root. What was looked up is verified in the same way
 * before it is told. Otherwise ERR_FSYS_OUTSIDE_ROOT.
 *
 * That holds against whoever puts a link in the place of a directory, at whatever moment, and leaves it there. It cannot hold
 * against somebody who takes it away again between the steps of the verification. And what has only names (`rename`, `link`,
 * `unlink`, making and removing directories) has nothing to look at afterwards: it is refused if the path leads elsewhere
 * before, and it is reported if it does so afterwards, when it may have been done there.
 *
 * There is no `replaceFiles`: it would work in the directory that was opened, and here that is not known to be this one.
 */
export class VerifiedDirectory implements StorageDirectory {
  readonly path: string
  readonly isPinned = false
  readonly #inner: StorageDirectory
  readonly #root: string

  /** `inner`: what was opened by its path; `root`: the real path that it must be beneath. */
  constructor(inner: StorageDirectory, root: string) {
    this.path = inner.path
    this.#inner = inner
    this.#root = root
  }

  realPath(): Promise<string> {
    return this.#inner.realPath()
  }

  realPathSync(): string {
    return this.#inner.realPathSync()
  }

  open(name: string, mode: OpenMode, permissions?: number): Promise<StorageFile> {
    return run(this.#open(name, mode, permissions))
  }

  openSync(name: string, mode: OpenMode, permissions?: number): StorageFile {
    return runSync(this.#open(name, mode, permissions))
  }

  openDirectory(name: string): Promise<StorageDirectory> {
    return run(this.#openDirectory(name))
  }

  openDirectorySync(name: string): StorageDirectory {
    return runSync(this.#openDirectory(name))
  }

  openBeneath(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  openBeneathSync(): undefined {
    return undefined
  }

  stat(name: string): Promise<FileFacts | undefined> {
    return run(this.#looked(call(this.#inner, 'stat', name)))
  }

  statSync(name: string): FileFacts | undefined {
    return runSync(this.#looked(call(this.#inner, 'stat', name)))
  }

  readLink(name: string): Promise<string> {
    return run(this.#looked(call(this.#inner, 'readLink', name)))
  }

  readLinkSync(name: string): string {
    return runSync(this.#looked(call(this.#inner, 'readLink', name)))
  }

  list(): Promise<Listing> {
    return run(this.#list())
  }

  listSync(): Listing {
    return runSync(this.#list())
  }

  rename(name: string, to: StorageDirectory, toName: string): Promise<void> {
    return run(this.#rename(name, to, toName))
  }

  renameSync(name: string, to: StorageDirectory, toName: string): void {
    runSync(this.#rename(name, to, toName))
  }

  link(name: string, toName: string): Promise<boolean> {
    return run(this.#changed(call(this.#inner, 'link', name, toName)))
  }

  linkSync(name: string, toName: string): boolean {
    return runSync(this.#changed(call(this.#inner, 'link', name, toName)))
  }

  unlink(name: string): Promise<void> {
    return run(this.#changed(call(this.#inner, 'unlink', name)))
  }

  unlinkSync(name: string): void {
    runSync(this.#changed(call(this.#inner, 'unlink', name)))
  }

  makeDirectory(name: string, permissions?: number): Promise<void> {
    return run(this.#changed(call(this.#inner, 'makeDirectory', name, permissions)))
  }

  makeDirectorySync(name: string, permissions?: number): void {
    runSync(this.#changed(call(this.#inner, 'makeDirectory', name, permissions)))
  }

  removeDirectory(name: string): Promise<void> {
    return run(this.#changed(call(this.#inner, 'removeDirectory', name)))
  }

  removeDirectorySync(name: string): void {
    runSync(this.#changed(call(this.#inner, 'removeDirectory', name)))
  }

  hasAccessList(name: string): Promise<boolean> {
    return run(this.#looked(call(this.#inner, 'hasAccessList', name)))
  }

  hasAccessListSync(name: string): boolean {
    return runSync(this.#looked(call(this.#inner, 'hasAccessList', name)))
  }

  copyAttributes(name: string, to: StorageFile, kind: AttributeKind): Promise<boolean> {
    return run(this.#looked(call(this.#inner, 'copyAttributes', name, to, kind)))
  }

  copyAttributesSync(name: string, to: StorageFile, kind: AttributeKind): boolean {
    return runSync(this.#looked(call(this.#inner, 'copyAttributes', name, to, kind)))
  }

  sync(): Promise<boolean> {
    return this.#inner.sync()
  }

  syncSync(): boolean {
    return this.#inner.syncSync()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  closeSync(): void {
    this.#inner.closeSync()
  }

  /** Once it has been opened. Whoever has opened it closes it if this fails. */
  *verified(): Steps<this> {
    yield* this.#verify()
    return this
  }

  /** Somebody may replace the file between the two looks at it, and mean no harm: then it is opened once more. */
  *#open(name: string, mode: OpenMode, permissions?: number): Steps<StorageFile> {
    if (mode === 'replace') return yield* this.#openEmptied(name, permissions)
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const file = yield* call(this.#inner, 'open', name, mode, permissions)
      try {
        if (isSame(yield* call(file, 'stat'), yield* this.#verify(name))) return file
      } catch (error) {
        yield* this.#putBack(file, name, mode)
        throw error
      }
      yield* this.#putBack(file, name, mode)
    }
    throw outsideRoot(this.path, `${JSON.stringify(name)} is another file each time that it is looked at`)
  }

  /** Closes what nobody gets. What was made somewhere else goes, if that is still where the path leads. */
  *#putBack(file: StorageFile, name: string, mode: OpenMode): Steps<void> {
    try {
      const isMade = mode === 'create' && isSame(yield* call(file, 'stat'), yield* call(this.#inner, 'stat', name))
      if (isMade) yield* call(this.#inner, 'unlink', name)
    } catch {
      // It is empty, and why nobody gets it is the thing to tell.
    }
    yield* closeQuietly(file)
  }

  /** Nothing is emptied before it is verified. */
  *#openEmptied(name: string, permissions?: number): Steps<StorageFile> {
    let file: StorageFile
    try {
      file = yield* this.#open(name, 'write')
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      return yield* this.#open(name, 'create', permissions)
    }
    try {
      yield* call(file, 'truncate', 0)
      return file
    } catch (error) {
      yield* closeQuietly(file)
      throw error
    }
  }

  *#openDirectory(name: string): Steps<StorageDirectory> {
    const found = yield* call(this.#inner, 'openDirectory', name)
    try {
      return yield* new VerifiedDirectory(found, this.#root).verified()
    } catch (error) {
      yield* call(found, 'close')
      throw error
    }
  }

  *#list(): Steps<Listing> {
    const listing = yield* call(this.#inner, 'list')
    try {
      yield* this.#verify()
      return listing
    } catch (error) {
      yield* call(listing, 'close')
      throw error
    }
  }

  *#rename(name: string, to: StorageDirectory, toName: string): Steps<void> {
    const target = to instanceof VerifiedDirectory ? to : undefined
    const renaming = call(this.#inner, 'rename', name, target === undefined ? to : target.#inner, toName)
    if (target === undefined || target === this) yield* this.#changed(renaming)
    else yield* this.#changed(target.#changed(renaming))
  }

  *#looked<Result>(looking: Steps<Result>): Steps<Result> {
    const result = yield* looking
    yield* this.#verify()
    return result
  }

  *#changed<Result>(changing: Steps<Result>): Steps<Result> {
    yield* this.#verify()
    const result = yield* changing
    try {
      yield* this.#verify()
    } catch (error) {
      throw outsideRoot(this.path, 'something was changed in it, and it cannot be verified that it was there', error)
    }
    return result
  }

  /** Walks the path once more. Returns what is at the name, if one is given, in the directory that it leads to. */
  *#verify(name?: string): Steps<FileFacts | undefined> {
    const again = yield* this.#openAgain()
    try {
      const found = name === undefined ? undefined : yield* call(again, 'stat', name)
      const [own, now] = [yield* call(this.#inner, 'stat', '.'), yield* call(again, 'stat', '.')]
      const real = yield* call(again, 'realPath')
      if (!isWithin(real, this.#root)) throw outsideRoot(this.path, `it is ${JSON.stringify(real)} now`)
      if (!isSame(own, now)) throw outsideRoot(this.path, 'another directory has taken its place')
      return found
    } finally {
      yield* call(again, 'close')
    }
  }

  *#openAgain(): Steps<StorageDirectory> {
    try {
      return yield* call(this.#inner, 'openDirectory', '.')
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ELOOP' || errno === 'ENOTDIR')
        throw outsideRoot(this.path, 'something else has taken its place', error)
      throw error
    }
  }
}

/** Those who replace a file again and again do so in many more system calls than it takes to look at it. */
const ROUNDS_MAX = 100

function isWithin(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : `${root}${sep}`)
}

function isSame(one: FileFacts | undefined, other: FileFacts | undefined): boolean {
  return one !== undefined && one.device === other?.device && one.inode === other.inode
}
