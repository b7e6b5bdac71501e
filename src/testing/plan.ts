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
import type { OperationKind } from '../storage/sim/operation.js'

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
  const hooks = [
    crash === undefined ? undefined : crashHook(choices, crash, operations),
    faults.length > 0 && choices.chance(FAULT_CHANCE) ? drawFault(choices, faults) : undefined,
  ].filter((hook) => hook !== undefined)
  return { crash, faults: anyFault(...hooks) }
}

// A power cut is the harder test: everything a kill leaves, it can leave too.
const WEIGHTS = { 'power-cut': 6, kill: 1 }

const FAULT_CHANCE = 1 / 2

/** Workloads are of all sizes: the first 8, 16, ... 1024 operations are hit about equally often. */
function crashHook(choices: Choices, crash: Crash, operations: number): FaultHook {
  const at = operations + choices.below(2 ** (3 + choices.below(8)))
  const when = choices.pick<Moment>(['before', 'middle', 'after'])
  const fault: Fault = { crash, when }
  return ({ index }) => (index === at ? fault : undefined)
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
