import { setImmediate as turn } from 'node:timers/promises'

import type { Choices } from '../storage/sim/choices.js'
import type { Crash } from '../storage/sim/faults.js'
import { Random } from '../storage/sim/random.js'
import { RecordedChoices } from '../storage/sim/recorded-choices.js'
import { attempt, Tally, type Attempt, type Explored, type Program, type WorldDiskOptions } from './attempt.js'
import { drawPlan, type FaultName } from './plan.js'
import { decodeScript } from './replay-code.js'
import { reportFailure, type Play } from './report-failure.js'

export interface ExploreOptions {
  /** How many runs. Default 1000. */
  readonly schedules?: number
  /** The seed of the first run; each has the next one. Default: a random one, which a failure names. */
  readonly seed?: number
  /** What a process can end by, besides itself. Default: power cuts, and a kill now and then. */
  readonly crashes?: readonly Crash[]
  /** What else can go wrong, in half of the lives. Default: nothing. */
  readonly faults?: readonly FaultName[]
  /** The knobs of the disk. */
  readonly disk?: WorldDiskOptions
  /** How many runs may be spent on making a failure shorter. Default 2000. */
  readonly shrinkAttempts?: number
  /** Does the run that a failure has printed this code for, and nothing else. */
  readonly replay?: string
}

/**
 * Runs a program many times, each with another seed: processes crash anywhere, or are met by faults, and calls that wait go
 * on in any order. Rejects with a `ScheduleError` at the first run that fails, made short and told line by line.
 *
 * ```ts
 * await explore({ schedules: 10_000 }, async (world) => {
 *   const acknowledged: string[] = []
 *   for (let life = 0; life < 3; life++) {
 *     await world.run(async (storage) => {
 *       // open what stands on `storage`, check that all that was acknowledged is there, go on, acknowledge
 *     })
 *   }
 * })
 * ```
 */
export async function explore(options: ExploreOptions, program: Program): Promise<Explored> {
  const { disk, crashes = ['power-cut', 'kill'], faults = [], shrinkAttempts = 2000, replay } = options
  const tally = new Tally()
  const run = (choices: Choices, traceLines: number): Promise<Attempt> =>
    attempt(program, {
      disk,
      choices,
      traceLines,
      nextPlan: ({ operationCount }) => drawPlan(choices, crashes, faults, operationCount),
    })
  const play: Play = async (draws, traceLines, rest) => {
    const choices = new RecordedChoices(draws, rest)
    return { ...(await run(choices, traceLines)), drawn: choices.drawn }
  }
  const report = { caller: 'explore', crashes: [], play }
  if (replay !== undefined) {
    const { draws } = decodeScript(replay)
    const { hasFailed, failure, world } = await play(draws, 0)
    tally.add(world)
    if (hasFailed)
      await reportFailure({ ...report, failure, again: await play(draws, 0), seed: undefined, attemptsMax: 0 })
    return tally
  }
  const { schedules = 1000, seed = Math.floor(Math.random() * 2 ** 32) } = options
  const found = await firstFailure(seed, schedules, tally, (random) => run(random, 0))
  if (found) {
    const again = await play([], 0, new Random(found.seed))
    await reportFailure({ ...report, ...found, again, attemptsMax: shrinkAttempts })
  }
  return tally
}

async function firstFailure(
  firstSeed: number,
  schedules: number,
  tally: Tally,
  run: (random: Random) => Promise<Attempt>,
): Promise<{ readonly seed: number; readonly failure: unknown } | undefined> {
  for (let seed = firstSeed; seed < firstSeed + schedules; seed += 1) {
    // Run after run: side by side, they would take turns differently each time.
    // oxlint-disable-next-line no-await-in-loop
    const { hasFailed, failure, world } = await run(new Random(seed))
    tally.add(world)
    if (hasFailed) return { seed, failure }
    // Runs need no turn of the event loop; others do, as timers of a test runner.
    // oxlint-disable-next-line no-await-in-loop
    if (tally.schedules % SCHEDULES_A_TURN === 0) await turn()
  }
  return undefined
}

const SCHEDULES_A_TURN = 64
