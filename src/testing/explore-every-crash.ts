import { setImmediate as turn } from 'node:timers/promises'

import { Choices } from '../storage/sim/choices.js'
import type { Crash, Fault, Moment } from '../storage/sim/faults.js'
import type { OperationFacts } from '../storage/sim/operation.js'
import { Random } from '../storage/sim/random.js'
import { RecordedChoices } from '../storage/sim/recorded-choices.js'
import { attempt, Tally, type Explored, type Program, type WorldDiskOptions } from './attempt.js'
import type { Plan } from './plan.js'
import { decodeScript, type SetCrash } from './replay-code.js'
import { reportFailure, type Play, type RecordedAttempt } from './report-failure.js'

export interface ExploreEveryCrashOptions {
  /** Default: both. */
  readonly crashes?: readonly Crash[]
  /** How many crashes a run has: with 2, every run with one is crashed once more at each operation after it. Default 1. */
  readonly depth?: number
  /**
   * How many different outcomes of each power cut are tried, besides the two in which everything survives and nothing does.
   * Default 4.
   */
  readonly fates?: number
  /** The knobs of the disk. */
  readonly disk?: WorldDiskOptions
  /** How many runs may be spent on making a failure shorter. Default 2000. */
  readonly shrinkAttempts?: number
  /** Does the run that a failure has printed this code for, and nothing else. */
  readonly replay?: string
}

/**
 * Runs a program once without a crash, and then once for each operation that it made, with a crash there: before the
 * operation, after it but before its answer, and if it is a write, in the middle. `world.random` makes the simplest choice
 * always, and calls go on in their order. Rejects with a `ScheduleError` at the first run that fails.
 */
export async function exploreEveryCrash(options: ExploreEveryCrashOptions, program: Program): Promise<Explored> {
  const search = new EveryCrash(options, program)
  if (options.replay === undefined) await search.extend([], await search.run([]), options.depth ?? 1)
  else await search.replay(options.replay)
  return search.tally
}

/** A crash, and a seed for what it leaves to chance; without one, the simplest choices go on. */
interface SeededCrash extends SetCrash {
  readonly seed?: number
}

type Reached = Pick<OperationFacts, 'index' | 'kind'>

class EveryCrash {
  readonly tally = new Tally()
  readonly #options: ExploreEveryCrashOptions
  readonly #program: Program

  constructor(options: ExploreEveryCrashOptions, program: Program) {
    this.#options = options
    this.#program = program
  }

  /** All runs that begin with these crashes, of which one has reached these operations, and go on with another. */
  async extend(crashes: readonly SeededCrash[], reached: readonly Reached[], depth: number): Promise<void> {
    const last = crashes.at(-1)?.at ?? -1
    for (const operation of reached) {
      if (operation.index <= last) continue
      for (const crash of this.#crashesAt(operation)) {
        const longer = [...crashes, crash]
        // Run after run: side by side, they would take turns differently each time.
        // oxlint-disable-next-line no-await-in-loop
        const next = await this.run(longer)
        // oxlint-disable-next-line no-await-in-loop
        if (depth > 1) await this.extend(longer, next, depth - 1)
      }
      // Others want a turn of the event loop too.
      // oxlint-disable-next-line no-await-in-loop
      await turn()
    }
  }

  /** One run; returns what it has reached in processes that can crash. */
  async run(crashes: readonly SeededCrash[]): Promise<readonly Reached[]> {
    const reached: Reached[] = []
    const found = await this.#play(crashes, reached, [], 0)
    this.tally.add(found.world)
    if (found.hasFailed) await this.#report(crashes, found, this.#options.shrinkAttempts ?? 2000)
    return reached
  }

  async replay(code: string): Promise<void> {
    const { crashes, draws } = decodeScript(code)
    const found = await this.#play(crashes, [], draws, 0)
    this.tally.add(found.world)
    if (found.hasFailed) await this.#report(crashes, found, 0)
  }

  *#crashesAt({ index: at, kind }: Reached): Generator<SeededCrash> {
    const { crashes = ['power-cut', 'kill'], fates = 4 } = this.#options
    const moments: readonly Moment[] = kind === 'write' ? ['before', 'middle', 'after'] : ['before', 'after']
    for (const when of moments) {
      if (crashes.includes('kill')) yield { at, crash: 'kill', when, leaves: 'some' }
      if (!crashes.includes('power-cut')) continue
      yield { at, crash: 'power-cut', when, leaves: 'all' }
      yield { at, crash: 'power-cut', when, leaves: 'none' }
      for (let seed = 1; seed <= fates; seed += 1) yield { at, crash: 'power-cut', when, leaves: 'some', seed }
    }
  }

  async #play(
    crashes: readonly SeededCrash[],
    reached: Reached[],
    draws: readonly number[],
    traceLines: number,
  ): Promise<RecordedAttempt> {
    const rest = new CalmUntilTold()
    const choices = new RecordedChoices(draws, rest)
    const plan: Plan = {
      crash: undefined,
      faults: ({ index, kind }): Fault | undefined => {
        reached.push({ index, kind })
        const crash = crashes.find(({ at }) => at === index)
        if (crash?.seed !== undefined) rest.begin(new Random(crash.seed))
        return crash
      },
    }
    const { disk } = this.#options
    const played = await attempt(this.#program, { disk, choices, traceLines, nextPlan: () => plan })
    return { ...played, drawn: choices.drawn }
  }

  async #report(crashes: readonly SeededCrash[], found: RecordedAttempt, attemptsMax: number): Promise<never> {
    const unseeded = crashes.map(({ at, crash, when, leaves }) => ({ at, crash, when, leaves }))
    const play: Play = (draws, traceLines) => this.#play(unseeded, [], draws, traceLines)
    const [{ failure }, again] = [found, await play(found.drawn, 0)]
    return reportFailure({ caller: 'exploreEveryCrash', failure, again, crashes, seed: undefined, attemptsMax, play })
  }
}

/** The simplest choices, until there is something else to draw from. */
class CalmUntilTold extends Choices {
  #source: Choices | undefined

  begin(source: Choices): void {
    this.#source = source
  }

  below(limit: number): number {
    return this.#source?.below(limit) ?? 0
  }

  chance(probability: number): boolean {
    return this.#source?.chance(probability) ?? probability >= 1
  }
}
