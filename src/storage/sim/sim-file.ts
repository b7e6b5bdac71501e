import type { FileFacts, LockAnswer, StorageFile } from '../storage.js'
import { type Attributes, initialAttributes, SIM_USER } from './attributes.js'
import type { Node } from './directory-node.js'
import type { FileDescription } from './file-description.js'
import { checkPosition, readOperation, syncOperation, writeOperation } from './file-effects.js'
import type { FileNode } from './file-node.js'
import { type Effect, Operation, type OperationKind, PlainEffect, plainOperation } from './operation.js'
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
    return this.#issue('read', readOperation(this.#process, this.#description, target, position))
  }

  readSync(target: Uint8Array, position: number): number {
    return this.#block('read', readOperation(this.#process, this.#description, target, position))
  }

  write(source: Uint8Array, position: number): Promise<number> {
    return this.#issue('write', writeOperation(this.#process, this.#description, source, position))
  }

  writeSync(source: Uint8Array, position: number): number {
    return this.#block('write', writeOperation(this.#process, this.#description, source, position))
  }

  append(source: Uint8Array): Promise<number> {
    return this.#issue('write', this.#appending(source))
  }

  appendSync(source: Uint8Array): number {
    return this.#block('write', this.#appending(source))
  }

  dataSync(): Promise<void> {
    return this.#issue('fdatasync', syncOperation(this.#process, this.#description, 'dataSync'))
  }

  dataSyncSync(): void {
    this.#block('fdatasync', syncOperation(this.#process, this.#description, 'dataSync'))
  }

  sync(): Promise<void> {
    return this.#issue('fsync', syncOperation(this.#process, this.#description, 'sync'))
  }

  syncSync(): void {
    this.#block('fsync', syncOperation(this.#process, this.#description, 'sync'))
  }

  directAlignment(): number {
    return this.#process.medium.rules.sectorBytes
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

  setPermissions(permissions: number): Promise<void> {
    return this.#issue('fchmod', this.#setting('setPermissions', 'fchmod', { permissions }))
  }

  setPermissionsSync(permissions: number): void {
    this.#block('fchmod', this.#setting('setPermissions', 'fchmod', { permissions }))
  }

  setOwner(user: number, group: number): Promise<void> {
    return this.#issue('fchown', this.#setting('setOwner', 'fchown', { user, group }))
  }

  setOwnerSync(user: number, group: number): void {
    this.#block('fchown', this.#setting('setOwner', 'fchown', { user, group }))
  }

  setTimes(accessTime: bigint, modificationTime: bigint): Promise<void> {
    return this.#issue('futime', this.#setting('setTimes', 'futime', timesOf(accessTime, modificationTime)))
  }

  setTimesSync(accessTime: bigint, modificationTime: bigint): void {
    this.#block('futime', this.#setting('setTimes', 'futime', timesOf(accessTime, modificationTime)))
  }

  cloneFrom(source: StorageFile): Promise<boolean> {
    return this.#issue('ioctl', this.#cloning(source))
  }

  cloneFromSync(source: StorageFile): boolean {
    return this.#block('ioctl', this.#cloning(source))
  }

  copyFrom(source: StorageFile, sourcePosition: number, position: number, length: number): Promise<number | undefined> {
    return this.#issue('copy_file_range', this.#copying(source, sourcePosition, position, length))
  }

  copyFromSync(source: StorageFile, sourcePosition: number, position: number, length: number): number | undefined {
    return this.#block('copy_file_range', this.#copying(source, sourcePosition, position, length))
  }

  punchHole(position: number, length: number): Promise<boolean> {
    return this.#issue('fallocate', this.#punching(position, length))
  }

  punchHoleSync(position: number, length: number): boolean {
    return this.#block('fallocate', this.#punching(position, length))
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
    return this.#operation('truncate', TRUNCATE, size)
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
    return plainOperation(this.#process, {
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
    return new Operation(this.#process, ADVISE, 'advise', this.#description.path, this.#description, position, length)
  }

  #locking(): Operation<LockAnswer> {
    return this.#operation('lock', LOCK)
  }

  #statFinding(): Operation<FileFacts> {
    return this.#operation('stat', STAT)
  }

  #setting(kind: OperationKind, syscall: string, changes: Partial<Attributes>): Operation<void> {
    const description = this.#description
    const work = (): void => {
      if (description.isClosed) throw systemError('EBADF', syscall)
      if (this.#process.medium.isReadOnly) throw systemError('EROFS', syscall)
      if (changes.user !== undefined && changes.user !== SIM_USER) throw systemError('EPERM', syscall)
      description.node.attributes.set(changes, this.#process.medium.now())
    }
    return plainOperation(this.#process, { kind, syscall, path: description.path, description, work })
  }

  #cloning(source: StorageFile): Operation<boolean> {
    const { medium } = this.#process
    const from = sourceOf(source)
    return this.#changing('clone', 'ioctl', from, undefined, (file) => {
      if (!medium.rules.reflinks) return false
      const bytes = new Uint8Array(from.node.size)
      from.fileToRead().read(bytes, 0)
      file.truncate(0)
      if (bytes.length > 0 && file.write(bytes, 0) < bytes.length) throw systemError('ENOSPC', 'ioctl')
      return true
    })
  }

  #copying(
    source: StorageFile,
    sourcePosition: number,
    position: number,
    length: number,
  ): Operation<number | undefined> {
    const { medium } = this.#process
    const from = sourceOf(source)
    return this.#changing('copy', 'copy_file_range', from, length, (file) => {
      if (!medium.rules.kernelCopies) return undefined
      const bytes = new Uint8Array(Math.max(0, Math.min(length, from.node.size - sourcePosition)))
      from.fileToRead().read(bytes, checkPosition(sourcePosition))
      if (bytes.length === 0) return 0
      const count = file.write(bytes, checkPosition(position))
      if (count === 0) throw systemError('ENOSPC', 'copy_file_range')
      return count
    })
  }

  #appending(source: Uint8Array): Operation<number> {
    return this.#changing('append', 'write', undefined, source.length, (file, limit) => {
      const count = file.write(limit < source.length ? source.subarray(0, limit) : source, file.size)
      if (count === 0 && source.length > 0 && limit > 0) throw systemError('ENOSPC', 'write')
      return count
    })
  }

  #punching(position: number, length: number): Operation<boolean> {
    const { medium } = this.#process
    return this.#changing('punchHole', 'fallocate', undefined, length, (file) => {
      if (medium.rules.holes) file.punchHole(checkPosition(position), length)
      return medium.rules.holes
    })
  }

  /** What changes the content of the file, all at once. */
  #changing<Result>(
    kind: OperationKind,
    syscall: string,
    from: FileDescription | undefined,
    length: number | undefined,
    change: (file: FileNode, limit: number) => Result,
  ): Operation<Result> {
    const description = this.#description
    const work = (): Result => change(description.fileToChange(syscall, 'EBADF'), operation.limit)
    const facts = { ...(from && { to: from.path }), ...(length !== undefined && { length }) }
    const spec = { kind, syscall, path: description.path, description, ...facts, work }
    const operation: Operation<Result> = plainOperation(this.#process, spec)
    return operation
  }

  /** What file calls of the same process know another file of theirs by. */
  static descriptionOf(file: StorageFile): FileDescription | undefined {
    return file instanceof SimFile ? file.#description : undefined
  }

  #closing(): Operation<void> {
    this.#isClosed = true
    this.#process.closing(this.#description)
    return this.#operation('close', CLOSE)
  }

  #operation<Result>(kind: OperationKind, effect: Effect<Result>, length?: number): Operation<Result> {
    const description = this.#description
    return new Operation(this.#process, effect, kind, description.path, description, undefined, length)
  }
}

