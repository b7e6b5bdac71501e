import type { Choices } from '../storage/sim/choices.js'
import {
  anyFault,
  faultByChance,
  faultFromNth,
  faultOnNth,
  shortTransfers,
  writeBudget,
  type Crash,
  type Fault,
  type FaultHook,
  type Moment,
} from '../storage/sim/faults.js'
import type { OperationFacts, OperationKind } from '../storage/sim/operation.js'

/**
 * What can go wrong with calls, besides crashes.
 *
 * - 'EIO': some call fails, once or from then on.
 * - 'ENOSPC', 'EDQUOT': there is room for so many bytes, then a short write, then the error; or a sync fails with it.
 * - 'EINTR': calls are interrupted, having done nothing. (Node repeats most of these by itself.)
 * - 'EMFILE': a file cannot be opened.
 * - 'short': reads and writes move less than they were asked to.
 * - 'slow': calls take up to ten simulated seconds.
 */
export type FaultName = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EINTR' | 'EMFILE' | 'short' | 'slow'

/** What goes wrong in the life of one process. */
export interface Plan {
  /** How it is to end, unless it ends by itself before. */
  readonly crash: Crash | undefined
  readonly faults: FaultHook
}

/** Draws a plan; the simplest is that nothing goes wrong. `operations`: how many the disk has seen. */
export function drawPlan(
  choices: Choices,
  crashes: readonly Crash[],
  faults: readonly FaultName[],
  operations: number,
): Plan {
  const crash = choices.pick([
    undefined,
    ...crashes.flatMap((name) => Array.from({ length: WEIGHTS[name] }, () => name)),
  ])
  const hooks: FaultHook[] = []
  if (crash !== undefined) hooks.push(drawCrash(choices, crash, operations))
  else if (crashes[0] !== undefined) hooks.push(crashFrom(operations + LIFE_OPERATIONS_MAX, crashes[0]))
  if (faults.length > 0 && choices.chance(FAULT_CHANCE)) hooks.push(drawFault(choices, faults))
  return { crash, faults: anyFault(...hooks) }
}

// Programs that go on for ever are crashed at last.
const LIFE_OPERATIONS_MAX = 10_000

// A power cut is the harder test: everything a kill leaves, it can leave too.
const WEIGHTS = { 'power-cut': 6, kill: 1 }

const FAULT_CHANCE = 1 / 2

/** Workloads are of all sizes: the first 8, 16, ... 1024 operations are hit about equally often. */
function drawCrash(choices: Choices, crash: Crash, operations: number): FaultHook {
  const at = operations + choices.below(2 ** (3 + choices.below(8)))
  return crashFrom(at, { crash, when: choices.pick<Moment>(['before', 'middle', 'after']) })
}

/** At the first operation from this one on at which there can be a crash. */
function crashFrom(at: number, fault: Fault): FaultHook {
  let isDue = true
  return (operation) => {
    if (!isDue || operation.index < at || !canCrash(operation)) return undefined
    isDue = false
    return fault
  }
}

/**
 * Closing a file changes nothing on a disk, so a crash there is one at the next call; and it is where programs overlook
 * failures, and would do things that nobody does who is dead.
 */
export function canCrash({ kind }: Pick<OperationFacts, 'kind'>): boolean {
  return kind !== 'close'
}

const EVERY_KIND: readonly [OperationKind, ...OperationKind[]] = [
  'write',
  'dataSync',
  'sync',
  'read',
  'open',
  'truncate',
  'rename',
  'syncDirectory',
  'stat',
  'list',
  'link',
  'unlink',
  'realPath',
  'close',
]

function drawFault(choices: Choices, faults: readonly FaultName[]): FaultHook {
  const name = choices.pick(faults as readonly [FaultName, ...FaultName[]])
  switch (name) {
    case 'EIO': {
      const inject = choices.chance(0.5) ? faultFromNth : faultOnNth
      return inject(choices.pick(EVERY_KIND), choices.between(1, 8), { error: name })
    }
    case 'ENOSPC':
    case 'EDQUOT':
      if (choices.chance(0.3)) return faultOnNth(['dataSync', 'sync'], choices.between(1, 8), { error: name })
      return writeBudget(choices.below(2 ** choices.between(3, 14)), name)
    case 'EINTR':
      return faultByChance(EVERY_KIND, 0.05, { error: name })
    case 'EMFILE':
      return faultOnNth('open', choices.between(1, 8), { error: name })
    case 'short':
      return shortTransfers(0.3)
    default:
      return faultByChance(EVERY_KIND, 0.1, { delayMs: 1 + choices.below(10_000) })
  }
}
