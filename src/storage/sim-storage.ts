import { FileDescription } from './sim/file-description.js'
import {
  checkPosition,
  DirectorySyncOperation,
  ReadOperation,
  SyncOperation,
  WriteOperation,
} from './sim/file-operations.js'
import { PlainOperation, type Operation } from './sim/operation.js'
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
    return this.#process.issue(new DirectorySyncOperation(this.#process, path))
  }

  syncDirectorySync(path: string): boolean {
    return this.#process.block(new DirectorySyncOperation(this.#process, path))
  }

  #opening(path: string, mode: OpenMode, permissions: number): Operation<StorageFile> {
    const process = this.#process
    const work = (): SimFile => {
      process.checkOpenFiles(path)
      const node = process.tree.open(path, mode, permissions)
      return new SimFile(process, process.opened(new FileDescription(node, path, mode)))
    }
    return new PlainOperation(process, { kind: 'open', syscall: 'open', path, work })
  }

  #realPathFinding(path: string): Operation<string> {
    const work = (): string => this.#process.tree.realPath(path)
    return new PlainOperation(this.#process, { kind: 'realPath', syscall: 'realpath', path, work })
  }

  #statFinding(path: string): Operation<FileFacts | undefined> {
    const work = (): FileFacts | undefined => {
      const node = this.#process.tree.stat(path)
      return node && factsOf(this.#process, node)
    }
    return new PlainOperation(this.#process, { kind: 'stat', syscall: 'stat', path, work })
  }

  #listing(path: string): Operation<string[]> {
    const work = (): string[] => this.#process.tree.list(path)
    return new PlainOperation(this.#process, { kind: 'list', syscall: 'scandir', path, work })
  }

  #renaming(path: string, to: string): Operation<void> {
    const work = (): void => this.#process.tree.rename(path, to)
    return new PlainOperation(this.#process, { kind: 'rename', syscall: 'rename', path, to, work })
  }

  #linking(path: string, to: string): Operation<void> {
    const work = (): void => this.#process.tree.link(path, to)
    return new PlainOperation(this.#process, { kind: 'link', syscall: 'link', path, to, work })
  }

  #unlinking(path: string): Operation<void> {
    const work = (): void => this.#process.tree.unlink(path)
    return new PlainOperation(this.#process, { kind: 'unlink', syscall: 'unlink', path, work })
  }
}

const PERMISSIONS = 0o600

class SimFile implements StorageFile {
  readonly #process: SimProcess
  readonly #description: FileDescription
  #isClosed = false

  constructor(process: SimProcess, description: FileDescription) {
    this.#process = process
    this.#description = description
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return this.#issue('read', new ReadOperation(this.#process, this.#description, target, position))
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#block('read', new ReadOperation(this.#process, this.#description, target, position))
  }

  write(source: Uint8Array, position: number): Promise<number> {
    return this.#issue('write', new WriteOperation(this.#process, this.#description, source, position))
  }

  writeSync(source: Uint8Array, position: number): number {
    return this.#block('write', new WriteOperation(this.#process, this.#description, source, position))
  }

  dataSync(): Promise<void> {
    return this.#issue('fdatasync', new SyncOperation(this.#process, this.#description, 'dataSync'))
  }

  dataSyncSync(): void {
    this.#block('fdatasync', new SyncOperation(this.#process, this.#description, 'dataSync'))
  }

  sync(): Promise<void> {
    return this.#issue('fsync', new SyncOperation(this.#process, this.#description, 'sync'))
  }

  syncSync(): void {
    this.#block('fsync', new SyncOperation(this.#process, this.#description, 'sync'))
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
    const description = this.#description
    const work = (): void => description.fileToChange('ftruncate', 'EINVAL').truncate(checkPosition(size))
    const { path } = description
    return new PlainOperation(this.#process, {
      kind: 'truncate',
      syscall: 'ftruncate',
      path,
      description,
      length: size,
      work,
    })
  }

  #statFinding(): Operation<FileFacts> {
    const description = this.#description
    const work = (): FileFacts => {
      if (description.isClosed) throw systemError('EBADF', 'fstat')
      return factsOf(this.#process, description.node)
    }
    return new PlainOperation(this.#process, {
      kind: 'stat',
      syscall: 'fstat',
      path: description.path,
      description,
      work,
    })
  }

  #closing(): Operation<void> {
    const description = this.#description
    this.#isClosed = true
    this.#process.closing(description)
    const work = (): void => this.#process.closed(description)
    return new PlainOperation(this.#process, {
      kind: 'close',
      syscall: 'close',
      path: description.path,
      description,
      work,
    })
  }
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
