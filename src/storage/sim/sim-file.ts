import type { FileFacts, LockAnswer, StorageFile } from '../storage.js'
import type { FileDescription } from './file-description.js'
import { checkPosition, ReadOperation, SyncOperation, WriteOperation } from './file-operations.js'
import { type Operation, PlainOperation } from './operation.js'
import { systemError } from './sim-errors.js'
import type { SimProcess } from './sim-process.js'

/** An open file of a simulated process. */
export class SimFile implements StorageFile {
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

  preallocate(position: number, length: number): Promise<boolean> {
    return this.#issue('fallocate', this.#preallocating(position, length))
  }

  preallocateSync(position: number, length: number): boolean {
    return this.#block('fallocate', this.#preallocating(position, length))
  }

  advise(position: number, length: number): Promise<boolean> {
    return this.#issue('posix_fadvise', this.#advising(position, length))
  }

  adviseSync(position: number, length: number): boolean {
    return this.#block('posix_fadvise', this.#advising(position, length))
  }

  lock(): Promise<LockAnswer> {
    return this.#issue('fcntl', this.#locking())
  }

  lockSync(): LockAnswer {
    return this.#block('fcntl', this.#locking())
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

  #preallocating(position: number, length: number): Operation<boolean> {
    const description = this.#description
    const work = (): boolean => {
      const node = description.fileToChange('fallocate', 'EBADF')
      if (!this.#process.medium.rules.preallocation) return false
      node.preallocate(checkPosition(position), checkPosition(length))
      return true
    }
    const { path } = description
    return new PlainOperation(this.#process, {
      kind: 'preallocate',
      syscall: 'fallocate',
      path,
      description,
      position,
      length,
      work,
    })
  }

  /** Nothing here is faster for it. */
  #advising(position: number, length: number): Operation<boolean> {
    const description = this.#description
    const work = (): boolean => {
      if (description.isClosed) throw systemError('EBADF', 'posix_fadvise')
      return true
    }
    const { path } = description
    return new PlainOperation(this.#process, {
      kind: 'advise',
      syscall: 'posix_fadvise',
      path,
      description,
      position,
      length,
      work,
    })
  }

  #locking(): Operation<LockAnswer> {
    const description = this.#description
    const work = (): LockAnswer => {
      const node = description.fileToChange('fcntl', 'EBADF')
      if (!this.#process.medium.rules.fileLocks) return { state: 'none', reason: 'ENOLCK: fcntl' }
      if (node.lockHolder !== undefined && node.lockHolder !== description) return { state: 'held' }
      node.lockHolder = description
      return { state: 'taken' }
    }
    const { path } = description
    return new PlainOperation(this.#process, { kind: 'lock', syscall: 'fcntl', path, description, work })
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

export function factsOf(process: SimProcess, node: FileDescription['node']): FileFacts {
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
