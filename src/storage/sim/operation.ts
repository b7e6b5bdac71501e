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
  | 'preallocate'
  | 'advise'
  | 'startWriteback'
  | 'lock'
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
  | 'hasAccessList'
  | 'copyAttributes'
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
  /** The second path of `rename` and `link`; where `clone` and `copy` take from, and `copyAttributes` gives to. */
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

/**
 * What a call does to the disk: it begins, and finishes later, and others can come in between. Operations of all kinds are
 * one class, and differ by this, because objects of one shape are made and read several times as fast as those of five.
 */
export interface Effect<Result = unknown> {
  /** Whether its beginning and its end are two things. `isTorn`: it is to take effect in two parts. */
  isLong(isTorn: boolean): boolean
  begin(operation: Operation<Result>): void
  finish(operation: Operation<Result>): Result
  /** Does to the disk what such a failure does, and returns the error. */
  fail(code: string, operation: Operation<Result>): Error
  /** The process is gone, and with it the memory: copies what is still needed. */
  detach(): void
}

/** A call on its way. */
export class Operation<Result = unknown> implements OperationFacts {
  readonly caller: SimProcess
  readonly effect: Effect<Result>
  readonly kind: OperationKind
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
  failure: string | undefined = undefined
  result: Result | undefined = undefined
  error: unknown = undefined
  /** Undefined once nobody waits for the answer. */
  answer: { resolve(result: Result): void; reject(error: unknown): void } | undefined = undefined

  constructor(
    caller: SimProcess,
    effect: Effect<Result>,
    kind: OperationKind,
    path: string,
    description?: FileDescription,
    position?: number,
    length?: number,
    to?: string,
  ) {
    this.caller = caller
    this.effect = effect
    this.kind = kind
    this.path = path
    this.description = description
    this.position = position
    this.length = length
    this.to = to
  }

  get process(): Owner {
    return this.caller.owner
  }

  get isLong(): boolean {
    return this.effect.isLong(this.isTorn)
  }

  begin(): void {
    this.effect.begin(this)
  }

  finish(): Result {
    return this.effect.finish(this)
  }

  fail(code: string): Error {
    return this.effect.fail(code, this)
  }

  detach(): void {
    this.effect.detach()
  }
}

/** Takes effect all at once, and knows what to do from the operation alone: one serves all operations of its kind. */
export class PlainEffect<Result> implements Effect<Result> {
  readonly #syscall: string
  readonly #work: (operation: Operation<Result>) => Result

  constructor(syscall: string, work: (operation: Operation<Result>) => Result) {
    this.#syscall = syscall
    this.#work = work
  }

  isLong(): boolean {
    return false
  }

  begin(): void {}

  finish(operation: Operation<Result>): Result {
    return this.#work(operation)
  }

  fail(code: string, { description, path, to }: Operation<Result>): Error {
    return description ? systemError(code, this.#syscall) : systemError(code, this.#syscall, path, to)
  }

  detach(): void {}
}

interface PlainSpec<Result> {
  readonly kind: OperationKind
  readonly syscall: string
  readonly path: string
  readonly to?: string
  readonly description?: FileDescription
  readonly position?: number
  readonly length?: number
  work(operation: Operation<Result>): Result
}

/** One with an effect of its own, which takes place all at once. */
export function plainOperation<Result>(caller: SimProcess, spec: PlainSpec<Result>): Operation<Result> {
  const { kind, syscall, path, to, description, position, length } = spec
  const effect = new PlainEffect<Result>(syscall, (operation) => spec.work(operation))
  return new Operation(caller, effect, kind, path, description, position, length, to)
}
