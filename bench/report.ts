import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type as systemType } from 'node:os'

import type { ContestResult, Verdict } from './measure.js'

/** Where it ran: without that, a figure says nothing. */
export function describeMachine(directory: string): string[] {
  const [cpu] = cpus()
  return [
    `${cpu?.model ?? 'unknown CPU'}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `${systemType()} ${release()}, ${fileSystemOf(directory)}`,
    `Node.js ${process.version}`,
  ]
}

/** The type of the file system that a path is on, from /proc/mounts; what is longest wins. */
function fileSystemOf(path: string): string {
  let mounts: string
  try {
    mounts = readFileSync('/proc/mounts', 'utf8')
  } catch {
    return 'unknown file system'
  }
  const fits = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, at = '?']) => path === at || path.startsWith(at.endsWith('/') ? at : `${at}/`))
  const [device, , type] = fits.toSorted(([, one = ''], [, other = '']) => other.length - one.length)[0] ?? []
  return `${type ?? 'unknown file system'} on ${device ?? 'an unknown device'}`
}

/** The tables, as Markdown: for the terminal and for the page alike. */
export function renderResults(results: readonly ContestResult[]): string {
  return results.map(renderContest).join('\n\n')
}

function renderContest({ contest, rounds, rows, verdicts }: ContestResult): string {
  return [
    `## ${contest.name}`,
    '',
    `${contest.unit}, median of ${rounds} interleaved rounds (least to most)`,
    '',
    ...renderTable(
      ['', contest.unit, 'range', 'durable when done'],
      rows.map((row) => [row.name, figure(row.median), `${figure(row.least)} to ${figure(row.most)}`, row.durable]),
    ),
    '',
    ...verdicts.map(renderVerdict),
  ].join('\n')
}

function renderVerdict({ contender, to, relation, value, found, isMet }: Verdict): string {
  const what = to === undefined ? contender : `${contender} / ${to}`
  const sign = relation === '>=' ? 'at least' : 'at most'
  return `- ${isMet ? 'met' : '**MISSED**'}: ${what}: ${figure(found)}${to === undefined ? '' : ' x'}, floor ${sign} ${value}`
}

function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((_, column) => Math.max(3, ...[head, ...rows].map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)]
}

function figure(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
