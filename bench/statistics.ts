/** What the rounds of one contestant give: its median, and how far the rounds lie apart. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** The smallest value that at least so many percent of all do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN
}

/**
 * The median of the ratios within each round: what comes and goes over minutes, a noisy neighbour for instance, hits both
 * sides of a round and does not move it.
 */
export function ratio(values: readonly number[], bases: readonly number[]): number {
  if (values.length !== bases.length) throw new RangeError('a ratio needs both sides from the same rounds')
  return median(values.map((value, round) => value / (bases[round] ?? Number.NaN)))
}
