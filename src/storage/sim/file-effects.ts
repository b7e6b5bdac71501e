import { addressOf } from '../../platform/address.js'
import type { Attributes } from './attributes.js'
import type { DirectoryNode } from './directory-node.js'
import { createFate } from './fate.js'
import type { FileDescription } from './file-description.js'
import { copyOf } from './memory.js'
import { type Effect, Operation } from './operation.js'
import { systemError } from './sim-errors.js'
import type { SimProcess } from './sim-process.js'

export function readOperation(
  caller: SimProcess,
  file: FileDescription,
  target: Uint8Array,
  position: number,
): Operation<number> {
  const effect = new ReadEffect(file, target, position)
  return new Operation(caller, effect, 'read', file.path, file, position, target.length)
}

/** `isOwnSync`: what it has written is durable when it answers. */
export function writeOperation(
  caller: SimProcess,
  file: FileDescription,
  source: Uint8Array,
  position: number,
  isOwnSync: boolean = file.mode === 'direct-through',
): Operation<number> {
  const effect = new WriteEffect(file, source, position, isOwnSync)
  return new Operation(caller, effect, 'write', file.path, file, position, source.length)
}

export function syncOperation(caller: SimProcess, file: FileDescription, kind: 'dataSync' | 'sync'): Operation<void> {
  return new Operation(caller, new SyncEffect(file, kind), kind, file.path, file)
}

export function writebackOperation(
  caller: SimProcess,
  file: FileDescription,
  position: number,
  length: number,
): Operation<boolean> {
  return new Operation(caller, new WritebackEffect(file), 'startWriteback', file.path, file, position, length)
}

/** `node`: the directory that is open, whatever the path leads to. */
export function directorySyncOperation(caller: SimProcess, path: string, node?: DirectoryNode): Operation<boolean> {
  return new Operation(caller, new DirectorySyncEffect(node), 'syncDirectory', path)
}

class ReadEffect implements Effect<number> {
  readonly #file: FileDescription
  readonly #position: number
  /** Of the caller's own memory, which is another after `detach`. */
  readonly #address: number
  #target: Uint8Array

  constructor(file: FileDescription, target: Uint8Array, position: number) {
    this.#file = file
    this.#target = target
    this.#position = position
    this.#address = file.isDirect ? addressOf(target) : 0
  }

  isLong(): boolean {
    return false
  }

  begin(): void {}

  finish({ limit, caller }: Operation<number>): number {
    const position = checkPosition(this.#position)
    const { length } = this.#target
    this.#file.checkAlignment(this.#address, length, position, caller.medium.rules.sectorBytes, 'read')
    const target = limit < length ? this.#target.subarray(0, limit) : this.#target
    return this.#file.fileToRead().read(target, position)
  }

  fail(code: string): Error {
    return systemError(code, 'read')
  }

  detach(): void {
    this.#target = new Uint8Array(this.#target.length)
  }
}

export class WriteEffect implements Effect<number> {
  readonly #file: FileDescription
  readonly #position: number
  /** Of the caller's own memory, which is another after `detach`. */
  readonly #address: number
  readonly #isOwnSync: boolean
  #source: Uint8Array
  #written = 0

  constructor(file: FileDescription, source: Uint8Array, position: number, isOwnSync: boolean) {
    this.#file = file
    this.#source = source
    this.#position = position
    this.#address = file.isDirect ? addressOf(source) : 0
    this.#isOwnSync = isOwnSync
  }

  get source(): Uint8Array {
    return this.#source
  }

  isLong(isTorn: boolean): boolean {
    return isTorn
  }

