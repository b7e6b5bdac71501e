import { createHash } from 'node:crypto'

import type { Crash, Fault, FaultHook } from '#src/storage/sim/faults.js'
import type { OperationFacts } from '#src/storage/sim/operation.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { type Counts, addCounts, noCounts } from './counts.js'
import { Violation, must } from './model.js'
import { type CrashPoint, checkRecovery } from './recovery-check.js'
import { SmallLife, WORKLOADS, type Workload } from './workloads.js'
import { PATH, World, isCrash } from './world.js'

export interface ExhaustiveOptions {
  /** Of the disk, and of what survives. */
  readonly seed: number
  /** How many ways to survive are tried beside 'nothing unsynced' and 'everything'. */
  readonly fates: number
  /** A second crash, at every operation of the recovery, from each so manyth of the distinct states that a first one leaves. */
  readonly nestedStride: number
}

/** How many cases there were, and how many of them were new: a disk that is the same to the byte recovers in the same way. */
export interface ExhaustiveCounts {
  workloads: number
  /** Runs of a workload in which one operation went wrong in one way. */
  runs: number
  /** States that a crash in such a run left. */
  states: number
  distinctStates: number
  /** States that a second crash left, at an operation of the recovery from such a state. */
  nestedStates: number
  distinctNestedStates: number
}

export const noExhaustiveCounts = (): ExhaustiveCounts => ({
  workloads: 0,
  runs: 0,
  states: 0,
  distinctStates: 0,
  nestedStates: 0,
  distinctNestedStates: 0,
})

const WHENS = ['before', 'middle', 'after'] as const
const CRASHES: readonly Crash[] = ['power-cut', 'kill']
const TRACE_LINES = 300

/** One workload: every operation, everything that can go wrong with it, everything that a crash can leave. */
export async function exhaust(
  workload: Workload,
  options: ExhaustiveOptions,
  counts: ExhaustiveCounts,
  totals: Counts,
): Promise<void> {
  const kinds: OperationFacts[] = []
  const first = await prepare(workload, options.seed, 0)
  const start = first.disk.operationCount
  await runTrial(first, workload, (operation) => {
    kinds.push({ ...factsOf(operation) })
    return undefined
  })
  must(!first.isFaulty, 'D7', () => 'it does not even work when all is well')
  const seen = new Set<string>()
  for (const [step, operation] of kinds.entries()) {
    for (const fault of faultsFor(operation)) {
      const check = async (traceLines: number): Promise<void> => {
        const world = await prepare(workload, options.seed, traceLines)
        try {
          await tryFault(world, workload, start + step, fault, options, counts, traceLines > 0 ? new Set() : seen)
        } catch (error) {
          if (traceLines > 0 && error instanceof Error) {
            error.message += `\nworkload: ${workload.name}\nfault: ${JSON.stringify(fault.fault)} at operation ${step}\n`
            error.message += world.disk.trace.join('\n')
          }
          throw error
        }
        addCounts(totals, world.counts)
      }
      // One that breaks a promise runs again, with a trace.
      await check(0).catch(async () => check(TRACE_LINES))
    }
  }
  counts.workloads++
}

interface NamedFault {
  readonly fault: Fault
  /** After the first one: what follows from it. */
  readonly then?: FaultHook
}

function faultsFor({ kind, length = 0 }: OperationFacts): NamedFault[] {
  const faults: NamedFault[] = [{ fault: { error: 'EIO' } }, { fault: { error: 'EINTR' } }]
  for (const crash of CRASHES) for (const when of WHENS) faults.push({ fault: { crash, when } })
  if ((kind === 'read' || kind === 'write') && length > 1) faults.push({ fault: { short: length - 1 } })
  if (kind === 'write') {
    const full: FaultHook = (operation) => (operation.kind === 'write' ? { error: 'ENOSPC' } : undefined)
    faults.push({ fault: { error: 'ENOSPC' }, then: full }, { fault: { short: length >>> 1 }, then: full })
  }
  return faults
}

async function prepare(workload: Workload, seed: number, traceLines: number): Promise<World> {
  const birthTimes = workload.birthTimes ?? true
  const disk = new SimDisk({ seed, traceLines, birthTimes })
  const world = new World(disk, { logBufferBytes: 4096, ...workload.options }, birthTimes)
  await workload.prepare?.(world)
  return world
}

