import { invalidArgument, outOfRange, storageFailure } from '../errors.js'
import { LSN_MAX } from '../lsn.js'
import type { Advice } from '../storage/storage.js'
import type { Primitive } from './info.js'
import type { LogSpace } from './log-space.js'

/** What a journal asks of the system for its file, and can do without. Nothing of it is a promise, or poisons. */
export class SpaceHints {
  readonly #space: LogSpace
  readonly #path: string
  readonly #durableLsn: () => number
  #preallocate: Primitive<'fallocate' | 'none'> = { inUse: 'fallocate' }
  #advise: Primitive<'posix_fadvise' | 'none'> = { inUse: 'posix_fadvise' }

  /** `isPortable`: nothing but Node's own calls. */
  constructor(space: LogSpace, path: string, durableLsn: () => number, isPortable: boolean) {
    this.#space = space
    this.#path = path
    this.#durableLsn = durableLsn
    if (!isPortable) return
    this.#preallocate = { inUse: 'none', reason: 'Node has no call for it' }
    this.#advise = { inUse: 'none', reason: 'Node has no call for it' }
  }

  get preallocatePrimitive(): Primitive<'fallocate' | 'none'> {
    return this.#preallocate
  }

  get advisePrimitive(): Primitive<'posix_fadvise' | 'none'> {
    return this.#advise
  }

  async preallocate(offset: number, length: number): Promise<boolean> {
    checkRange(offset, length, 1)
    try {
      return this.#preallocated(await this.#space.preallocate(offset, length))
    } catch (error) {
      throw this.#failure(error, 'preallocate space for')
    }
  }

  preallocateSync(offset: number, length: number): boolean {
    checkRange(offset, length, 1)
    try {
      return this.#preallocated(this.#space.preallocateSync(offset, length))
    } catch (error) {
      throw this.#failure(error, 'preallocate space for')
    }
  }

  async advise(offset: number, length: number, advice: Advice): Promise<boolean> {
    checkAdvice(offset, length, advice)
    const told = this.#toldLength(offset, length, advice)
    if (told === undefined) return this.#advise.inUse === 'posix_fadvise'
    try {
      return this.#advised(await this.#space.advise(offset, told, advice))
    } catch (error) {
      throw this.#failure(error, 'advise on')
    }
  }

  adviseSync(offset: number, length: number, advice: Advice): boolean {
    checkAdvice(offset, length, advice)
    const told = this.#toldLength(offset, length, advice)
    if (told === undefined) return this.#advise.inUse === 'posix_fadvise'
    try {
      return this.#advised(this.#space.adviseSync(offset, told, advice))
    } catch (error) {
      throw this.#failure(error, 'advise on')
    }
  }

  /**
   * How much of a range the system is told of; undefined if nothing. What is to be forgotten must be durable: of anything else
   * the system would first begin the writing, whose failure it tells nobody, not even a later sync (see `Writeback`).
   */
  #toldLength(offset: number, length: number, advice: Advice): number | undefined {
    if (advice !== 'dont-need') return length
    const durable = Math.floor(this.#durableLsn() / PAGE_BYTES) * PAGE_BYTES
    const end = length === 0 ? durable : Math.min(offset + length, durable)
    return end > offset ? end - offset : undefined
  }

  #preallocated(isDone: boolean): boolean {
    if (!isDone && this.#preallocate.inUse === 'fallocate') {
      this.#preallocate = { inUse: 'none', reason: 'the file system has no such thing' }
    }
    return isDone
  }

  #advised(isDone: boolean): boolean {
    if (!isDone && this.#advise.inUse === 'posix_fadvise') {
      this.#advise = { inUse: 'none', reason: 'the file system has no such thing' }
    }
    return isDone
  }

  #failure(error: unknown, attempt: string): unknown {
    return storageFailure(error, `cannot ${attempt} journal ${JSON.stringify(this.#path)}`, { path: this.#path })
  }
}

const PAGE_BYTES = 4096

const ADVICE: readonly Advice[] = ['normal', 'sequential', 'random', 'will-need', 'dont-need', 'no-reuse']

/** Throws for what is no advice on a range: a length of 0 reaches to the end. */
export function checkAdvice(offset: number, length: number, advice: Advice): void {
  checkRange(offset, length, 0)
  if (!ADVICE.includes(advice)) {
    throw invalidArgument(`advice must be one of ${ADVICE.join(', ')}, not ${JSON.stringify(advice)}`)
  }
}

function checkRange(offset: number, length: number, lengthMin: number): void {
  checkWhole('offset', offset, 0, LSN_MAX)
  checkWhole('length', length, lengthMin, LSN_MAX - offset)
}

function checkWhole(name: string, value: number, least: number, most: number): void {
  if (typeof value !== 'number') throw invalidArgument(`${name} must be a number, not ${typeof value}`)
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw outOfRange(`${name} must be a whole number from ${least} to ${most}, not ${value}`)
  }
}
