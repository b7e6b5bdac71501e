import * as fs from 'node:fs'
import { join, resolve as resolvePath } from 'node:path'

import { errnoOf, isAbsence } from '../errors.js'
import { descriptorsHavePaths } from '../platform/descriptor-paths.js'
import { type NativeAddon, Resolve, nativeError } from '../platform/native-addon.js'
import { copyAttributes, copyAttributesSync, hasAccessList } from './native-attributes.js'
import { replaceFiles } from './native-replace.js'
import {
  type Descriptor,
  DIRECTORY_FLAGS,
  isWindowsRefusal,
  O_PATH,
  openDescriptor,
  openDescriptorSync,
} from './node-descriptor.js'
import { factsOf } from './node-file.js'
import { flagsOf } from './node-flags.js'
import { NodeListing } from './node-listing.js'
import type {
  AttributeKind,
  FileFacts,
  FileReplacement,
  Listing,
  OpenMode,
  ReplaceOutcome,
  StorageDirectory,
  StorageFile,
} from './storage.js'

/** What the directories of one storage share. */
export interface NodeDirectoryTools {
  /** Makes a file of an open descriptor. */
  readonly makeFile: (fd: number, mode: OpenMode) => StorageFile
  readonly addon: NativeAddon | undefined
  /** Whether to use the names that Linux has for what is open, where it has them. */
  readonly pins: boolean
}

/**
 * An open directory by its descriptor. Node has no calls that work from a descriptor on (`openat` and the like), but Linux
 * has names for what is open: `/proc/self/fd/7/name` is looked up in the directory that 7 was opened as, whatever has been
 * renamed since. Elsewhere, names are joined to the path.
 */
export class NodeDirectory implements StorageDirectory {
  readonly path: string
  readonly isPinned: boolean
  readonly #tools: NodeDirectoryTools
  readonly #base: string
  #descriptor: Descriptor | undefined

  /** `place`: the path that it was opened by, `path` as it is shown. */
  private constructor(place: string, path: string, descriptor: Descriptor | undefined, tools: NodeDirectoryTools) {
    this.path = path
    this.#descriptor = descriptor
    this.#tools = tools
    this.isPinned = descriptor !== undefined && tools.pins && descriptorsHavePaths()
    // What goes by the path must not go by the working directory, which can be changed.
    this.#base = this.isPinned ? `/proc/self/fd/${descriptor?.fd}` : resolvePath(place)
    const { addon } = tools
    if (addon === undefined || descriptor === undefined) return
    this.replaceFiles = (files, needsFullSync) => replaceFiles(addon, this.#descriptorNow(), files, needsFullSync)
  }

  /** `flags` are more of those of open(2). */
  static async open(path: string, tools: NodeDirectoryTools, shown: string = path, flags = 0): Promise<NodeDirectory> {
    return new NodeDirectory(path, shown, await openDescriptor(path, flags), tools)
  }

  static openSync(path: string, tools: NodeDirectoryTools, shown: string = path, flags = 0): NodeDirectory {
    return new NodeDirectory(path, shown, openDescriptorSync(path, flags), tools)
  }

  realPath(): Promise<string> {
    return this.#wait('.', (callback: Callback<string>) => fs.realpath.native(this.#at('.'), callback))
  }

  realPathSync(): string {
    return this.#block('.', () => fs.realpathSync.native(this.#at('.')))
  }

  async open(name: string, mode: OpenMode, permissions: number = PERMISSIONS): Promise<StorageFile> {
    const path = this.#at(name)
    const flags = flagsOf(path, mode) | stepFlags(mode)
    return this.#tools.makeFile(
      await this.#wait(name, (callback: Callback<number>) => fs.open(path, flags, permissions, callback)),
      mode,
    )
  }

