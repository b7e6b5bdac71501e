import type { Random } from '../storage/sim/random.js'
import type { Attempt } from './attempt.js'
import { encodeScript, type SetCrash } from './replay-code.js'
import { ScheduleError } from './schedule-error.js'
import { shrink } from './shrink.js'

/** A run whose draws were recorded. */
export interface RecordedAttempt extends Attempt {
  readonly drawn: readonly number[]
}

/** Runs the program with a script of draws, and after that with what `rest` draws, or the simplest. */
export type Play = (draws: readonly number[], traceLines: number, rest?: Random) => Promise<RecordedAttempt>

export interface Found {
  /** The function that has found it. */
  readonly caller: string
  readonly failure: unknown
  /** The same, once more. */
  readonly again: RecordedAttempt
  readonly crashes: readonly SetCrash[]
  readonly seed: number | undefined
  readonly attemptsMax: number
  readonly play: Play
}

/** Makes a failure as simple as can be, and throws it with everything that happened. */
export async function reportFailure(found: Found): Promise<never> {
  const { caller, failure, again, crashes, seed, play, attemptsMax } = found
  const kind = kindOf(failure)
  if (!again.hasFailed || kindOf(again.failure) !== kind) {
    const { trace } = again
    throw new ScheduleError({
      caller,
      failure,
      seed,
      replay: encodeScript({ crashes, draws: again.drawn }),
      trace,
      story: UNSTEADY,
    })
  }
  const stillFails = async (draws: readonly number[]): Promise<readonly number[] | undefined> => {
    const next = await play(draws, 0)
    return next.hasFailed && kindOf(next.failure) === kind ? next.drawn : undefined
  }
  const { script, attempts } = await shrink(again.drawn, stillFails, attemptsMax)
  const last = await play(script, TRACE_LINES)
  throw new ScheduleError({
    caller,
    failure: last.hasFailed ? last.failure : failure,
    seed,
    replay: encodeScript({ crashes, draws: script }),
    trace: last.trace,
    story: `${again.drawn.length} choices, of which ${last.drawn.length} are left after ${attempts} attempts to do with less`,
  })
}

const TRACE_LINES = 10_000

const UNSTEADY =
  'The same choices do not fail again: the program depends on something else, such as the time, Math.random, other I/O, or an earlier run.'

/** Failures that are one and the same have the same class and code, and come from the same place. */
function kindOf(failure: unknown): string {
  if (!(failure instanceof Error)) return `thrown: ${String(failure)}`
  const { code } = failure as NodeJS.ErrnoException
  const place = failure.stack?.split('\n').find((line) => /^\s+at /.test(line) && !line.includes('node:'))
  return [failure.name, code, place?.trim()].join(' ')
}
