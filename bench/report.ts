import type { Goal } from './goals.js'
import type { Row, SyncCount, WorkloadResult } from './results.js'
import { spread } from './statistics.js'
import type { Verdict } from './verdicts.js'

/** A workload's table, best first: for the terminal and for the page alike. */
export function renderWorkload(result: WorkloadResult): string[] {
  const { id, title, metric } = result
  const rounds = result.rows[0]?.figures.length ?? 0
  const better = metric.better === 'more' ? 'more is better' : 'less is better'
  return [
    `### ${id}: ${title}`,
    '',
    `${metric.unit}, ${better}; the median of ${rounds} rounds, least to most.`,
    '',
    ...renderRows(result),
  ]
}

/** The rows alone. A column that no row has anything for is left out. */
export function renderRows({ rows, metric }: WorkloadResult): string[] {
  const columns: [string, (row: Row) => string][] = [
    [
      '',
      ({ label, blocks, family }) => (blocks && (family === 'fsys' || family === 'node') ? `${label} (blocks)` : label),
    ],
    [metric.unit, ({ figures }) => figure(spread(figures).median)],
    ['range', ({ figures }) => `${figure(spread(figures).least)} to ${figure(spread(figures).most)}`],
    ['with the sync', ({ withSync }) => medianOf(withSync)],
    ['p99 us', ({ p99Us }) => medianOf(p99Us)],
    ['CPU a record, us', ({ cpuNs }) => figure(spread(cpuNs).median / 1000)],
    ['memory, MiB', ({ memoryMiB }) => figure(spread(memoryMiB).median)],
    ['loop delay p99, ms', ({ loopDelayMs, blocks }) => (blocks ? '' : medianOf(loopDelayMs))],
    ['file', ({ file }) => file],
    ['durable', ({ durable }) => durable],
    ['syncs counted', ({ syncs }) => renderSyncs(syncs)],
  ]
  const sorted = bestFirst(rows, metric.better)
  const used = columns.filter(([, cell], index) => index === 0 || sorted.some((row) => cell(row) !== ''))
  return renderTable(
    used.map(([head]) => head),
    sorted.map((row) => used.map(([, cell]) => cell(row))),
  )
}

export function bestFirst(rows: readonly Row[], better: 'more' | 'less'): Row[] {
  const sign = better === 'more' ? -1 : 1
  return rows.toSorted((one, other) => sign * (spread(one.figures).median - spread(other.figures).median))
}

export function renderVerdicts(verdicts: readonly Verdict[]): string[] {
  return verdicts.map((verdict) => {
    const { goal } = verdict
    if ('skipped' in verdict) return `- not judged: ${goal.workload}, ${goal.row}: ${verdict.skipped}`
    return `- ${verdict.isMet ? 'met' : '**MISSED**'}: ${goal.workload}, ${describeVerdict(verdict)}`
  })
}

/** A goal in words, who, against whom and how much; and what was found. */
export function describeVerdict({ goal, subject, base, found }: Extract<Verdict, { readonly found: number }>): string {
  const of = goal.of === 'figure' ? '' : `, ${goal.of}`
  const sign = goal.relation === '>=' ? 'at least' : 'at most'
  const against = base === undefined ? unitOf(goal) : ` x ${base}`
  return `${subject}${of}: **${figure(found)}**${base === undefined ? unitOf(goal) : ''}, to be ${sign} ${goal.value}${against}`
}

function unitOf({ of }: Goal): string {
  return of === 'loop delay' ? ' ms' : ''
}

/** Who is not in the run and why, those of one reason together. */
export function renderLeftOut(results: readonly WorkloadResult[]): string[] {
  const byReason = new Map<string, Set<string>>()
  for (const { label, reason } of results.flatMap(({ leftOut }) => leftOut)) {
    byReason.set(reason, (byReason.get(reason) ?? new Set()).add(label))
  }
  return [...byReason].map(([reason, labels]) => `- left out, ${reason}: ${[...labels].join('; ')}`)
}

function renderSyncs(syncs: SyncCount | undefined): string {
  if (syncs === undefined) return ''
  if (syncs.verdict === 'not counted') return `not counted: ${syncs.by}`
  const counted = `${syncs.found} for ${syncs.needed} needed (${syncs.by})`
  return syncs.verdict === 'synced' ? counted : `**NOT SYNCED, not compared**: ${counted}`
}

function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)]
}

function medianOf(values: readonly number[] | undefined): string {
  return values === undefined ? '' : figure(spread(values).median)
}

/** Three digits. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '-'
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value >= 1 ? value.toFixed(2) : value.toPrecision(2)
}
