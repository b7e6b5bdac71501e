import { WriteEffect } from './file-effects.js'
import { copyOf } from './memory.js'
import type { Operation } from './operation.js'

/**
 * Looks over the shoulder of whoever writes: the memory of an unfinished write must not change, no write may touch bytes
 * that an unfinished one also writes unless they are the same, and a file must not be closed with calls under way.
 * Disks allow all that, and lose data by it only now and then.
 */
export class WriteWatch {
  readonly violations: string[] = []
  readonly #watchesMemory: boolean
  readonly #unfinished: Map<Write, Uint8Array | undefined> = new Map()

  constructor(watchesMemory: boolean) {
    this.#watchesMemory = watchesMemory
  }

  issued(operation: Operation): void {
    if (!isWrite(operation)) return
    this.#check(operation)
    this.#unfinished.set(operation, this.#watchesMemory ? copyOf(operation.effect.source) : undefined)
  }

  over(operation: Operation): void {
    if (!isWrite(operation)) return
    const before = this.#unfinished.get(operation)
    this.#unfinished.delete(operation)
    if (before && operation.caller.isAlive && Buffer.compare(before, operation.effect.source) !== 0) {
      this.violations.push(`the memory of an unfinished write changed: ${describe(operation)}`)
    }
  }

  /** A blocking write is about to start. */
  blocking(operation: Operation): void {
    if (isWrite(operation)) this.#check(operation)
  }

  closing(path: string, unanswered: number): void {
    if (unanswered > 0) this.violations.push(`a file was closed with ${unanswered} calls under way: ${path}`)
  }

  #check(operation: Write): void {
    for (const other of this.#unfinished.keys()) {
      if (other.caller.isAlive && collide(operation, other)) {
        this.violations.push(`a write overtakes an unfinished one: ${describe(operation)} and ${describe(other)}`)
      }
    }
  }
}

/** A call of `write`. */
type Write = Operation & { readonly effect: WriteEffect }

function isWrite(operation: Operation): operation is Write {
  return operation.effect instanceof WriteEffect
}

function collide(one: Write, other: Write): boolean {
  if (one.description?.node !== other.description?.node) return false
  const { position: first = 0 } = one
  const { position: second = 0 } = other
  const { source } = one.effect
  const { source: otherSource } = other.effect
  const start = Math.max(first, second)
  const end = Math.min(first + source.length, second + otherSource.length)
  if (start >= end) return false
  const bytes = source.subarray(start - first, end - first)
  return Buffer.compare(bytes, otherSource.subarray(start - second, end - second)) !== 0
}

function describe({ path, position, length }: Write): string {
  return `${path} at ${position} of ${length}`
}
