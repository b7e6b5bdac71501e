import { createHash } from 'node:crypto'

import type { Crash, Fault, FaultHook } from '#src/storage/sim/faults.js'
import type { OperationFacts } from '#src/storage/sim/operation.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import { PowerLossError } from '#src/storage/sim/sim-errors.js'

import { type Counts, addCounts } from './counts.js'
import { must } from './model.js'
import { type CrashPoint, checkRecovery } from './recovery-check.js'
import { SmallLife, WORKLOADS, type Workload } from './workloads.js'
import { PATH, World, isCrash, mustEnd } from './world.js'

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

export function addExhaustiveCounts(totals: ExhaustiveCounts, counts: ExhaustiveCounts): void {
  for (const name of Object.keys(totals) as (keyof ExhaustiveCounts)[]) totals[name] += counts[name]
}

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
  const operations: OperationFacts[] = []
  const first = await prepare(workload, options.seed, 0)
  const start = first.disk.operationCount
  await runTrial(first, workload, (operation) => {
    operations.push(factsOf(operation))
    return undefined
  })
  const search: Search = { workload, options, counts, totals, seen: new Set() }
  for (const [step, operation] of operations.entries()) {
    for (const fault of faultsFor(operation)) {
      try {
        await tryFault(search, start + step, fault, 0)
      } catch {
        // One that breaks a promise runs again, with a trace, and as if nothing had been seen before.
        await tryFault({ ...search, seen: new Set() }, start + step, fault, TRACE_LINES)
        throw new Error(
          `${workload.name}: a fault at operation ${start + step} does harm, but not when it is tried again`,
        )
      }
    }
  }
  counts.workloads++
}

interface Search {
  readonly workload: Workload
  readonly options: ExhaustiveOptions
  readonly counts: ExhaustiveCounts
  readonly totals: Counts
  /** Disks that have recovered and been checked. */
  readonly seen: Set<string>
}

interface NamedFault {
  readonly fault: Fault
  /** What goes wrong after that. */
  readonly later?: FaultHook
}

function faultsFor({ kind, length = 0 }: OperationFacts): NamedFault[] {
  const faults: NamedFault[] = [{ fault: { error: 'EIO' } }, { fault: { error: 'EINTR' } }]
  for (const crash of CRASHES) for (const when of WHENS) faults.push({ fault: { crash, when } })
  if ((kind === 'read' || kind === 'write') && length > 1) faults.push({ fault: { short: length - 1 } })
  if (kind === 'write') {
    const full: FaultHook = (operation) => (operation.kind === 'write' ? { error: 'ENOSPC' } : undefined)
    faults.push({ fault: { error: 'ENOSPC' }, later: full }, { fault: { short: length >>> 1 }, later: full })
  }
  return faults
}

async function prepare(workload: Workload, seed: number, traceLines: number): Promise<World> {
  const birthTimes = workload.birthTimes ?? true
  const disk = new SimDisk({ seed, traceLines, birthTimes })
  const options = { logBufferBytes: 4096, ...workload.options }
  const world = new World(disk, options, birthTimes, false, workload.isRooted)
  await workload.prepare?.(world)
  return world
}

/** Runs it to its end, by itself or by a crash, which it resolves to. */
async function runTrial(world: World, workload: Workload, faults: FaultHook): Promise<Crash | undefined> {
  const { disk } = world
  disk.faults = faults
  const life = new SmallLife(world)
  let crash: Crash | undefined
  const ended = (error: unknown): void => {
    world.expectedFailure(error, 'open')
    if (isCrash(error)) crash = error instanceof PowerLossError ? 'power-cut' : 'kill'
  }
  await mustEnd(disk, workload.run(life).catch(ended))
  const { journal } = life
  if (journal !== undefined) {
    await mustEnd(disk, journal.close().catch(ended))
    world.observe(journal)
  }
  return crash
}

async function tryFault(
  search: Search,
  index: number,
  { fault, later }: NamedFault,
  traceLines: number,
): Promise<void> {
  const { workload, options, counts, totals } = search
  const world = await prepare(workload, options.seed, traceLines)
  const { disk, model } = world
  const before = disk.operationCount
  world.isFaulty = true
  try {
    const crash = await runTrial(world, workload, (operation, choices) =>
      operation.index === index ? fault : operation.index > index ? later?.(operation, choices) : undefined,
    )
    disk.faults = undefined
    // Nobody is left; a power cut may come now, with calls of the dead still on their way, or not at all.
    disk.killProcess()
    if (crash !== 'power-cut') {
      const least = model.leastAfter('power-cut')
      for (const fate of fatesOf(options, index)) checkState(search, world, { disk: disk.afterPowerCut(fate), least })
    }
    await disk.settle()
    if (crash === 'power-cut') world.counts.powerCuts++
    if (crash === 'kill') world.counts.kills++
    must(disk.violations.length === 0, 'D4b', () => disk.violations.join('; '))
    checkRecovery(world, { disk, least: model.leastAfter(crash === 'power-cut' ? 'power-cut' : 'kill') })
  } catch (error) {
    if (traceLines > 0 && error instanceof Error) {
      const story = `${workload.name}, with ${JSON.stringify(fault)} at operation ${index}`
      error.message = [`${story}: ${error.message}`, 'the disk:', ...disk.trace].join('\n')
    }
    throw error
  }
  counts.runs++
  world.counts.operations += disk.operationCount - before
  addCounts(totals, world.counts)
}

/** Other ones at each operation. */
function fatesOf({ seed, fates }: ExhaustiveOptions, index: number): (number | 'none' | 'all')[] {
  return ['none', 'all', ...Array.from({ length: fates }, (_, fate) => seed + index * fates + fate)]
}

/** What a crash has left; and what a second crash leaves at every operation of the recovery from that. */
function checkState(search: Search, world: World, point: CrashPoint): void {
  const { options, counts, seen } = search
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

/** The share of one thread of several: each so manyth workload. */
export async function exhaustAll(
  options: ExhaustiveOptions,
  { thread, threads }: { readonly thread: number; readonly threads: number },
  counts: ExhaustiveCounts,
  totals: Counts,
): Promise<void> {
  for (const [number, workload] of WORKLOADS.entries()) {
    if (number % threads === thread) await exhaust(workload, options, counts, totals)
  }
}
