import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises'

import type { SimStorage } from '../storage/sim-storage.js'
import type { Choices } from '../storage/sim/choices.js'
import { anyFault, type Crash, type FaultHook } from '../storage/sim/faults.js'
import type { SimDisk } from '../storage/sim/sim-disk.js'
import { isSimulated } from '../storage/sim/sim-errors.js'
import type { Plan } from './plan.js'

/**
 * How the life of a process ended: by itself; by a crash; or 'failed': it gave up over an error that the disk had made,
 * which is a program's right.
 */
export type Ending = 'done' | 'failed' | Crash

/** What a process does, with what it sees of the disk. */
export type ProcessBody = (storage: SimStorage) => Promise<void> | void

/** One run of a program through crashes: a disk, and where chance comes from. Made by `explore` and `exploreEveryCrash`. */
export class World {
  readonly disk: SimDisk
  /** For the program's own choices. Anything else that differs from run to run (time, Math.random) spoils the seed. */
  readonly random: Choices
  readonly #nextPlan: () => Plan
  readonly #endings: Record<Ending, number> = { done: 0, failed: 0, 'power-cut': 0, kill: 0 }

  constructor(disk: SimDisk, random: Choices, nextPlan: () => Plan) {
    this.disk = disk
    this.random = random
    this.#nextPlan = nextPlan
  }

  /**
   * Runs a process until it ends by itself, crashes, or gives up over an error of the disk's. Whatever it does after its
   * crash changes nothing, and is not waited for. What else it throws breaks the run, and is what this rejects with.
   *
   * When it has ended by itself without closing its files, they are closed for it, and what it has not synced is still at
   * risk; a power cut that was to come later comes then.
   */
  async run(body: ProcessBody): Promise<Ending> {
    const plan = this.#nextPlan()
    const ending = await this.#live(body, plan.faults)
    if (plan.crash !== 'power-cut' || ending === 'power-cut') return this.#count(ending)
    this.disk.cutPower()
    return this.#count('power-cut')
  }

  /** Runs a process to which nothing happens: to look at what is left, and to see that all goes on well. */
  async check(body: ProcessBody): Promise<void> {
    const ending = await this.#live(body, undefined)
    if (ending !== 'done') throw new Error(`a process that was to check the disk has ended otherwise: ${ending}`)
  }

  /** Puts a line into the trace that a failure is reported with. */
  note(text: string): void {
    this.disk.note(text)
  }

  /** How many lives have ended how. */
  get endings(): Readonly<Record<Ending, number>> {
    return this.#endings
  }

  #count(ending: Ending): Ending {
    this.#endings[ending] += 1
    return ending
  }

  async #live(body: ProcessBody, faults: FaultHook | undefined): Promise<Ending> {
    const { disk } = this
    const own = disk.faults
    if (faults) disk.faults = own ? anyFault(faults, own) : faults
    const storage = disk.process()
    disk.note(`process ${storage.owners.self().pid} begins`)
    const life = new Life(body, storage, () => disk.deathOf(storage) === undefined)
    try {
      await this.#untilOver(life, storage)
    } finally {
      disk.faults = own
    }
    if (life.hasFailed && life.wasAlive) disk.note(`the process gives up: ${firstLine(life.failure)}`)
    if (life.hasFailed && life.wasAlive && !isSimulated(life.failure)) throw life.failure
    const death = disk.deathOf(storage)
    if (death === undefined) disk.endProcess(storage)
    await disk.settle()
    return death ?? (life.hasFailed ? 'failed' : 'done')
  }

  /** Until it has ended, or is dead and had its turns to notice. */
  async #untilOver(life: Life, storage: SimStorage): Promise<void> {
    const { disk } = this
    let [operations, idle] = [disk.operationCount, 0]
    while (!life.isOver) {
      // oxlint-disable-next-line no-await-in-loop
      await disk.settle()
      if (disk.deathOf(storage) !== undefined) {
        idle += 1
        if (idle > TURNS_TO_NOTICE) return
      } else if (disk.operationCount > operations) {
        ;[operations, idle] = [disk.operationCount, 0]
      } else {
        idle += 1
        // oxlint-disable-next-line no-await-in-loop
        if (idle > TURNS_TO_NOTICE) await this.#wait(idle - TURNS_TO_NOTICE)
      }
    }
  }

  /** Nothing is under way: first the event loop gets a turn, then simulated time passes, more and more, then real time. */
  async #wait(times: number): Promise<void> {
    if (times <= EVENT_LOOP_TURNS) await turn()
    else if (times <= EVENT_LOOP_TURNS + TIME_JUMPS) await this.disk.advance(10 ** (times - EVENT_LOOP_TURNS))
    else if (times <= EVENT_LOOP_TURNS + TIME_JUMPS + REAL_WAITS) await sleep(REAL_WAIT_MS)
    else throw new Error('the program waits, and nothing is under way on the disk that it could wait for')
  }
}

// Callbacks of callbacks, each a turn.
const TURNS_TO_NOTICE = 10
const EVENT_LOOP_TURNS = 3
// Up to 10^7 ms, almost three hours.
const TIME_JUMPS = 7
const REAL_WAITS = 100
const REAL_WAIT_MS = 10

function firstLine(failure: unknown): string {
  return String(failure).split('\n', 1).join()
}

/** A process at work, and what became of it. */
class Life {
  isOver = false
  /** Whether its process was there when it failed: what the dead think of it says nothing. */
  wasAlive = true
  hasFailed = false
  failure: unknown

  constructor(body: ProcessBody, storage: SimStorage, isAlive: () => boolean) {
    void this.#follow(body, storage, isAlive)
  }

  async #follow(body: ProcessBody, storage: SimStorage, isAlive: () => boolean): Promise<void> {
    try {
      await body(storage)
    } catch (error) {
      this.hasFailed = true
      this.failure = error
      this.wasAlive = isAlive()
    }
    this.isOver = true
  }
}
