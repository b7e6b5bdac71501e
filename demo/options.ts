import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'

import { KILLS_MIN } from './plan.js'

export interface DemoOptions {
  /** The file whose lines are journaled; the sources of this checkout and its packages if there is none. */
  readonly inputPath: string | undefined
  readonly seed: number
  readonly kills: number
  /** As many as the input keeps busy, if there is no number. */
  readonly committers: number | undefined
  /** Where the journal is left behind. */
  readonly keepDirectory: string | undefined
}

export const HELP = `Usage: npm start -- [options] [file]

Journals a file line by line, by a process that is killed with SIGKILL again and again,
and checks that no line is lost that was acknowledged.

  file              the text to journal (default: the sources of this checkout and of its packages)
  --kills N         how often to kill the job, one time of it during recovery (default 4, at least ${KILLS_MIN})
  --committers N    how many commit at the same time (default 256, fewer for a small input)
  --seed N          choose the moments of an earlier run again, as far as timing allows
  --keep DIR        leave the journal in DIR; it must not hold one yet
  --help            say this

Exit code: 0 if everything is as it must be, 1 if not, 2 for a wrong command line.
`

/** What the caller asked for cannot be done. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Reads the command line; undefined if it asks for help. Throws a UsageError. */
export function parseOptions(args: readonly string[]): DemoOptions | undefined {
  const { values, positionals } = parse(args)
  if (values.help) return undefined
  if (positionals.length > 1) throw new UsageError(`one file at a time, please: not ${positionals.join(' and ')}`)
  return {
    inputPath: positionals[0],
    seed: wholeNumber('--seed', values.seed, 0, SEED_MAX) ?? randomInt(SEED_MAX + 1),
    kills: wholeNumber('--kills', values.kills, KILLS_MIN, KILLS_MAX) ?? KILLS_DEFAULT,
    committers: wholeNumber('--committers', values.committers, 1, COMMITTERS_MAX),
    keepDirectory: values.keep,
  }
}

const SEED_MAX = 2 ** 32 - 1
const KILLS_DEFAULT = 4
/** Between two kills there must be lines enough to be killed in. */
const KILLS_MAX = 100
/** Each waits for a promise of its own. */
const COMMITTERS_MAX = 65_536

// oxlint-disable-next-line typescript/explicit-function-return-type
function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        kills: { type: 'string' },
        committers: { type: 'string' },
        seed: { type: 'string' },
        keep: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function wholeNumber(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d+$/u.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw new UsageError(`${name} is a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`)
}
