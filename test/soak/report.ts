import { formatBytes, formatCount, formatMs } from '../../demo/format.js'
import type { Latency } from './latency.js'
import { GROWTH_MAX, type Resources } from './resources.js'
import type { SoakResult } from './soak.js'

/** The result of a soak as a page of Markdown. */
export function describeSoak(result: SoakResult, place: string, seed: number): string {
  const { kills, counts, start, end } = result
  const killed = Object.entries(kills)
    .map(([activity, count]) => `${count} while ${activity}`)
    .join(', ')
  const done = Object.entries(counts)
    .map(
      ([name, count]) => `${formatCount(count)} ${name.replaceAll(/[A-Z]/gu, (letter) => ` ${letter.toLowerCase()}`)}`,
    )
    .join(', ')
  const rows = [
    ['machine', place],
    ['time', `${(result.elapsedMs / 60_000).toFixed(1)} minutes, seed ${seed}`],
    ['lives of writers', `${result.lives}, with ${formatCount(result.openings)} openings of a journal`],
    ['SIGKILLs', killed],
    ['records acknowledged', formatCount(result.recordsAcknowledged)],
    ['records verified', formatCount(result.recordsVerified)],
    ['done', done],
    ['disk, most', formatBytes(result.diskBytesPeak)],
    ['resident memory at work, most', formatBytes(result.rssBytesPeak)],
    ['errors', result.errors.length === 0 ? 'none' : String(result.errors.length)],
  ]
  const parts = [`| the run | |\n| --- | --- |\n${rows.map((cells) => row(...cells)).join('\n')}\n`]
  if (start !== undefined && end !== undefined) {
    parts.push(
      '| the writer that is never killed | at the start | at the end | may grow by |\n| --- | ---: | ---: | ---: |',
      ...RESOURCE_ROWS.map(([words, name, format]) =>
        row(words, format(start.resources[name]), format(end.resources[name]), format(GROWTH_MAX[name])),
      ),
      ...LATENCY_ROWS.map(([words, name, format]) =>
        row(words, format(start.latency[name]), format(end.latency[name]), ''),
      ),
      '',
    )
  }
  return [...parts, ...result.errors.map((error) => `WRONG: ${error}`)].join('\n')
}

function row(...cells: string[]): string {
  return `| ${cells.join(' | ')} |`
}

const RESOURCE_ROWS: readonly [string, keyof Resources, (value: number) => string][] = [
  ['resident memory, journals closed', 'rssBytes', formatBytes],
  ['JavaScript heap, collected', 'heapBytes', formatBytes],
  ['memory of buffers', 'externalBytes', formatBytes],
  ['descriptors, journals closed', 'descriptors', String],
  ['threads', 'threads', String],
]

const formatUs = (us: number): string => formatMs(us / 1e3)

const LATENCY_ROWS: readonly [string, keyof Latency, (value: number) => string][] = [
  ['commits', 'commits', formatCount],
  ['commit, p50', 'p50', formatUs],
  ['commit, p90', 'p90', formatUs],
  ['commit, p99', 'p99', formatUs],
  ['commit, p99.9', 'p999', formatUs],
  ['commit, longest', 'max', formatUs],
]
