import type {
  AttributeKind,
  DirectoryEntry,
  FileFacts,
  FileReplacement,
  Listing,
  OpenMode,
  ReplaceOutcome,
  StorageDirectory,
  StorageFile,
} from '../storage.js'
import { ACCESS_LIST, DEFAULT_LIST, givenAttributes } from './attributes.js'
import type { DirectoryNode, Node } from './directory-node.js'
import { FileDescription } from './file-description.js'
import { directorySyncOperation } from './file-effects.js'
import type { NameAt } from './look-up.js'
import { openedFile } from './opened-file.js'
import { type Operation, type OperationKind, plainOperation } from './operation.js'
import { replaceInOneTrip } from './replace-trip.js'
import { systemError } from './sim-errors.js'
import { factsOf, SimFile } from './sim-file.js'
import type { SimProcess } from './sim-process.js'

/** An open directory of a simulated process. */
export class SimDirectory implements StorageDirectory {
  readonly path: string
  readonly isPinned = true
  readonly #process: SimProcess
  readonly #description: FileDescription
  readonly #node: DirectoryNode

  private constructor(process: SimProcess, path: string, node: DirectoryNode) {
    this.#process = process
    this.path = path
    this.#node = node
    this.#description = process.opened(new FileDescription(node, path, 'read'))
    if (!process.medium.rules.oneTrip) return
    this.replaceFiles = async (files, needsFullSync) => {
      if (this.#isShut) throw systemError('EBADF', 'fstatat')
      return await replaceInOneTrip(this, files, needsFullSync)
    }
  }

  /** To be called from within an operation. */
  static open(process: SimProcess, target: string | NameAt, path: string): SimDirectory {
    process.checkOpenFiles(path)
    return new SimDirectory(process, path, process.tree.directory(target))
  }

  realPath(): Promise<string> {
    return this.#process.issue(this.#realPathFinding())
  }

  realPathSync(): string {
    return this.#process.block(this.#realPathFinding())
  }

  open(name: string, mode: OpenMode, permissions: number = PERMISSIONS): Promise<StorageFile> {
    return this.#process.issue(this.#opening(name, mode, permissions))
  }

  openSync(name: string, mode: OpenMode, permissions: number = PERMISSIONS): StorageFile {
    return this.#process.block(this.#opening(name, mode, permissions))
  }

  openDirectory(name: string): Promise<StorageDirectory> {
    return this.#process.issue(this.#directoryOpening(name))
  }

  openDirectorySync(name: string): StorageDirectory {
    return this.#process.block(this.#directoryOpening(name))
  }

  /** What resolves paths step by step is what a simulated disk is to test. */
  openBeneath(): Promise<StorageDirectory | undefined> {
    return Promise.resolve(undefined)
  }

  openBeneathSync(): StorageDirectory | undefined {
    return undefined
  }

  stat(name: string): Promise<FileFacts | undefined> {
    return this.#process.issue(this.#statFinding(name))
  }

  statSync(name: string): FileFacts | undefined {
    return this.#process.block(this.#statFinding(name))
  }

  readLink(name: string): Promise<string> {
    return this.#process.issue(this.#linkReading(name))
  }

  readLinkSync(name: string): string {
    return this.#process.block(this.#linkReading(name))
  }

  list(): Promise<Listing> {
    return this.#process.issue(this.#listing())
  }

  listSync(): Listing {
    return this.#process.block(this.#listing())
  }

  rename(name: string, to: StorageDirectory, toName: string): Promise<void> {
    return this.#process.issue(this.#renaming(name, to, toName))
  }

  renameSync(name: string, to: StorageDirectory, toName: string): void {
    this.#process.block(this.#renaming(name, to, toName))
  }

  link(name: string, toName: string): Promise<boolean> {
    return this.#process.issue(this.#linking(name, toName))
  }

  linkSync(name: string, toName: string): boolean {
    return this.#process.block(this.#linking(name, toName))
  }

  unlink(name: string): Promise<void> {
    return this.#process.issue(this.#operation('unlink', 'unlink', name, (at) => this.#process.tree.unlink(at)))
  }

  unlinkSync(name: string): void {
    this.#process.block(this.#operation('unlink', 'unlink', name, (at) => this.#process.tree.unlink(at)))
  }

  makeDirectory(name: string, permissions: number = DIRECTORY_PERMISSIONS): Promise<void> {
    return this.#process.issue(this.#making(name, permissions))
  }

  makeDirectorySync(name: string, permissions: number = DIRECTORY_PERMISSIONS): void {
    this.#process.block(this.#making(name, permissions))
  }

  removeDirectory(name: string): Promise<void> {
    return this.#process.issue(this.#removing(name))
  }

  removeDirectorySync(name: string): void {
    this.#process.block(this.#removing(name))
  }

  hasAccessList(name: string): Promise<boolean> {
    return this.#process.issue(this.#listLooking(name))
  }

  hasAccessListSync(name: string): boolean {
    return this.#process.block(this.#listLooking(name))
  }

  copyAttributes(name: string, to: StorageFile, kind: AttributeKind): Promise<boolean> {
    return this.#process.issue(this.#attributeCopying(name, to, kind))
  }

  copyAttributesSync(name: string, to: StorageFile, kind: AttributeKind): boolean {
    return this.#process.block(this.#attributeCopying(name, to, kind))
  }

  /** There where the disk has trips, as with the native addon. */
  replaceFiles?(files: readonly FileReplacement[], needsFullSync: boolean): Promise<ReplaceOutcome[]>

  sync(): Promise<boolean> {
    if (this.#isShut) return Promise.reject(systemError('EBADF', 'fsync'))
    return this.#process.issue(directorySyncOperation(this.#process, this.path, this.#node))
  }

  syncSync(): boolean {
    if (this.#isShut) throw systemError('EBADF', 'fsync')
    return this.#process.block(directorySyncOperation(this.#process, this.path, this.#node))
  }

  /** Takes no time, as with the real one. */
  // oxlint-disable-next-line typescript/require-await
  async close(): Promise<void> {
    this.closeSync()
  }

  closeSync(): void {
    if (!this.#description.isClosed) this.#process.closed(this.#description)
  }

  /** The dead have nothing open, and hear of their death. */
  get #isShut(): boolean {
    return this.#description.isClosed && this.#process.isAlive
  }

  #realPathFinding(): Operation<string> {
    return this.#operation('realPath', 'realpath', '.', () => this.#process.tree.pathOf(this.#node))
  }

  #opening(name: string, mode: OpenMode, permissions: number): Operation<StorageFile> {
    const process = this.#process
    return this.#operation('open', 'open', name, (at) => {
      process.checkOpenFiles(at.path)
      return openedFile(process, process.tree.open(at, mode, permissions), at.path, mode)
    })
  }

  #directoryOpening(name: string): Operation<StorageDirectory> {
    return this.#operation('openDirectory', 'open', name, (at) => SimDirectory.open(this.#process, at, at.path))
  }

  #statFinding(name: string): Operation<FileFacts | undefined> {
    return this.#operation('stat', 'lstat', name, (at) => {
      const node = this.#process.tree.statAt(at)
      return node && factsOf(this.#process, node)
    })
  }

  #listLooking(name: string): Operation<boolean> {
    const { tree, medium } = this.#process
    return this.#operation('hasAccessList', 'lgetxattr', name, (at) => {
      const node = tree.statAt(at)
      if (node === undefined) throw systemError('ENOENT', 'lgetxattr', at.path)
      const extended = extendedOf(node)
      return medium.rules.attributes && extended.has(name === '.' ? DEFAULT_LIST : ACCESS_LIST)
    })
  }

  #attributeCopying(name: string, file: StorageFile, kind: AttributeKind): Operation<boolean> {
    const { tree, medium } = this.#process
    const to = SimFile.descriptionOf(file)
    if (to === undefined) throw new TypeError('this file is none of a simulated disk')
    const work = (at: NameAt): boolean => {
      if (to.isClosed) throw systemError('EBADF', 'fsetxattr')
      if (medium.isReadOnly) throw systemError('EROFS', 'fsetxattr')
      if (!medium.rules.attributes) return false
      const { attributes } = to.node
      const { extended, areAll } = givenAttributes(attributes.now.extended, extendedOf(tree.statAt(at)), kind)
      attributes.set({ extended }, medium.now())
      return areAll
    }
    return this.#operation('copyAttributes', 'fsetxattr', name, work, to.path)
  }

  #linkReading(name: string): Operation<string> {
    return this.#operation('readLink', 'readlink', name, (at) => this.#process.tree.readLink(at))
  }

  #listing(): Operation<Listing> {
    return this.#operation('list', 'scandir', '.', () => {
      const entries = Array.from(this.#node.names, ([name, node]) => ({ name, kind: kindOf(node) }))
      return new SimListing(this.#process, this.path, entries)
    })
  }

  #renaming(name: string, to: StorageDirectory, toName: string): Operation<void> {
    if (!(to instanceof SimDirectory)) throw new TypeError('this directory is none of a simulated disk')
    const [from, target] = [this.#at(name), to.#at(toName)]
    const work = (): void => {
      if (to.#description.isClosed) throw systemError('EBADF', 'rename')
      this.#process.tree.rename(from, target)
    }
    return this.#operation('rename', 'rename', name, work, target.path)
  }

  #linking(name: string, toName: string): Operation<boolean> {
    const to = this.#at(toName)
    return this.#operation('link', 'link', name, (at) => this.#process.tree.link(at, to), to.path)
  }

  #making(name: string, permissions: number): Operation<void> {
    return this.#operation('makeDirectory', 'mkdir', name, (at) => this.#process.tree.makeDirectory(at, permissions))
  }

  #removing(name: string): Operation<void> {
    return this.#operation('removeDirectory', 'rmdir', name, (at) => this.#process.tree.removeDirectory(at))
  }

  #operation<Result>(
    kind: OperationKind,
    syscall: string,
    name: string,
    make: (at: NameAt) => Result,
    to?: string,
  ): Operation<Result> {
    const at = this.#at(name)
    const work = (): Result => {
      if (this.#description.isClosed) throw systemError('EBADF', syscall)
      return make(at)
    }
    return plainOperation(this.#process, { kind, syscall, path: at.path, ...(to !== undefined && { to }), work })
  }

  #at(name: string): NameAt {
    const path = name === '.' ? this.path : `${this.path === '/' ? '' : this.path}/${name}`
    return { directory: this.#node, name, path }
  }
}

const PERMISSIONS = 0o600
const DIRECTORY_PERMISSIONS = 0o777

/** The names as they were when it began. */
class SimListing implements Listing {
  readonly #process: SimProcess
  readonly #path: string
  readonly #entries: DirectoryEntry[]

  constructor(process: SimProcess, path: string, entries: DirectoryEntry[]) {
    this.#process = process
    this.#path = path
    this.#entries = entries
  }

  next(countMax: number): Promise<DirectoryEntry[]> {
    return this.#process.issue(this.#taking(countMax))
  }

  nextSync(countMax: number): DirectoryEntry[] {
    return this.#process.block(this.#taking(countMax))
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  closeSync(): void {}

  #taking(countMax: number): Operation<DirectoryEntry[]> {
    const work = (): DirectoryEntry[] => this.#entries.splice(0, countMax)
    return plainOperation(this.#process, { kind: 'list', syscall: 'scandir', path: this.#path, work })
  }
}

function extendedOf(node: Node | undefined): ReadonlyMap<string, string> {
  return node === undefined || node.kind === 'link' ? new Map() : node.attributes.now.extended
}

function kindOf({ kind }: Node): DirectoryEntry['kind'] {
  return kind
}
