import type { Mutant } from './mutant.js'
import type { Trial, Verdict } from './trial.js'

export interface Judgement {
  /** The mutant is caught as its entry states; the library passes. */
  readonly isRight: boolean
  /** What has caught it, or what is wrong. */
  readonly what: string
}

/** Whether a mutant was caught by what its entry names. No verdict: the trial has not come to an end in time. */
export function judgeMutant({ caughtBy }: Pick<Mutant, 'caughtBy'>, verdict: Verdict | undefined): Judgement {
  if ('seeds' in caughtBy) {
    if (verdict === undefined) return wrong('ERROR: a schedule never ends')
    const { seeds, schedules, message } = verdict
    if (message === undefined) return wrong(`SURVIVES ${seeds} seeds, ${schedules} schedules`)
    const found = `seed ${seeds} of at most ${caughtBy.seeds}, after ${schedules} schedules`
    return { isRight: true, what: `${found}: ${firstWords(message)}` }
  }
  const { test, named, hangs } = caughtBy
  if (verdict === undefined) {
    return hangs ? { isRight: true, what: `${test}: "${named}" never ends` } : wrong(`ERROR: ${test} never ends`)
  }
  const found = verdict.failed.find((name) => name.includes(named))
  if (hangs) return wrong(`SURVIVES: ${test}: "${named}" comes to an end`)
  if (found !== undefined) return { isRight: true, what: `${test}: "${found}"` }
  if (verdict.failed.length > 0) return wrong(`ERROR: others fail: ${verdict.failed.join(', ')}`)
  return wrong(`SURVIVES: ${test}: "${named}" passes`)
}

/** Whether the library as it is passes all that mutants are to fail: else being caught means nothing. */
export function judgeLibrary({ seeds, tests }: Trial, verdict: Verdict | undefined): Judgement {
  if (verdict === undefined) return wrong('WRONG: it never ends')
  const { message, passed, failed } = verdict
  if (message !== undefined) return wrong(`WRONG: seed ${verdict.seeds} fails: ${firstWords(message)}`)
  if (failed.length > 0) return wrong(`WRONG: fails ${failed.join(', ')}`)
  const missing = tests.filter(({ named }) => !passed.some((name) => name.includes(named)))
  if (missing.length > 0) return wrong(`WRONG: not run here: ${missing.map(({ named }) => named).join(', ')}`)
  const { schedules } = verdict
  return {
    isRight: true,
    what: `nothing: it passes ${seeds} seeds, ${schedules} schedules, and ${passed.length} tests`,
  }
}

function wrong(what: string): Judgement {
  return { isRight: false, what }
}

function firstWords(message: string): string {
  return (message.split('\n', 1)[0] as string).slice(0, 100)
}
