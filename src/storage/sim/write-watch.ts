import { WriteOperation } from './file-operations.js'
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
  readonly #unfinished: Map<WriteOperation, Uint8Array | undefined> = new Map()

  constructor(watchesMemory: boolean) {
    this.#watchesMemory = watchesMemory
  }

  issued(operation: Operation): void {
    if (!(operation instanceof WriteOperation)) return
    this.#check(operation)
    this.#unfinished.set(operation, this.#watchesMemory ? copyOf(operation.source) : undefined)
  }

  over(operation: Operation): void {
    if (!(operation instanceof WriteOperation)) return
    const before = this.#unfinished.get(operation)
    this.#unfinished.delete(operation)
    if (before && operation.caller.isAlive && Buffer.compare(before, operation.source) !== 0) {
      this.violations.push(`the memory of an unfinished write changed: ${describe(operation)}`)
    }
  }

  /** A blocking write is about to start. */
  blocking(operation: Operation): void {
    if (operation instanceof WriteOperation) this.#check(operation)
  }

  closing(path: string, unanswered: number): void {
    if (unanswered > 0) this.violations.push(`a file was closed with ${unanswered} calls under way: ${path}`)
  }

  #check(operation: WriteOperation): void {
    for (const other of this.#unfinished.keys()) {
      if (other.caller.isAlive && collide(operation, other)) {
        this.violations.push(`a write overtakes an unfinished one: ${describe(operation)} and ${describe(other)}`)
      }
    }
  }
}

function collide(one: WriteOperation, other: WriteOperation): boolean {
  if (one.description?.node !== other.description?.node) return false
  const { position: first = 0 } = one
  const { position: second = 0 } = other
  const start = Math.max(first, second)
  const end = Math.min(first + one.source.length, second + other.source.length)
  if (start >= end) return false
  const bytes = one.source.subarray(start - first, end - first)
  return Buffer.compare(bytes, other.source.subarray(start - second, end - second)) !== 0
}

function describe({ path, position, length }: WriteOperation): string {
  return `${path} at ${position} of ${length}`
}
