import type { Choices } from './choices.js'
import type { Survival } from './disk-rules.js'
import type { OperationFacts, OperationKind } from './operation.js'

export type Crash = 'power-cut' | 'kill'

/** Before an operation took effect, in the middle of that, or after it but before the answer. */
export type Moment = 'before' | 'middle' | 'after'

/**
 * What happens to an operation instead of what should.
 *
 * - A crash comes before the operation took effect, in the middle, or after it but before the answer: where `when` does not
 *   say, by chance. `leaves` says what a power cut leaves of what nobody has synced, as for `SimDisk.cutPower`.
 * - `error`: the call fails with this code, and has done nothing; but a sync that fails with EIO, ENOSPC or EDQUOT can lose
 *   what it should have made durable (`failedSyncKeeps`), and so can `startWriteback`, of which no sync hears.
 * - `short`: a read or a write moves so many bytes only, and says so.
 * - `delayMs`: it takes so much simulated time before it takes effect, or fails. Others overtake it.
 * - 'lie': a sync, of a file or a directory, answers as if it had succeeded, and makes nothing durable.
 */
export type Fault =
  | Crash
  | { readonly crash: Crash; readonly when: Moment; readonly leaves?: Survival }
  | { readonly error: string; readonly delayMs?: number }
  | { readonly short: number; readonly delayMs?: number }
  | { readonly delayMs: number }
  | 'lie'

/**
 * Asked about each operation, waiting or blocking, when it begins to take effect. What it leaves to chance, it draws from
 * the disk's choices.
 */
export type FaultHook = (operation: OperationFacts, choices: Choices) => Fault | undefined

/** The operation with this index. */
export function faultAt(index: number, fault: Fault): FaultHook {
  return (operation) => (operation.index === index ? fault : undefined)
}

/** The `n`th operation of a kind, counted from 1 and from now on; on one path only, if one is given. */
export function faultOnNth(
  kind: OperationKind | readonly OperationKind[],
  n: number,
  fault: Fault,
  path?: string,
): FaultHook {
  return faultByCount(kind, (count) => count === n, fault, path)
}

/** The `n`th operation of a kind and each one after it: what breaks stays broken. From 1 on, it is every one. */
export function faultFromNth(
  kind: OperationKind | readonly OperationKind[],
  n: number,
  fault: Fault,
  path?: string,
): FaultHook {
  return faultByCount(kind, (count) => count >= n, fault, path)
}

function faultByCount(
  kind: OperationKind | readonly OperationKind[],
  isDue: (count: number) => boolean,
  fault: Fault,
  path: string | undefined,
): FaultHook {
  let count = 0
  return (operation) => (isMeant(operation, kind, path) && isDue(++count) ? fault : undefined)
}

/** Each operation of a kind with this probability. */
export function faultByChance(
  kind: OperationKind | readonly OperationKind[],
  chance: number,
  fault: Fault,
  path?: string,
): FaultHook {
  return (operation, choices) => (isMeant(operation, kind, path) && choices.chance(chance) ? fault : undefined)
}

/**
 * After so many written bytes there is no room: a short write first, then `code`, ENOSPC or EDQUOT. Exact to the byte, as a
 * quota is that counts bytes; a full disk counts pages (`SimDisk.freeBytes`).
 */
export function writeBudget(bytes: number, code = 'ENOSPC'): FaultHook {
  let left = bytes
  return ({ kind, length = 0 }) => {
    if ((kind !== 'write' && kind !== 'append') || length === 0) return undefined
    if (left === 0) return { error: code }
    const short = Math.min(left, length)
    left -= short
    return short < length ? { short } : undefined
  }
}

/** Reads and writes move only a part of what they were asked to, but at least one byte, with this probability. */
export function shortTransfers(chance: number): FaultHook {
  return ({ kind, length = 0 }, choices) => {
    if (!TRANSFERS.has(kind) || length < 2 || !choices.chance(chance)) return undefined
    return { short: length - 1 - choices.below(length - 1) }
  }
}

const TRANSFERS: ReadonlySet<OperationKind> = new Set(['read', 'write', 'append'])

/** Asks one hook after the other, each about every operation; the first that has a fault decides. */
export function anyFault(...hooks: FaultHook[]): FaultHook {
  return (operation, choices) => {
    let found: Fault | undefined
    for (const hook of hooks) {
      const fault = hook(operation, choices)
      found ??= fault
    }
    return found
  }
}

function isMeant(
  operation: OperationFacts,
  kind: OperationKind | readonly OperationKind[],
  path: string | undefined,
): boolean {
  if (typeof kind === 'string' ? operation.kind !== kind : !kind.includes(operation.kind)) return false
  return path === undefined || operation.path === path
}