// The calls of which a journal makes many: one effect serves them all.
const TRUNCATE = new PlainEffect<void>('ftruncate', ({ description, length }) => {
  description?.fileToChange('ftruncate', 'EINVAL').truncate(checkPosition(length))
})
const ADVISE = new PlainEffect<boolean>('posix_fadvise', ({ description }) => {
  if (description === undefined || description.isClosed) throw systemError('EBADF', 'posix_fadvise')
  return true
})
const LOCK = new PlainEffect<LockAnswer>('fcntl', ({ caller, description }) => {
  const node = description?.fileToChange('fcntl', 'EBADF')
  if (node === undefined || !caller.medium.rules.fileLocks) return { state: 'none', reason: 'ENOLCK: fcntl' }
  if (node.lockHolder !== undefined && node.lockHolder !== description) return { state: 'held' }
  node.lockHolder = description
  return { state: 'taken' }
})
const STAT = new PlainEffect<FileFacts>('fstat', ({ caller, description }) => {
  if (description === undefined || description.isClosed) throw systemError('EBADF', 'fstat')
  return factsOf(caller, description.node)
})
const CLOSE = new PlainEffect<void>('close', ({ caller, description }) => {
  if (description !== undefined) caller.closed(description)
})

/** What `stat` says of it. */
export function factsOf(process: SimProcess, node: Node): FileFacts {
  const { kind, identity } = node
  const { permissions, user, group, accessTime, modificationTime, changeTime } =
    kind === 'link' ? initialAttributes(0o777, identity) : node.attributes.now
  return {
    isFile: kind === 'file',
    isDirectory: kind === 'directory',
    isLink: kind === 'link',
    size: kind === 'link' ? node.target.length : node.size,
    permissions,
    user,
    group,
    accessTime,
    modificationTime,
    changeTime,
    links: kind === 'directory' ? 1 : node.links,
    device: process.device,
    inode: identity.inode,
    birthTime: identity.birthTime,
  }
}

function sourceOf(file: StorageFile): FileDescription {
  const description = SimFile.descriptionOf(file)
  if (description === undefined) throw new TypeError('this file is none of a simulated disk')
  return description
}

function timesOf(accessTime: bigint, modificationTime: bigint): Partial<Attributes> {
  return { accessTime: inMicroseconds(accessTime), modificationTime: inMicroseconds(modificationTime) }
}

function inMicroseconds(time: bigint): bigint {
  return (time / 1000n) * 1000n
}
