import type { Choices } from '../storage/sim/choices.js'
import { SimDisk, type SimDiskOptions } from '../storage/sim/sim-disk.js'
import type { Plan } from './plan.js'
import { World } from './world.js'

/** A program under test: what one run of it does, and checks. It fails by throwing. */
export type Program = (world: World) => Promise<void> | void

/** How the disk of each run is made. */
export type WorldDiskOptions = Omit<SimDiskOptions, 'seed' | 'choices' | 'traceLines'>

/** One run of a program. */
export interface Attempt {
  readonly hasFailed: boolean
  readonly failure: unknown
  readonly world: World
  /** What happened on the disk, if it was asked for. */
  readonly trace: readonly string[]
}

/** What makes a run: the disk, where chance comes from, and what happens to each process. */
export interface Setting {
  readonly disk: WorldDiskOptions | undefined
  readonly choices: Choices
  readonly traceLines: number
  nextPlan(disk: SimDisk): Plan
}

export async function attempt(program: Program, setting: Setting): Promise<Attempt> {
  const { choices, traceLines } = setting
  const disk = new SimDisk({ ...setting.disk, choices, traceLines })
  const world = new World(disk, choices, () => setting.nextPlan(disk))
  try {
    await program(world)
    if (disk.violations.length > 0) throw new Error(`the disk was used wrongly: ${disk.violations.join('; ')}`)
    return { hasFailed: false, failure: undefined, world, trace: disk.trace }
  } catch (failure) {
    return { hasFailed: true, failure, world, trace: disk.trace }
  } finally {
    // What still runs of the program can do nothing any more.
    disk.killProcess()
  }
}

/** What several runs came to. */
export interface Explored {
  readonly schedules: number
  /** Calls on the disks. */
  readonly operations: number
  readonly powerCuts: number
  readonly kills: number
  /** Processes that gave up over an error of the disk's. */
  readonly failedLives: number
}

export class Tally implements Explored {
  schedules = 0
  operations = 0
  powerCuts = 0
  kills = 0
  failedLives = 0

  add({ disk, endings }: World): void {
    this.schedules += 1
    this.operations += disk.operationCount
    this.powerCuts += endings['power-cut']
    this.kills += endings.kill
    this.failedLives += endings.failed
  }
}
