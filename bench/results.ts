import type { Entrant, Metric } from './entrant.js'

/** What one run of `npm run bench` found, as it is kept in `bench/results`. */
export interface Results {
  /** When it began, ISO 8601. */
  readonly begun: string
  /** Of the source: `git describe`, or undefined. */
  readonly commit?: string
  readonly machine: readonly string[]
  readonly rounds: number
  readonly workloads: readonly WorkloadResult[]
}

export interface WorkloadResult {
  readonly id: string
  readonly title: string
  readonly about: string
  readonly metric: Metric
  readonly committers: number
  readonly rows: readonly Row[]
  readonly leftOut: readonly LeftOut[]
}

/** What is known of an entrant; in the arrays, one figure a round. */
export interface Row extends Pick<Entrant, 'id' | 'label' | 'family' | 'file' | 'durable' | 'blocks'> {
  /** In the metric's unit. */
  readonly figures: readonly number[]
  /** CPU time a record. */
  readonly cpuNs: readonly number[]
  readonly memoryMiB: readonly number[]
  readonly loopDelayMs?: readonly number[]
  readonly p99Us?: readonly number[]
  /** Of `append`: the rate with the sync at the end, in the metric's unit. */
  readonly withSync?: readonly number[]
  readonly syncs?: SyncCount
  readonly served?: string
}

/** How many syncs a short run made, under a tracer, and how many it needed for what it had confirmed. */
export interface SyncCount {
  readonly found: number
  readonly needed: number
  /** Which calls they were, with counts; or why nobody could count. */
  readonly by: string
  readonly verdict: 'synced' | 'NOT SYNCED' | 'not counted'
}

export interface LeftOut {
  readonly id: string
  readonly label: string
  readonly reason: string
}

/** The entrants that may be compared: what does not sync, though it says so, is not in the same contest. */
export function comparable({ rows }: WorkloadResult): Row[] {
  return rows.filter(({ syncs }) => syncs?.verdict !== 'NOT SYNCED')
}

/** As JSON, a row a line: readable, and small in a diff. Figures have four digits. */
export function stringify(results: Results): string {
  const { workloads, ...head } = results
  const texts = workloads.map(({ rows, leftOut, ...rest }) => {
    const start = line(rest).slice(0, -1)
    return `    ${start},\n      "rows": ${list(rows, '        ')},\n      "leftOut": ${list(leftOut, '        ')}}`
  })
  return `${line(head).slice(0, -1)},\n  "workloads": [\n${texts.join(',\n')}\n  ]}\n`
}

function line(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => rounded(part))
}

function list(values: readonly unknown[], indent: string): string {
  if (values.length === 0) return '[]'
  return `[\n${values.map((value) => `${indent}${line(value)}`).join(',\n')}\n${indent.slice(2)}]`
}

function rounded(value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value
}
