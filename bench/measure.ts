/** One way of doing the job, measured once a round. */
export interface Contender {
  readonly name: string
  /** What is on stable storage when it says that it is done. */
  readonly durable: string
  /** Does the job once and returns the figure: the contest says of what. */
  run(): Promise<number>
}

/** Something that must hold, or the bench fails: a figure, or a ratio to another contender in the same rounds. */
export interface Floor {
  readonly contender: string
  readonly to?: string
  readonly relation: '>=' | '<='
  readonly value: number
}

/** Contenders that do the same job, so that their figures can be compared. */
export interface Contest {
  readonly name: string
  readonly unit: string
  readonly contenders: readonly Contender[]
  readonly floors: readonly Floor[]
}

export interface Row {
  readonly name: string
  readonly durable: string
  readonly median: number
  readonly least: number
  readonly most: number
}

export interface Verdict extends Floor {
  readonly found: number
  readonly isMet: boolean
}

export interface ContestResult {
  readonly contest: Contest
  readonly rounds: number
  readonly rows: readonly Row[]
  readonly verdicts: readonly Verdict[]
}

/**
 * Runs the contenders in turn, round by round, so that a noisy neighbour hits all of them. A ratio is the median of the
 * ratios within each round, which what comes and goes over minutes does not move.
 */
export async function hold(contest: Contest, rounds: number, progress: (text: string) => void): Promise<ContestResult> {
  const figures = new Map<string, number[]>(contest.contenders.map(({ name }) => [name, []]))
  // A first round warms up the compiler and the file system, and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const contender of contest.contenders) {
      const { name } = contender
      progress(`${contest.name}: ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}, ${name}`)
      // Side by side they would measure each other.
      // oxlint-disable-next-line no-await-in-loop
      const figure = await contender.run()
      if (round > 0) figures.get(name)?.push(figure)
    }
  }
  const of = (name: string): number[] => figures.get(name) ?? []
  const rows = contest.contenders.map(({ name, durable }) => ({
    name,
    durable,
    median: median(of(name)),
    least: Math.min(...of(name)),
    most: Math.max(...of(name)),
  }))
  const verdicts = contest.floors.map((floor) => {
    const base = floor.to === undefined ? undefined : of(floor.to)
    const found = median(of(floor.contender).map((figure, round) => figure / (base?.[round] ?? 1)))
    return { ...floor, found, isMet: floor.relation === '>=' ? found >= floor.value : found <= floor.value }
  })
  return { contest, rounds, rows, verdicts }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN
}
