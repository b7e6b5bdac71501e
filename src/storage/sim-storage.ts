import { FileDescription } from './sim/file-description.js'
import { checkPosition, DirectorySyncEffect, ReadEffect, SyncEffect, WriteEffect } from './sim/file-effects.js'
import { type Effect, Operation, type OperationKind, PlainEffect } from './sim/operation.js'
import { systemError } from './sim/sim-errors.js'
import type { SimProcess } from './sim/sim-process.js'
import type { Clock, FileFacts, OpenMode, Owners, Storage, StorageFile } from './storage.js'

/**
 * What one simulated process sees of a simulated disk (`SimDisk.process`). Waiting calls take effect some time after they
 * were made, in an order that the disk's seed decides; blocking calls at once, though waiting ones can slip in before.
 */
export class SimStorage implements Storage {
  readonly engine = 'simulated'
  readonly clock: Clock
  readonly owners: Owners
  readonly #process: SimProcess

  constructor(process: SimProcess) {
    this.#process = process
    this.clock = process.clock
    this.owners = process.owners
  }

  open(path: string, mode: OpenMode, permissions: number = PERMISSIONS): Promise<StorageFile> {
    return this.#process.issue(this.#opening(path, mode, permissions))
  }

  openSync(path: string, mode: OpenMode, permissions: number = PERMISSIONS): StorageFile {
    return this.#process.block(this.#opening(path, mode, permissions))
  }

  realPath(path: string): Promise<string> {
    return this.#process.issue(this.#realPathFinding(path))
  }

  realPathSync(path: string): string {
    return this.#process.block(this.#realPathFinding(path))
  }

  stat(path: string): Promise<FileFacts | undefined> {
    return this.#process.issue(this.#statFinding(path))
  }

  statSync(path: string): FileFacts | undefined {
    return this.#process.block(this.#statFinding(path))
  }

  list(directory: string): Promise<string[]> {
    return this.#process.issue(this.#listing(directory))
  }

  listSync(directory: string): string[] {
    return this.#process.block(this.#listing(directory))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#process.issue(this.#renaming(from, to))
  }

  renameSync(from: string, to: string): void {
    this.#process.block(this.#renaming(from, to))
  }

  link(from: string, to: string): Promise<void> {
    return this.#process.issue(this.#linking(from, to))
  }

  linkSync(from: string, to: string): void {
    this.#process.block(this.#linking(from, to))
  }

  unlink(path: string): Promise<void> {
    return this.#process.issue(this.#unlinking(path))
  }

  unlinkSync(path: string): void {
    this.#process.block(this.#unlinking(path))
  }

  syncDirectory(path: string): Promise<boolean> {
    return this.#process.issue(this.#syncing(path))
  }

  syncDirectorySync(path: string): boolean {
    return this.#process.block(this.#syncing(path))
  }

  #opening(path: string, mode: OpenMode, permissions: number): Operation<StorageFile> {
    return new Operation(this.#process, new OpenEffect(mode, permissions), 'open', path)
  }

  #realPathFinding(path: string): Operation<string> {
    return new Operation(this.#process, REAL_PATH, 'realPath', path)
  }

  #statFinding(path: string): Operation<FileFacts | undefined> {
    return new Operation(this.#process, STAT, 'stat', path)
  }

  #listing(path: string): Operation<string[]> {
    return new Operation(this.#process, LIST, 'list', path)
  }

  #renaming(path: string, to: string): Operation<void> {
    return new Operation(this.#process, RENAME, 'rename', path, undefined, undefined, undefined, to)
  }

  #linking(path: string, to: string): Operation<void> {
    return new Operation(this.#process, LINK, 'link', path, undefined, undefined, undefined, to)
  }

  #unlinking(path: string): Operation<void> {
    return new Operation(this.#process, UNLINK, 'unlink', path)
  }

  #syncing(path: string): Operation<boolean> {
    return new Operation(this.#process, new DirectorySyncEffect(), 'syncDirectory', path)
  }
}

const REAL_PATH = new PlainEffect<string>('realpath', ({ caller, path }) => caller.tree.realPath(path))
const LIST = new PlainEffect<string[]>('scandir', ({ caller, path }) => caller.tree.list(path))
const RENAME = new PlainEffect<void>('rename', ({ caller, path, to }) => caller.tree.rename(path, to as string))
const LINK = new PlainEffect<void>('link', ({ caller, path, to }) => caller.tree.link(path, to as string))
const UNLINK = new PlainEffect<void>('unlink', ({ caller, path }) => caller.tree.unlink(path))
const STAT = new PlainEffect<FileFacts | undefined>('stat', ({ caller, path }) => {
  const node = caller.tree.stat(path)
  return node && factsOf(caller, node)
})

