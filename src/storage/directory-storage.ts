import { basename, dirname } from 'node:path'

import { assert, errnoOf, outsideRoot, systemFailure } from '../errors.js'
import { call, run, runSync, type Steps } from './steps.js'
import type {
  Clock,
  FileFacts,
  OpenMode,
  Owners,
  Storage,
  StorageDirectory,
  StorageEngine,
  StorageFile,
} from './storage.js'

/**
 * The part of a storage that is in one open directory: paths are those that the directory had when it was opened, and all
 * is done by their last step, in the directory itself, wherever it has been moved to and whatever its path leads to by then.
 * Symbolic links there are refused with ERR_FSYS_OUTSIDE_ROOT. Other paths are a mistake of the caller's.
 */
export class DirectoryStorage implements Storage {
  readonly engine: StorageEngine
  readonly engineReason: string | undefined
  readonly hasAttributes: boolean
  readonly clock: Clock
  readonly owners: Owners
  readonly #directory: StorageDirectory
  readonly #path: string

  /** `path`: the directory's real one. Who has opened the directory closes it. */
  constructor(storage: Storage, directory: StorageDirectory, path: string) {
    this.engine = storage.engine
    this.engineReason = storage.engineReason
    this.hasAttributes = storage.hasAttributes
    this.clock = storage.clock
    this.owners = storage.owners
    this.#directory = directory
    this.#path = path
  }

  open(path: string, mode: OpenMode, permissions?: number): Promise<StorageFile> {
    return run(this.#open(path, mode, permissions))
  }

  openSync(path: string, mode: OpenMode, permissions?: number): StorageFile {
    return runSync(this.#open(path, mode, permissions))
  }

  realPath(path: string): Promise<string> {
    return run(this.#realPath(path))
  }

  realPathSync(path: string): string {
    return runSync(this.#realPath(path))
  }

  stat(path: string): Promise<FileFacts | undefined> {
    return run(this.#stat(path))
  }

  statSync(path: string): FileFacts | undefined {
    return runSync(this.#stat(path))
  }

  list(path: string): Promise<string[]> {
    return run(this.#list(path))
  }

  listSync(path: string): string[] {
    return runSync(this.#list(path))
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#directory.rename(this.#nameOf(from), this.#directory, this.#nameOf(to))
  }

  renameSync(from: string, to: string): void {
    this.#directory.renameSync(this.#nameOf(from), this.#directory, this.#nameOf(to))
  }

  async link(from: string, to: string): Promise<boolean> {
    return await this.#directory.link(this.#nameOf(from), this.#nameOf(to))
  }

  linkSync(from: string, to: string): boolean {
    return this.#directory.linkSync(this.#nameOf(from), this.#nameOf(to))
  }

  async unlink(path: string): Promise<void> {
    await this.#directory.unlink(this.#nameOf(path))
  }

  unlinkSync(path: string): void {
    this.#directory.unlinkSync(this.#nameOf(path))
  }

  async syncDirectory(path: string): Promise<boolean> {
    this.#mustBeThis(path)
    return await this.#directory.sync()
  }

  syncDirectorySync(path: string): boolean {
    this.#mustBeThis(path)
    return this.#directory.syncSync()
  }

  async openDirectory(path: string): Promise<StorageDirectory> {
    return await this.#directory.openDirectory(this.#nameOf(path))
  }

  openDirectorySync(path: string): StorageDirectory {
    return this.#directory.openDirectorySync(this.#nameOf(path))
  }

  *#open(path: string, mode: OpenMode, permissions: number | undefined): Steps<StorageFile> {
    try {
      return yield* call(this.#directory, 'open', this.#nameOf(path), mode, permissions)
    } catch (error) {
      throw errnoOf(error) === 'ELOOP' ? isLink(path, error) : error
    }
  }

  *#realPath(path: string): Steps<string> {
    if ((yield* this.#stat(path)) === undefined) throw systemFailure('ENOENT', 'no such file or directory', path)
    return path
  }

  *#stat(path: string): Steps<FileFacts | undefined> {
    const facts = yield* call(this.#directory, 'stat', this.#nameOf(path))
    if (facts?.isLink) throw isLink(path)
    return facts
  }

  *#list(path: string): Steps<string[]> {
    this.#mustBeThis(path)
    const listing = yield* call(this.#directory, 'list')
    try {
      const names: string[] = []
      for (;;) {
        const entries = yield* call(listing, 'next', LISTED_AT_ONCE)
        if (entries.length === 0) return names
        for (const { name } of entries) names.push(name)
      }
    } finally {
      yield* call(listing, 'close')
    }
  }

  #nameOf(path: string): string {
    if (path === this.#path) return '.'
    assert(
      dirname(path) === this.#path,
      `${JSON.stringify(path)} is not in the directory ${JSON.stringify(this.#path)}`,
    )
    return basename(path)
  }

  #mustBeThis(path: string): void {
    assert(path === this.#path, `${JSON.stringify(path)} is not the directory ${JSON.stringify(this.#path)}`)
  }
}

const LISTED_AT_ONCE = 1024

function isLink(path: string, cause?: unknown): Error {
  return outsideRoot(path, 'it is a symbolic link, which may lead there, and is not followed', cause)
}
