import type { Owner } from '../storage.js'
import type { FileDescription } from './file-description.js'
import { systemError } from './sim-errors.js'
import type { SimProcess } from './sim-process.js'

export type OperationKind =
  | 'open'
  | 'read'
  | 'write'
  | 'dataSync'
  | 'sync'
  | 'truncate'
  | 'stat'
  | 'close'
  | 'realPath'
  | 'list'
  | 'rename'
  | 'link'
  | 'unlink'
  | 'syncDirectory'
  | 'openDirectory'
  | 'makeDirectory'
  | 'removeDirectory'
  | 'readLink'
  | 'setPermissions'
  | 'setOwner'
  | 'setTimes'
  | 'clone'
  | 'copy'
  | 'punchHole'
  | 'append'

/** What fault hooks and traces are told about an operation. */
export interface OperationFacts {
  /** Its number on this disk, from 0, in the order in which operations begin to take effect. */
  readonly index: number
  readonly kind: OperationKind
  /** The path it was called with, or by which its file was opened. */
  readonly path: string
  /** The second path of `rename` and `link`; where `clone` and `copy` take from. */
  readonly to: string | undefined
  readonly position: number | undefined
  /** The bytes to read or write, or the size to truncate to. */
  readonly length: number | undefined
  readonly isBlocking: boolean
  readonly process: Owner
}

/**
 * Waiting calls are `issued`, have `begun` to take effect, and have `landed` when all of it is there and only the answer is
 * missing.
 */
export type Stage = 'issued' | 'begun' | 'landed' | 'over'

/** A call on its way. It begins, and finishes later: others can come in between. */
export abstract class Operation<Result = unknown> implements OperationFacts {
  abstract readonly kind: OperationKind
  readonly caller: SimProcess
  readonly path: string
  readonly to: string | undefined
  readonly position: number | undefined
  readonly length: number | undefined
  /** The open file it works on, if it works on one. */
  readonly description: FileDescription | undefined
  index = -1
  isBlocking = false
  stage: Stage = 'issued'
  /** To take effect in two parts. */
  isTorn = false
  /** A crash came with it: it does no more, even if its process is survived by its other calls. */
  isStruck = false
  /** A fault makes it read or write no more than this. */
  limit: number = Infinity
  /** A fault makes it take so much longer. */
  delayMs = 0
  /** A fault makes a sync answer without having done anything. */
  isLie = false
  /** A fault makes it fail with this code. */
  failure: string | undefined
  result: Result | undefined
  error: unknown
  /** Undefined once nobody waits for the answer. */
  answer: { resolve(result: Result): void; reject(error: unknown): void } | undefined

  constructor(
    caller: SimProcess,
    path: string,
    description?: FileDescription,
    position?: number,
    length?: number,
    to?: string,
  ) {
    this.caller = caller
    this.path = path
    this.description = description
    this.position = position
    this.length = length
    this.to = to
  }

  get process(): Owner {
    return this.caller.owner
  }

  /** Whether its beginning and its end are two things. */
  get isLong(): boolean {
    return false
  }

  begin(): void {}

  abstract finish(): Result

  /** Does to the disk what such a failure does, and returns the error. */
  abstract fail(code: string): Error

  /** Its process is gone, and with it the memory: copies what it still needs. */
  detach(): void {}
}

interface PlainSpec<Result> {
  readonly kind: OperationKind
  readonly syscall: string
  readonly path: string
  readonly to?: string
  readonly description?: FileDescription
  readonly length?: number
  work(): Result
}

/** An operation that takes effect all at once. */
export class PlainOperation<Result> extends Operation<Result> {
  readonly kind: OperationKind
  readonly #spec: PlainSpec<Result>

  constructor(caller: SimProcess, spec: PlainSpec<Result>) {
    super(caller, spec.path, spec.description, undefined, spec.length, spec.to)
    this.kind = spec.kind
    this.#spec = spec
  }

  finish(): Result {
    return this.#spec.work()
  }

  fail(code: string): Error {
    const { syscall, path, to, description } = this.#spec
    return description ? systemError(code, syscall) : systemError(code, syscall, path, to)
  }
}
