import { bestFirst, figure } from '../report.js'
import type { WorkloadResult } from '../results.js'
import { spread } from '../statistics.js'
import { legend } from './legend.js'
import { element, picture, text } from './svg.js'
import { type Theme, styleOf } from './theme.js'

const WIDTH = 880
const LABEL_WIDTH = 340
const VALUE_WIDTH = 64
const TOP = 78
const ROW = 24
const BAR = 15

/** A bar for each row, best first, with a line from the least round to the most. */
export function barChart(result: WorkloadResult, theme: Theme): string {
  const { title, metric } = result
  const rows = bestFirst(result.rows, metric.better)
  const medians = rows.map(({ figures }) => spread(figures).median)
  const most = scaleOf(
    medians,
    rows.map(({ figures }) => spread(figures).most),
  )
  const scale = (value: number): number => (Math.min(value, most) / most) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH)
  const parts = [
    text(title, { x: 0, y: 18, class: 'head' }),
    text(`${metric.unit}; ${metric.better} is better; line: least to most of the rounds`, {
      x: 0,
      y: 37,
      class: 'faint',
    }),
    ...legend(
      rows.map(({ family }) => family),
      theme,
      0,
      59,
    ),
  ]
  for (const [index, { label, family, figures, syncs }] of rows.entries()) {
    const { median, least, most: highest } = spread(figures)
    const y = TOP + index * ROW
    const middle = y + BAR / 2
    const length = Math.max(1.5, scale(median))
    const name = syncs?.verdict === 'NOT SYNCED' ? `${label} (does not sync)` : label
    parts.push(
      text(name, {
        x: LABEL_WIDTH - 10,
        y: middle + 4,
        'text-anchor': 'end',
        ...(family === 'fsys' ? { class: 'ours' } : {}),
      }),
      element('rect', { x: LABEL_WIDTH, y, width: length, height: BAR, rx: 2, fill: theme.families[family] }),
      rangeLine(LABEL_WIDTH + scale(least), LABEL_WIDTH + scale(highest), middle, theme),
      text(median > most ? `${figure(median)} »` : figure(median), {
        x: LABEL_WIDTH + Math.max(length, scale(highest)) + 7,
        y: middle + 4,
        class: family === 'fsys' ? 'value ours' : 'value',
      }),
    )
  }
  return picture(WIDTH, TOP + rows.length * ROW + 4, `${title}: ${metric.unit}`, styleOf(theme), parts)
}

/** Where the axis ends. One row that is far worse than all others would leave no room to tell those apart: it is cut. */
function scaleOf(medians: readonly number[], highest: readonly number[]): number {
  const sorted = medians.toSorted((one, other) => other - one)
  const [first = 1, second = first] = sorted
  if (first > 3 * second) return second * 1.5
  return Math.min(Math.max(...highest), first * 1.25)
}

function rangeLine(from: number, to: number, y: number, theme: Theme): string {
  const stroke = { stroke: theme.text, 'stroke-width': 1, 'stroke-opacity': 0.55 }
  return element('path', {
    d: `M${at(from)} ${at(y - 3)}v6M${at(from)} ${at(y)}H${at(to)}m0 -3v6`,
    fill: 'none',
    ...stroke,
  })
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10)
}