const PERMISSIONS = 0o600

class OpenEffect extends PlainEffect<StorageFile> {
  constructor(mode: OpenMode, permissions: number) {
    super('open', ({ caller, path }) => {
      caller.checkOpenFiles(path)
      const node = caller.tree.open(path, mode, permissions)
      return new SimFile(caller, caller.opened(new FileDescription(node, path, mode)))
    })
  }
}

class SimFile implements StorageFile {
  readonly #process: SimProcess
  readonly #description: FileDescription
  #isClosed = false

  constructor(process: SimProcess, description: FileDescription) {
    this.#process = process
    this.#description = description
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#issue('read', this.#reading(target, position))
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#block('read', this.#reading(target, position))
  }

  write(source: Uint8Array, position: number): Promise<number> {
    return this.#issue('write', this.#writing(source, position))
  }

  writeSync(source: Uint8Array, position: number): number {
    return this.#block('write', this.#writing(source, position))
  }

  dataSync(): Promise<void> {
    return this.#issue('fdatasync', this.#syncing('dataSync'))
  }

  dataSyncSync(): void {
    this.#block('fdatasync', this.#syncing('dataSync'))
  }

  sync(): Promise<void> {
    return this.#issue('fsync', this.#syncing('sync'))
  }

  syncSync(): void {
    this.#block('fsync', this.#syncing('sync'))
  }

  truncate(size: number): Promise<void> {
    return this.#issue('ftruncate', this.#truncating(size))
  }

  truncateSync(size: number): void {
    this.#block('ftruncate', this.#truncating(size))
  }

  stat(): Promise<FileFacts> {
    return this.#issue('fstat', this.#statFinding())
  }

  statSync(): FileFacts {
    return this.#block('fstat', this.#statFinding())
  }

  /** A second close does nothing. */
  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    return this.#process.issue(this.#closing())
  }

  closeSync(): void {
    if (!this.#isClosed) this.#process.block(this.#closing())
  }

  #issue<Result>(syscall: string, operation: Operation<Result>): Promise<Result> {
    return this.#isClosed ? Promise.reject(systemError('EBADF', syscall)) : this.#process.issue(operation)
  }

  #block<Result>(syscall: string, operation: Operation<Result>): Result {
    if (this.#isClosed) throw systemError('EBADF', syscall)
    return this.#process.block(operation)
  }

  #truncating(size: number): Operation<void> {
    return this.#operation('truncate', TRUNCATE, undefined, size)
  }

  #statFinding(): Operation<FileFacts> {
    return this.#operation('stat', FSTAT)
  }

  #closing(): Operation<void> {
    this.#isClosed = true
    this.#process.closing(this.#description)
    return this.#operation('close', CLOSE)
  }

  #reading(target: Uint8Array, position: number): Operation<number> {
    return this.#operation('read', new ReadEffect(this.#description, target, position), position, target.length)
  }

  #writing(source: Uint8Array, position: number): Operation<number> {
    return this.#operation('write', new WriteEffect(this.#description, source, position), position, source.length)
  }

  #syncing(kind: 'dataSync' | 'sync'): Operation<void> {
    return this.#operation(kind, new SyncEffect(this.#description, kind === 'sync' ? 'fsync' : 'fdatasync'))
  }

  #operation<Result>(
    kind: OperationKind,
    effect: Effect<Result>,
    position?: number,
    length?: number,
  ): Operation<Result> {
    const description = this.#description
    return new Operation(this.#process, effect, kind, description.path, description, position, length)
  }
}

const TRUNCATE = new PlainEffect<void>('ftruncate', (operation) => {
  descriptionOf(operation).fileToChange('ftruncate', 'EINVAL').truncate(checkPosition(operation.length))
})
const FSTAT = new PlainEffect<FileFacts>('fstat', (operation) => {
  const { isClosed, node } = descriptionOf(operation)
  if (isClosed) throw systemError('EBADF', 'fstat')
  return factsOf(operation.caller, node)
})
const CLOSE = new PlainEffect<void>('close', (operation) => operation.caller.closed(descriptionOf(operation)))

function descriptionOf({ description }: { readonly description: FileDescription | undefined }): FileDescription {
  return description as FileDescription
}

function factsOf(process: SimProcess, node: FileDescription['node']): FileFacts {
  const { kind, identity, size } = node
  return {
    isFile: kind === 'file',
    size,
    links: node.kind === 'file' ? node.links : 1,
    device: process.device,
    inode: BigInt(identity.inode),
    birthTime: BigInt(identity.birthTimeUs) * 1000n,
  }
}
