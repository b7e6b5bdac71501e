import type { OperationFacts, OperationKind } from './operation.js'
import { Random } from './random.js'

export type Crash = 'power-cut' | 'kill'

/**
 * What happens to an operation instead of what should. A crash comes before the operation took effect, in the middle, or
 * after it but before the answer: where `when` does not say, by the seed. A write that fails can have left a part.
 */
export type Fault =
  | Crash
  | { readonly crash: Crash; readonly when: 'before' | 'middle' | 'after' }
  /** The call fails with this code; if it is a sync, what it should have made durable may be lost. */
  | { readonly error: string }
  /** A read or a write moves so many bytes only. */
  | { readonly short: number }

/** Asked about each operation, waiting or blocking, when it begins to take effect. */
export type FaultHook = (operation: OperationFacts) => Fault | undefined

/** The operation with this index. */
export function faultAt(index: number, fault: Fault): FaultHook {
  return (operation) => (operation.index === index ? fault : undefined)
}

/** The `n`th operation of a kind, counted from 1 and from now on; on one path only, if one is given. */
export function faultOnNth(kind: OperationKind, n: number, fault: Fault, path?: string): FaultHook {
  let count = 0
  return (operation) => {
    if (operation.kind !== kind || (path !== undefined && operation.path !== path)) return undefined
    count += 1
    return count === n ? fault : undefined
  }
}

/** Every operation of a kind; on one path only, if one is given. */
export function faultOnEach(kind: OperationKind, fault: Fault, path?: string): FaultHook {
  return (operation) => (operation.kind === kind && (path === undefined || operation.path === path) ? fault : undefined)
}

/** After so many written bytes there is no room: a short write first, then `code`. Exact to the byte, unlike a full disk. */
export function writeBudget(bytes: number, code = 'ENOSPC'): FaultHook {
  let left = bytes
  return ({ kind, length = 0 }) => {
    if (kind !== 'write' || length === 0) return undefined
    if (left === 0) return { error: code }
    const short = Math.min(left, length)
    left -= short
    return short < length ? { short } : undefined
  }
}

/** Reads and writes move only a part of what they were asked to, with this probability. */
export function shortTransfers(seed: number, chance: number): FaultHook {
  const random = new Random(seed)
  return ({ kind, length = 0 }) => {
    if ((kind !== 'read' && kind !== 'write') || length < 2 || !random.chance(chance)) return undefined
    return { short: 1 + random.below(length - 1) }
  }
}

/** Asks one hook after the other, each about every operation; the first that has a fault decides. */
export function anyFault(...hooks: FaultHook[]): FaultHook {
  return (operation) => {
    const faults = hooks.map((hook) => hook(operation))
    return faults.find((fault) => fault !== undefined)
  }
}
