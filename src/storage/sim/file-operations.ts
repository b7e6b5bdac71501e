import type { Attributes } from './attributes.js'
import type { DirectoryNode } from './directory-node.js'
import { createFate } from './fate.js'
import type { FileDescription } from './file-description.js'
import { copyOf } from './memory.js'
import { Operation } from './operation.js'
import { systemError } from './sim-errors.js'
import type { SimProcess } from './sim-process.js'

export class ReadOperation extends Operation<number> {
  readonly kind = 'read'
  readonly #file: FileDescription
  #target: Uint8Array

  constructor(caller: SimProcess, file: FileDescription, target: Uint8Array, position: number) {
    super(caller, file.path, file, position, target.length)
    this.#file = file
    this.#target = target
  }

  finish(): number {
    const position = checkPosition(this.position)
    this.#file.checkAlignment(this.#target, position, this.caller.medium.rules.sectorBytes, 'read')
    const target = this.limit < this.#target.length ? this.#target.subarray(0, this.limit) : this.#target
    return this.#file.fileToRead().read(target, position)
  }

  fail(code: string): Error {
    return systemError(code, 'read')
  }

  override detach(): void {
    this.#target = new Uint8Array(this.#target.length)
  }
}

export class WriteOperation extends Operation<number> {
  readonly kind = 'write'
  readonly #file: FileDescription
  #source: Uint8Array
  #written = 0

  constructor(caller: SimProcess, file: FileDescription, source: Uint8Array, position: number) {
    super(caller, file.path, file, position, source.length)
    this.#file = file
    this.#source = source
  }

  get source(): Uint8Array {
    return this.#source
  }

  override get isLong(): boolean {
    return this.isTorn
  }

  /** Writes the first part, if it is to take effect in two: they meet where sectors do, for these are written whole. */
  override begin(): void {
    if (!this.isTorn) return
    const { choices, rules } = this.caller.medium
    const { sectorBytes } = rules
    const position = checkPosition(this.position)
    const toBoundary = sectorBytes - (position % sectorBytes)
    const boundaries = Math.max(0, Math.ceil((this.#source.length - toBoundary) / sectorBytes))
    if (boundaries > 0) this.#write(toBoundary + choices.below(boundaries) * sectorBytes)
  }

  finish(): number {
    this.#write(this.#source.length)
    if (this.#written === 0 && this.#source.length > 0 && this.limit > 0) throw systemError('ENOSPC', 'write')
    if (this.#file.mode === 'direct-through') {
      this.#file.fileToChange('write', 'EBADF').persistBytes(checkPosition(this.position), this.#written)
    }
    return this.#written
  }

  fail(code: string): Error {
    return systemError(code, 'write')
  }

  override detach(): void {
    this.#source = copyOf(this.#source)
  }

  #write(end: number): void {
    const position = checkPosition(this.position)
    const file = this.#file.fileToChange('write', 'EBADF')
    if (position + this.#source.length > Number.MAX_SAFE_INTEGER) throw systemError('EFBIG', 'write')
    const { sectorBytes } = this.caller.medium.rules
    this.#file.checkAlignment(this.#source, position, sectorBytes, 'write')
    const limit = this.#file.isDirect ? this.limit - (this.limit % sectorBytes) : this.limit
    const stop = Math.min(end, Number.isNaN(limit) ? Infinity : limit)
    const isWhole = this.#written === 0 && stop === this.#source.length
    const source = isWhole ? this.#source : this.#source.subarray(this.#written, stop)
    if (source.length > 0) this.#written += file.write(source, position + this.#written)
  }
}

/** Those with which a sync says that data could not be written; others, as EINTR, come before it has begun. */
const WRITEBACK_ERRORS: ReadonlySet<string> = new Set(['EIO', 'ENOSPC', 'EDQUOT'])

export class SyncOperation extends Operation<void> {
  readonly kind: 'dataSync' | 'sync'
  readonly #file: FileDescription
  /** The last change before it began: it covers no later one. */
  #sequence = 0
  #attributes: Attributes | undefined

  constructor(caller: SimProcess, file: FileDescription, kind: 'dataSync' | 'sync') {
    super(caller, file.path, file)
    this.#file = file
    this.kind = kind
  }

  override get isLong(): boolean {
    return true
  }

  override begin(): void {
    this.#sequence = this.#file.node.sequence
    this.#attributes = this.#file.node.attributes.now
  }

  finish(): void {
    if (this.#file.isClosed) throw this.#error('EBADF')
    if (this.#file.takeError()) throw this.#error('EIO')
    if (this.isLie) return
    this.#file.node.persist(this.#sequence)
    if (this.kind === 'sync') this.#file.node.attributes.persist(this.#attributes)
  }

  fail(code: string): Error {
    const { node } = this.#file
    if (node.kind === 'file' && WRITEBACK_ERRORS.has(code)) {
      node.failWriteback(this.#sequence, createFate(this.caller.medium.choices))
      this.#file.takeError()
    }
    return this.#error(code)
  }

  #error(code: string): Error {
    return systemError(code, this.kind === 'sync' ? 'fsync' : 'fdatasync')
  }
}

export class DirectorySyncOperation extends Operation<boolean> {
  readonly kind = 'syncDirectory'
  #node: DirectoryNode | undefined
  #sequence = 0

  /** `node`: the directory that is open, whatever the path leads to. */
  constructor(caller: SimProcess, path: string, node?: DirectoryNode) {
    super(caller, path)
    this.#node = node
  }

  override get isLong(): boolean {
    return true
  }

  override begin(): void {
    this.#node ??= this.caller.tree.directory(this.path)
    this.#sequence = this.#node.sequence
  }

  finish(): boolean {
    if (!this.caller.medium.rules.directorySync) return false
    if (!this.isLie) this.#node?.persist(this.#sequence)
    return true
  }

  fail(code: string): Error {
    return systemError(code, 'fsync')
  }
}

/** Node refuses other positions, and a fraction or a NaN among them is a bug worth hearing of. */
export function checkPosition(position: number | undefined): number {
  if (position !== undefined && Number.isSafeInteger(position) && position >= 0) return position
  throw new RangeError(`a position in a file must be an integer from 0 to 2^53 - 1, and this is ${position}`)
}
