import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { WorkloadResult } from '../results.js'
import { spread } from '../statistics.js'
import { barChart } from './bar-chart.js'
import { type LineChart, lineChart } from './line-chart.js'
import { type Theme, type ThemeName, themes } from './theme.js'

/** Where a page finds a chart: `charts/<name>-light.svg` and `-dark.svg`. */
export interface Chart {
  readonly name: string
  readonly alternative: string
}

/** Those that the lines over the number of committers are drawn for: with all of them, none can be told from the others. */
const LINES = [
  'fsys/uring/through,direct',
  'fsys/pool/through',
  'fsys/portable/through',
  'hand-written/staged',
  'better-sqlite3/commit',
  'lmdb',
  'classic-level',
  'sonic-boom',
  'rust-1/window',
  'go/etcd',
]
const LINES_PREFIX = 'W3-64-'

/** Draws every workload, once for light pages and once for dark ones. Returns which chart stands for which workload. */
export function writeCharts(results: readonly WorkloadResult[], folder: string): Map<string, Chart> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const charts = new Map<string, Chart>()
  const write = (id: string, name: string, alternative: string, draw: (theme: Theme) => string): void => {
    for (const theme of ['light', 'dark'] satisfies ThemeName[]) {
      writeFileSync(join(folder, `${name}-${theme}.svg`), draw(themes[theme]))
    }
    charts.set(id, { name, alternative })
  }
  const committers = results.filter(({ id }) => id.startsWith(LINES_PREFIX))
  const [first] = committers
  if (first !== undefined && committers.length > 1) {
    const chart = linesOf(committers)
    write(first.id, 'w3-64', chart.title, (theme) => lineChart(chart, theme))
  }
  for (const result of results) {
    if (result.rows.length === 0 || (committers.length > 1 && committers.includes(result))) continue
    write(result.id, result.id.toLowerCase(), result.title, (theme) => barChart(result, theme))
  }
  return charts
}

function linesOf(results: readonly WorkloadResult[]): LineChart {
  const lines = LINES.flatMap((id) => {
    const rows = results.flatMap(({ committers, rows: all }) =>
      all.filter((row) => row.id === id).map((row) => ({ committers, row })),
    )
    const [first] = rows
    if (first === undefined) return []
    const points = rows.map(({ committers, row }) => ({ x: committers, y: spread(row.figures).median * 1000 }))
    return [{ label: first.row.label.split(',')[0] ?? '', family: first.row.family, points }]
  })
  return { title: 'Concurrent committers of 64 B', xName: 'committers', yName: 'durable commits a second', lines }
}
