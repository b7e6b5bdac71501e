import type { Random } from '#src/storage/sim/random.js'

import type { Input } from './input.js'

/** One way into the library for bytes that nobody vouches for. */
export interface Surface {
  readonly name: string
  /** Makes a case; `bases` are journals to begin with, or to take parts of. */
  make(random: Random, bases: readonly Buffer[]): Input
  /** Throws what is wrong with the library, whatever it is that it throws itself among it. Says in `tally` what was reached. */
  check(input: Input, tally: Tally): void | Promise<void>
  /** What every large run must reach; see `Tally`. */
  readonly goals: readonly string[]
}

/** How often something was reached. */
export class Tally {
  readonly counts: Map<string, number> = new Map()

  add(what: string, count = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + count)
  }
}

export const TAIL_STATES: readonly string[] = [
  'clean-end',
  'truncated-header',
  'truncated-payload',
  'checksum-mismatch',
  'bad-magic',
  'length-overflow',
]