  openSync(name: string, mode: OpenMode, permissions: number = PERMISSIONS): StorageFile {
    const path = this.#at(name)
    const flags = flagsOf(path, mode) | stepFlags(mode)
    return this.#tools.makeFile(
      this.#block(name, () => fs.openSync(path, flags, permissions)),
      mode,
    )
  }

  async openDirectory(name: string): Promise<StorageDirectory> {
    try {
      return await NodeDirectory.open(this.#at(name), this.#tools, join(this.path, name), O_NOFOLLOW)
    } catch (error) {
      throw this.#named(error, name)
    }
  }

  openDirectorySync(name: string): StorageDirectory {
    return this.#block(name, () =>
      NodeDirectory.openSync(this.#at(name), this.#tools, join(this.path, name), O_NOFOLLOW),
    )
  }

  /** Blocks: a look-up that takes some microseconds, where the waiting form of it would take a turn of the event loop. */
  // oxlint-disable-next-line typescript/require-await
  async openBeneath(path: string): Promise<StorageDirectory | undefined> {
    return this.openBeneathSync(path)
  }

  openBeneathSync(path: string): StorageDirectory | undefined {
    const { addon } = this.#tools
    if (addon === undefined || this.#descriptor === undefined || !this.isPinned || lacksOpenat2) return undefined
    // The kernel takes no longer ones at once; step by step, they can lead somewhere.
    if (Buffer.byteLength(path) > PATH_BYTES_MAX) return undefined
    const resolve = Resolve.beneath | Resolve.noMagicLinks
    let isPathOnly = false
    let fd = addon.openat2Sync(this.#descriptor.fd, path, DIRECTORY_FLAGS, 0, resolve)
    if (nameOf(fd) === 'EACCES') {
      isPathOnly = true
      fd = addon.openat2Sync(this.#descriptor.fd, path, DIRECTORY_FLAGS | O_PATH, 0, resolve)
    }
    const shown = join(this.path, path)
    if (fd >= 0) return new NodeDirectory(shown, shown, { fd, isPathOnly, addon }, this.#tools)
    // Linux before 5.6, or a sandbox that forbids the call. EAGAIN: something was renamed meanwhile, and the call cannot
    // exclude that this has led it outside.
    const code = nameOf(fd)
    if (code === 'ENOSYS' || code === 'EPERM') lacksOpenat2 = true
    if (lacksOpenat2 || code === 'EAGAIN' || code === 'EWOULDBLOCK') return undefined
    throw failure(code ?? 'EIO', 'openat2', shown, fd)
  }

  stat(name: string): Promise<FileFacts | undefined> {
    return new Promise((resolve, reject) => {
      const answer = (error: NodeJS.ErrnoException | null, stats: fs.BigIntStats): void => {
        if (!error) resolve(factsOf(stats))
        else if (isAbsence(error)) resolve(undefined)
        else reject(this.#named(error, name))
      }
      if (name === '.' && this.#descriptor !== undefined) fs.fstat(this.#descriptor.fd, { bigint: true }, answer)
      else fs.lstat(this.#at(name), { bigint: true }, answer)
    })
  }

  statSync(name: string): FileFacts | undefined {
    try {
      if (name === '.' && this.#descriptor !== undefined)
        return factsOf(fs.fstatSync(this.#descriptor.fd, { bigint: true }))
      return factsOf(fs.lstatSync(this.#at(name), { bigint: true }))
    } catch (error) {
      if (isAbsence(error)) return undefined
      throw this.#named(error, name)
    }
  }

  readLink(name: string): Promise<string> {
    return this.#wait(name, (callback: Callback<string>) => fs.readlink(this.#at(name), callback))
  }

  readLinkSync(name: string): string {
    return this.#block(name, () => fs.readlinkSync(this.#at(name)))
  }

  async list(): Promise<Listing> {
    const open = (callback: Callback<fs.Dir>): void => fs.opendir(this.#at('.'), LISTING_OPTIONS, callback)
    return new NodeListing(await this.#wait('.', open))
  }

  listSync(): Listing {
    return new NodeListing(this.#block('.', () => fs.opendirSync(this.#at('.'), LISTING_OPTIONS)))
  }

  async rename(name: string, to: StorageDirectory, toName: string): Promise<void> {
    try {
      await this.#wait(name, (callback) => fs.rename(this.#at(name), placeIn(to, toName), callback))
    } catch (error) {
      throw to instanceof NodeDirectory ? to.#named(error, toName, 'dest') : error
    }
  }

  renameSync(name: string, to: StorageDirectory, toName: string): void {
    try {
      this.#block(name, () => fs.renameSync(this.#at(name), placeIn(to, toName)))
    } catch (error) {
      throw to instanceof NodeDirectory ? to.#named(error, toName, 'dest') : error
    }
  }

  async link(name: string, toName: string): Promise<boolean> {
    try {
      await this.#wait(name, (callback) => fs.link(this.#at(name), this.#at(toName), callback))
      return true
    } catch (error) {
      return refusesLink(error)
    }
  }

  linkSync(name: string, toName: string): boolean {
    try {
      this.#block(name, () => fs.linkSync(this.#at(name), this.#at(toName)))
      return true
    } catch (error) {
      return refusesLink(error)
    }
  }

  unlink(name: string): Promise<void> {
    return this.#wait(name, (callback) => fs.unlink(this.#at(name), callback))
  }

  unlinkSync(name: string): void {
    this.#block(name, () => fs.unlinkSync(this.#at(name)))
  }

  makeDirectory(name: string, permissions: number = DIRECTORY_PERMISSIONS): Promise<void> {
    return this.#wait(name, (callback) => fs.mkdir(this.#at(name), permissions, callback))
  }

  makeDirectorySync(name: string, permissions: number = DIRECTORY_PERMISSIONS): void {
    this.#block(name, () => fs.mkdirSync(this.#at(name), permissions))
  }

  removeDirectory(name: string): Promise<void> {
    return this.#wait(name, (callback) => fs.rmdir(this.#at(name), callback))
  }

  removeDirectorySync(name: string): void {
    this.#block(name, () => fs.rmdirSync(this.#at(name)))
  }

  /** Blocks: what it asks for is mostly in memory, since the name has been looked at. */
  // oxlint-disable-next-line typescript/require-await
  async hasAccessList(name: string): Promise<boolean> {
    return this.hasAccessListSync(name)
  }

  hasAccessListSync(name: string): boolean {
    const { addon } = this.#tools
    return addon !== undefined && this.#block(name, () => hasAccessList(addon, this.#at(name), name === '.'))
  }

  async copyAttributes(name: string, to: StorageFile, kind: AttributeKind): Promise<boolean> {
    const { addon } = this.#tools
    return addon !== undefined && (await copyAttributes(addon, this.#at(name), to, kind))
  }

  copyAttributesSync(name: string, to: StorageFile, kind: AttributeKind): boolean {
    const { addon } = this.#tools
    return addon !== undefined && copyAttributesSync(addon, this.#at(name), to, kind)
  }

  /** There where the addon is. */
  replaceFiles?(files: readonly FileReplacement[], needsFullSync: boolean): Promise<ReplaceOutcome[]>

  async sync(): Promise<boolean> {
    if (this.#descriptor === undefined) return false
    try {
      await this.#wait('.', (callback) => fs.fsync(this.#descriptorToSync(), callback))
      return true
    } catch (error) {
      return refusesSync(error)
    }
  }

  syncSync(): boolean {
    if (this.#descriptor === undefined) return false
    try {
      this.#block('.', () => fs.fsyncSync(this.#descriptorToSync()))
      return true
    } catch (error) {
      return refusesSync(error)
    }
  }

  /** Closing a descriptor that was never written to does not wait for anything. */
  // oxlint-disable-next-line typescript/require-await
  async close(): Promise<void> {
    this.closeSync()
  }

  closeSync(): void {
    const descriptor = this.#descriptor
    this.#descriptor = undefined
    if (descriptor === undefined) return
    // Node warns in worker threads when its own calls close what they have not opened.
    if (descriptor.addon === undefined) fs.closeSync(descriptor.fd)
    else descriptor.addon.closeSync(descriptor.fd)
  }

  /** Where Node's calls find the name. */
  placeOf(name: string): string {
    return this.#at(name)
  }

  #at(name: string): string {
    if (this.isPinned && this.#descriptor === undefined) throw failure('EBADF', 'the directory is closed', this.path)
    // Not joined: a path that ends in a link leads to the link itself, and with a '.' behind it to the directory.
    return this.isPinned || name === '.' ? `${this.#base}/${name}` : join(this.#base, name)
  }

  #descriptorNow(): number {
    if (this.#descriptor === undefined) throw failure('EBADF', 'the directory is closed', this.path)
    return this.#descriptor.fd
  }

  #descriptorToSync(): number {
    if (this.#descriptor?.isPathOnly) throw failure('EACCES', 'permission denied, fsync', this.path)
    return this.#descriptorNow()
  }

  #wait<Result>(name: string, start: (callback: Callback<Result>) => void): Promise<Result> {
    return new Promise((resolve, reject) => {
      start((error, result) => (error ? reject(this.#named(error, name)) : resolve(result as Result)))
    })
  }

  #block<Result>(name: string, call: () => Result): Result {
    try {
      return call()
    } catch (error) {
      throw this.#named(error, name)
    }
  }

  /** The error as it would be had the path been used: nobody knows what descriptor 7 is. */
  #named(error: unknown, name: string, field: 'path' | 'dest' = 'path'): unknown {
    if (!this.isPinned || !(error instanceof Error)) return error
    error.message = error.message.replaceAll(`${this.#base}/`, `${this.path}/`)
    if (field in error) Object.assign(error, { [field]: join(this.path, name) })
    return error
  }
}

type Callback<Result> = (error: NodeJS.ErrnoException | null, result?: Result) => void

// Windows has none of these, whatever the types say.
// oxlint-disable-next-line typescript/no-useless-default-assignment
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants

const PERMISSIONS = 0o600
const DIRECTORY_PERMISSIONS = 0o777

const LISTING_OPTIONS = { bufferSize: 256 }

/**
 * Follows no link, and does not wait for the other end of a pipe. What is opened to be written too never waits for that, and
 * has no use for O_NONBLOCK: with it, io_uring answers EAGAIN, or blocks the caller, where the file system cannot tell
 * beforehand whether a write would have to wait (REQ_F_NOWAIT and io_file_supports_nowait in the kernel's io_uring/).
 */
function stepFlags(mode: OpenMode): number {
  return mode === 'read' ? O_NOFOLLOW | O_NONBLOCK : O_NOFOLLOW
}

let lacksOpenat2 = false

/** Linux's PATH_MAX, less the NUL. */
const PATH_BYTES_MAX = 4095

function nameOf(result: number): string | undefined {
  return result < 0 ? nativeError(result, 'openat2').code : undefined
}

function placeIn(directory: StorageDirectory, name: string): string {
  return directory instanceof NodeDirectory ? directory.placeOf(name) : join(directory.path, name)
}

/** False where the name is taken; throws what is another failure. */
function refusesLink(error: unknown): false {
  if (errnoOf(error) === 'EEXIST') return false
  throw error
}

/** False where the platform, or some network file system, cannot sync directories; throws what is a real failure. */
function refusesSync(error: unknown): false {
  if (FILE_SYSTEM_REFUSALS.has((error as NodeJS.ErrnoException).code) || isWindowsRefusal(error)) return false
  throw error
}

const FILE_SYSTEM_REFUSALS: ReadonlySet<unknown> = new Set(['EINVAL', 'ENOTSUP'])

function failure(code: string, text: string, path: string, errno?: number): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${text} '${path}'`), { code, path, ...(errno !== undefined && { errno }) })
}
