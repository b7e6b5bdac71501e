import type { WorkloadResult } from './results.js'
import { ratio } from './statistics.js'

/** What a ratio to a baseline of the same run may be at least, or at most: one of the two. */
export interface Bound {
  readonly workload: string
  readonly row: string
  readonly to: string
  /** `cpu`, CPU time a record, is what neighbours move least: for what does not wait for the disk. */
  readonly of: 'figure' | 'cpu'
  readonly least?: number
  readonly most?: number
}

export interface Checked {
  readonly bound: Bound
  /** Undefined if one of the two could not be measured here, for want of a compiler or of io_uring for instance. */
  readonly ratio: number | undefined
  readonly isWithin: boolean | undefined
}

/** How far a bound stands from what was found: a figure that is halved, or doubled, is out of it; noise is not. */
const SLACK = 0.62

export function check(bounds: readonly Bound[], results: readonly WorkloadResult[]): Checked[] {
  return bounds.map((bound) => {
    const { rows = [] } = results.find(({ id }) => id === bound.workload) ?? {}
    const [figures, bases] = [bound.row, bound.to].map((wanted) => {
      const row = rows.find(({ id }) => id === wanted)
      return bound.of === 'cpu' ? row?.cpuNs : row?.figures
    })
    if (figures === undefined || bases === undefined) return { bound, ratio: undefined, isWithin: undefined }
    const found = ratio(figures, bases)
    const isWithin =
      found >= (bound.least ?? Number.NEGATIVE_INFINITY) && found <= (bound.most ?? Number.POSITIVE_INFINITY)
    return { bound, ratio: found, isWithin }
  })
}

/** The bound that belongs to what was found. One that could not be measured stays as it is. */
export function boundFor({ bound, ratio: found }: Checked): Bound {
  if (found === undefined) return bound
  const { workload, row, to, of } = bound
  return bound.least === undefined
    ? { workload, row, to, of, most: rounded(found / SLACK) }
    : { workload, row, to, of, least: rounded(found * SLACK) }
}

function rounded(value: number): number {
  return Number(value.toPrecision(2))
}
