import { Random } from '#src/storage/sim/random.js'
import { RecordedChoices } from '#src/storage/sim/recorded-choices.js'
import { decodeScript, encodeScript } from '#src/testing/replay-code.js'
import { shrink } from '#src/testing/shrink.js'

import { Violation } from './model.js'
import { runChoices } from './schedule.js'

/** So many shorter schedules are tried: some seconds of them. */
const ATTEMPTS_MAX = 4000
const TRACE_LINES = 1000

/** Tells a failing schedule operation by operation, after it was made as short as can be, and how it is repeated. */
export async function tellFailure(seed: number): Promise<string> {
  const first = new RecordedChoices([], new Random(seed))
  const failure = await failureOf(first, 0)
  if (failure === undefined) return 'it failed, and did not when it was run again: it depends on more than its seed'
  const stillFails = async (script: readonly number[]): Promise<readonly number[] | undefined> => {
    const choices = new RecordedChoices(script)
    const next = await failureOf(choices, 0)
    return next !== undefined && kindOf(next) === kindOf(failure) ? choices.drawn : undefined
  }
  const { script, attempts } = await shrink(first.drawn, stillFails, ATTEMPTS_MAX)
  const code = encodeScript({ crashes: [], draws: script })
  return [
    `${first.drawn.length} choices, of which ${script.length} are left after ${attempts} attempts to do with less`,
    `repeat it with: npm run sim -- --seed ${seed} --lives 1`,
    `the short one:  npm run sim -- --replay '${code}'`,
    await tellReplay(code),
  ].join('\n')
}

/** Tells what happens in the run that such a code stands for. */
export async function tellReplay(code: string): Promise<string> {
  const failure = await failureOf(new RecordedChoices(decodeScript(code).draws), TRACE_LINES)
  return failure === undefined ? 'all is well' : String((failure as Error).stack)
}

async function failureOf(choices: RecordedChoices, traceLines: number): Promise<unknown> {
  try {
    await runChoices(choices, { traceLines })
    return undefined
  } catch (error) {
    return error ?? new Error('failed without saying how')
  }
}

/** The promise that is not kept, or the error that nobody expects. */
function kindOf(failure: unknown): string {
  const { name, code, message } = failure as NodeJS.ErrnoException
  return failure instanceof Violation ? message.slice(0, message.indexOf(':')) : `${name} ${code}`
}