/** Resolves to the crash that ended it, or to undefined. */
async function runTrial(world: World, workload: Workload, faults: FaultHook): Promise<Crash | undefined> {
  const { disk, model } = world
  disk.faults = faults
  const life = new SmallLife(world)
  let crash: Crash | undefined
  const state = { isOver: false }
  const working = (async () => {
    try {
      await workload.run(life)
    } catch (error) {
      world.expectedFailure(error, 'open')
      if (isCrash(error)) crash = (error as Error).name === 'PowerLossError' ? 'power-cut' : 'kill'
    } finally {
      state.isOver = true
    }
  })()
  const watching = (async () => {
    for (let turn = 0; turn < 50 && !state.isOver; turn++) await disk.settle()
    if (!state.isOver) throw new Violation('D10: somebody waits, and nothing is under way')
  })()
  await Promise.race([working, watching])
  const { journal } = life
  if (journal !== undefined) model.frontiers(journal.durableLsn, journal.writtenLsn, journal.nextLsn)
  return crash
}

async function tryFault(
  world: World,
  workload: Workload,
  index: number,
  { fault, then }: NamedFault,
  options: ExhaustiveOptions,
  counts: ExhaustiveCounts,
  seen: Set<string>,
): Promise<void> {
  const { disk, model } = world
  world.isFaulty = true
  counts.runs++
  const before = disk.operationCount
  const crash = await runTrial(world, workload, (operation, choices) =>
    operation.index === index ? fault : operation.index > index ? then?.(operation, choices) : undefined,
  )
  disk.faults = undefined
  // Nobody is left; a power cut may come now, with calls of the dead still on their way, or not at all.
  disk.killProcess()
  if (crash !== 'power-cut') {
    const least = model.leastAfter('power-cut')
    for (const fate of fatesOf(options, index))
      checkState(world, { disk: disk.afterPowerCut(fate), least }, options, counts, seen)
  }
  await disk.settle()
  world.counts.operations += disk.operationCount - before
  if (crash === 'power-cut') world.counts.powerCuts++
  if (crash === 'kill') world.counts.kills++
  must(disk.violations.length === 0, 'D4b', () => disk.violations.join('; '))
  checkRecovery(world, { disk, least: model.leastAfter(crash === 'power-cut' ? 'power-cut' : 'kill') })
}

/** Other ones at each operation. */
function fatesOf({ seed, fates }: ExhaustiveOptions, index: number): (number | 'none' | 'all')[] {
  return ['none', 'all', ...Array.from({ length: fates }, (_, fate) => seed + index * fates + fate)]
}

/** What a crash has left; and what a second crash leaves at every operation of the recovery from that. */
function checkState(
  world: World,
  point: CrashPoint,
  options: ExhaustiveOptions,
  counts: ExhaustiveCounts,
  seen: Set<string>,
): void {
  counts.states++
  if (!isNew(point, seen)) return
  counts.distinctStates++
  const { disk, least } = point
  const nested: CrashPoint[] = []
  if (counts.distinctStates % options.nestedStride === 0) {
    disk.faults = () => {
      for (const fate of fatesOf(options, disk.operationCount)) nested.push({ disk: disk.afterPowerCut(fate), least })
      return undefined
    }
  }
  checkRecovery(world, point)
  for (const second of nested) {
    counts.nestedStates++
    if (!isNew(second, seen)) continue
    counts.distinctNestedStates++
    world.counts.nestedCrashes++
    checkRecovery(world, second)
  }
}

/** False if a disk that is the same, to the byte and the inode, has recovered and been checked already. */
function isNew({ disk, least }: CrashPoint, seen: Set<string>): boolean {
  const hash = createHash('sha1')
  const facts = disk.process().statSync(PATH)
  hash.update(`${least} ${facts?.inode} ${facts?.birthTime}`)
  for (const path of disk.files()) hash.update(path).update(disk.image(path) ?? '')
  const key = hash.digest('base64')
  if (seen.has(key)) return false
  seen.add(key)
  return true
}

/** They are read after the call that they describe is over. */
function factsOf({ index, kind, path, to, position, length, isBlocking, process }: OperationFacts): OperationFacts {
  return { index, kind, path, to, position, length, isBlocking, process }
}

/** All workloads, or each so manyth of them from one on: what one thread of several does. */
export async function exhaustAll(
  options: ExhaustiveOptions,
  share: { readonly of: number; readonly index: number } = { of: 1, index: 0 },
): Promise<{ readonly counts: ExhaustiveCounts; readonly totals: Counts }> {
  const counts = noExhaustiveCounts()
  const totals = noCounts()
  for (const [number, workload] of WORKLOADS.entries()) {
    if (number % share.of === share.index) await exhaust(workload, options, counts, totals)
  }
  return { counts, totals }
}
