import { deepEqual, doesNotMatch, equal, match, ok } from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { barChart } from '../../bench/charts/bar-chart.js'
import { lineChart, spreadOut } from '../../bench/charts/line-chart.js'
import { themes } from '../../bench/charts/theme.js'
import { writeCharts } from '../../bench/charts/write-charts.js'
import type { Goal } from '../../bench/goals.js'
import { renderPage } from '../../bench/page.js'
import { renderWorkload } from '../../bench/report.js'
import { type Results, stringify } from '../../bench/results.js'
import { judge } from '../../bench/verdicts.js'
import { temporaryDirectory } from '../support/temporary.js'
import { result, row } from './sample.js'

const rows = [
  row('slow <&> "peer"', [10, 11, 12], 'node'),
  { ...row('fsys/pool', [40, 30, 50]), served: 'pool, native checksums', loopDelayMs: [1, 2, 3] },
]
const goal: Goal = { workload: 'W2', row: 'fsys/pool', of: 'figure', relation: '>=', value: 5, to: ['family:node'] }
const results: Results = {
  begun: '2026-01-02T03:04:05.678Z',
  commit: 'abc1234',
  machine: ['a CPU', 'a disk'],
  rounds: 3,
  workloads: [
    {
      ...result('W2', rows),
      leftOut: [{ id: 'gone', label: 'gone peer', reason: 'cargo is not on this machine' }],
    },
  ],
}

test('a table has the best first, the median with its range, and no empty columns', () => {
  const lines = renderWorkload(result('W2', rows))
  const table = lines.filter((line) => line.startsWith('|'))
  match(table[2] ?? '', /fsys\/pool +\| 40\.0 +\| 30\.0 to 50\.0/u)
  match(table[3] ?? '', /peer/u)
  doesNotMatch(table[0] ?? '', /p99 us|with the sync/u)
})

test('the page has machine, goals, misses with their size, charts for both themes, and who was left out', () => {
  const verdicts = judge([goal], results.workloads)
  const page = renderPage(
    results,
    verdicts,
    new Map([['W2', { name: 'w2', alternative: 'Title of W2' }]]),
    '2026-01-02',
    [{ name: 'another disk', results: { ...results, machine: ['another CPU'] }, verdicts }],
  )
  for (const text of [
    '- a CPU',
    'commit abc1234',
    'fsys served by: pool, native checksums',
    '- left out, cargo is not on this machine: gone peer',
    '0 of 1 goals are met',
    'fsys/pool: **4.00**, to be at least 5 x slow <&> "peer": missed by 25 %',
    'srcset="charts/w2-dark.svg"',
    'src="charts/w2-light.svg"',
    'bench/results/2026-01-02.json',
    '### another disk',
    '- another CPU',
  ]) {
    ok(page.includes(text), `the page does not say ${text}`)
  }
})

test('what does not sync is marked in the table and in the chart', () => {
  const syncs = { found: 2, needed: 50, by: '2 fsync', verdict: 'NOT SYNCED' as const }
  const lying = result('W2', [{ ...row('liar', [99]), syncs }])
  match(renderWorkload(lying).join('\n'), /\*\*NOT SYNCED, not compared\*\*: 2 for 50 needed/u)
  match(barChart(lying, themes.light), /liar \(does not sync\)/u)
})

test('a bar chart is well-formed, and hides no text in markup', () => {
  for (const theme of [themes.light, themes.dark]) {
    const chart = barChart(result('W2', rows), theme)
    ok(isWellFormed(chart))
    ok(chart.includes('slow &lt;&amp;&gt; &quot;peer&quot;'))
    ok(chart.includes(theme.families.fsys))
  }
})

test('a line chart is well-formed, and its names do not overlap', () => {
  const points = [8, 64, 512].map((x) => ({ x, y: x * 1000 }))
  const lines = ['one', 'two', 'three'].map((label) => ({ label, family: 'node' as const, points }))
  ok(isWellFormed(lineChart({ title: 'T', xName: 'x', yName: 'y', lines }, themes.dark)))
  deepEqual(spreadOut([10, 11, 40], 15, 100), [10, 25, 40])
  deepEqual(spreadOut([90, 95, 99], 15, 100), [70, 85, 100])
})

test('the charts of a run are written for both themes: one of lines over the committers, one of bars for each other workload', (context) => {
  const folder = join(temporaryDirectory(context), 'charts')
  const few = { ...result('W3-64-64', [row('fsys/pool/through', [64])]), committers: 64 }
  const many = { ...result('W3-64-1024', [row('fsys/pool/through', [900])]), committers: 1024 }
  const charts = writeCharts([...results.workloads, few, many], folder)
  deepEqual([...charts.keys()], ['W3-64-64', 'W2'])
  deepEqual(readdirSync(folder).toSorted(), ['w2-dark.svg', 'w2-light.svg', 'w3-64-dark.svg', 'w3-64-light.svg'])
  for (const name of readdirSync(folder)) ok(isWellFormed(readFileSync(join(folder, name), 'utf8')))
})

test('results are kept as JSON that says the same, with four digits', () => {
  const kept = JSON.parse(stringify(results)) as Results
  deepEqual(kept, JSON.parse(JSON.stringify(results)))
  const [workload] = results.workloads
  ok(workload !== undefined)
  const precise = { ...results, workloads: [{ ...workload, rows: [row('fsys/pool', [1.234567])] }] }
  equal((JSON.parse(stringify(precise)) as Results).workloads[0]?.rows[0]?.figures[0], 1.235)
})

/** Every element is closed by its own name. Enough for charts that hold no comments and no CDATA. */
function isWellFormed(svg: string): boolean {
  const open: string[] = []
  for (const [, closing, name = '', selfClosing] of svg.matchAll(
    /<(\/)?([a-z]+)(?:\s[a-zA-Z0-9-]+="[^"<]*")*\s*(\/)?>/gu,
  )) {
    if (selfClosing === '/') continue
    if (closing === undefined) open.push(name)
    else if (open.pop() !== name) return false
  }
  const outside = svg.replaceAll(/<(\/)?([a-z]+)(?:\s[a-zA-Z0-9-]+="[^"<]*")*\s*(\/)?>/gu, '')
  return open.length === 0 && !/[<>]|NaN|undefined/u.test(outside) && !/="(?:NaN|undefined|[^"]*NaN)/u.test(svg)
}