  /** Writes the first part, if it is to take effect in two: they meet where sectors do, for these are written whole. */
  begin(operation: Operation<number>): void {
    if (!operation.isTorn) return
    const { choices, rules } = operation.caller.medium
    const { sectorBytes } = rules
    const position = checkPosition(this.#position)
    const toBoundary = sectorBytes - (position % sectorBytes)
    const boundaries = Math.max(0, Math.ceil((this.#source.length - toBoundary) / sectorBytes))
    if (boundaries > 0) this.#write(toBoundary + choices.below(boundaries) * sectorBytes, operation)
  }

  finish(operation: Operation<number>): number {
    this.#write(this.#source.length, operation)
    if (this.#written === 0 && this.#source.length > 0 && operation.limit > 0) throw systemError('ENOSPC', 'write')
    if (this.#isOwnSync) {
      this.#file.fileToChange('write', 'EBADF').persistBytes(checkPosition(this.#position), this.#written)
    }
    return this.#written
  }

  fail(code: string): Error {
    return systemError(code, 'write')
  }

  detach(): void {
    this.#source = copyOf(this.#source)
  }

  #write(end: number, { limit: asked, caller }: Operation<number>): void {
    const position = checkPosition(this.#position)
    const file = this.#file.fileToChange('write', 'EBADF')
    if (position + this.#source.length > Number.MAX_SAFE_INTEGER) throw systemError('EFBIG', 'write')
    const { sectorBytes } = caller.medium.rules
    this.#file.checkAlignment(this.#address, this.#source.length, position, sectorBytes, 'write')
    const limit = this.#file.isDirect ? asked - (asked % sectorBytes) : asked
    const stop = Math.min(end, Number.isNaN(limit) ? Infinity : limit)
    const isWhole = this.#written === 0 && stop === this.#source.length
    const source = isWhole ? this.#source : this.#source.subarray(this.#written, stop)
    if (source.length > 0) this.#written += file.write(source, position + this.#written)
  }
}

/** Those with which a sync says that data could not be written; others, as EINTR, come before it has begun. */
const WRITEBACK_ERRORS: ReadonlySet<string> = new Set(['EIO', 'ENOSPC', 'EDQUOT'])

class SyncEffect implements Effect<void> {
  readonly #file: FileDescription
  readonly #syscall: 'fdatasync' | 'fsync'
  /** The last change before it began: it covers no later one. */
  #sequence = 0
  #attributes: Attributes | undefined

  constructor(file: FileDescription, kind: 'dataSync' | 'sync') {
    this.#file = file
    this.#syscall = kind === 'sync' ? 'fsync' : 'fdatasync'
  }

  isLong(): boolean {
    return true
  }

  begin(): void {
    this.#sequence = this.#file.node.sequence
    this.#attributes = this.#file.node.attributes.now
  }

  finish({ isLie }: Operation<void>): void {
    if (this.#file.isClosed) throw systemError('EBADF', this.#syscall)
    if (this.#file.takeError()) throw systemError('EIO', this.#syscall)
    if (isLie) return
    this.#file.node.persist(this.#sequence)
    if (this.#syscall === 'fsync') this.#file.node.attributes.persist(this.#attributes)
  }

  fail(code: string, { caller }: Operation<void>): Error {
    const { node } = this.#file
    if (node.kind === 'file' && WRITEBACK_ERRORS.has(code)) {
      node.failWriteback(this.#sequence, createFate(caller.medium.choices))
      this.#file.takeError()
    }
    return systemError(code, this.#syscall)
  }

  detach(): void {}
}

/** Nothing here is faster for it. But it can fail, as where ext4 finds no blocks: no sync hears of what it has lost. */
class WritebackEffect implements Effect<boolean> {
  readonly #file: FileDescription

  constructor(file: FileDescription) {
    this.#file = file
  }

  isLong(): boolean {
    return false
  }

  begin(): void {}

  finish(): boolean {
    if (this.#file.isClosed) throw systemError('EBADF', 'sync_file_range')
    return true
  }

  fail(code: string, { caller }: Operation<boolean>): Error {
    const { node } = this.#file
    if (node.kind === 'file' && WRITEBACK_ERRORS.has(code)) {
      node.loseUnsynced(node.sequence, createFate(caller.medium.choices))
    }
    return systemError(code, 'sync_file_range')
  }

  detach(): void {}
}

class DirectorySyncEffect implements Effect<boolean> {
  #node: DirectoryNode | undefined
  #sequence = 0

  constructor(node: DirectoryNode | undefined) {
    this.#node = node
  }

  isLong(): boolean {
    return true
  }

  begin({ caller, path }: Operation<boolean>): void {
    this.#node ??= caller.tree.directory(path)
    this.#sequence = this.#node.sequence
  }

  finish({ caller, isLie }: Operation<boolean>): boolean {
    if (!caller.medium.rules.directorySync) return false
    if (!isLie) this.#node?.persist(this.#sequence)
    return true
  }

  fail(code: string): Error {
    return systemError(code, 'fsync')
  }

  detach(): void {}
}

/** Node refuses other positions, and a fraction or a NaN among them is a bug worth hearing of. */
export function checkPosition(position: number | undefined): number {
  if (position !== undefined && Number.isSafeInteger(position) && position >= 0) return position
  throw new RangeError(`a position in a file must be an integer from 0 to 2^53 - 1, and this is ${position}`)
}
