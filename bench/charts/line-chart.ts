import type { Family } from '../entrant.js'
import { legend } from './legend.js'
import { element, picture, text } from './svg.js'
import { type Theme, styleOf } from './theme.js'

export interface Line {
  readonly label: string
  readonly family: Family
  /** In the order of the axis; both are above 0. */
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface LineChart {
  readonly title: string
  readonly xName: string
  readonly yName: string
  readonly lines: readonly Line[]
}

const WIDTH = 880
const HEIGHT = 470
const AREA = { left: 62, right: 600, top: 84, bottom: 424 }
const LABEL_GAP = 15

/** Lines over two logarithmic axes, each named at its right end. */
export function lineChart({ title, xName, yName, lines }: LineChart, theme: Theme): string {
  const points = lines.flatMap((line) => line.points)
  const xs = [...new Set(points.map(({ x }) => x))].toSorted((one, other) => one - other)
  const x = logarithmic(Math.min(...xs), Math.max(...xs), AREA.left, AREA.right)
  const decades = range(
    Math.floor(Math.log10(Math.min(...points.map((point) => point.y)))),
    Math.ceil(Math.log10(Math.max(...points.map((point) => point.y)))),
  )
  const y = logarithmic(10 ** (decades[0] ?? 0), 10 ** (decades.at(-1) ?? 1), AREA.bottom, AREA.top)
  const axis = { stroke: theme.grid, 'stroke-width': 1 }
  const parts = [
    text(title, { x: 0, y: 18, class: 'head' }),
    text(`${yName}; more is better; both axes are logarithmic`, { x: 0, y: 37, class: 'faint' }),
    ...legend(
      lines.map(({ family }) => family),
      theme,
      0,
      59,
    ),
    ...decades.flatMap((decade) => [
      element('line', { x1: AREA.left, x2: AREA.right, y1: y(10 ** decade), y2: y(10 ** decade), ...axis }),
      text(inWords(10 ** decade), {
        x: AREA.left - 8,
        y: y(10 ** decade) + 4,
        'text-anchor': 'end',
        class: 'faint value',
      }),
    ]),
    ...xs.map((value) =>
      text(String(value), { x: x(value), y: AREA.bottom + 18, 'text-anchor': 'middle', class: 'faint value' }),
    ),
    text(xName, { x: (AREA.left + AREA.right) / 2, y: AREA.bottom + 38, 'text-anchor': 'middle', class: 'faint' }),
    ...lines.map((line) => drawn(line, x, y, theme)),
    ...labels(lines, y, theme),
  ]
  return picture(WIDTH, HEIGHT, title, styleOf(theme), parts)
}

type Scale = (value: number) => number

function logarithmic(least: number, most: number, from: number, to: number): Scale {
  return (value) => from + ((Math.log(value) - Math.log(least)) / (Math.log(most) - Math.log(least))) * (to - from)
}

function drawn({ family, points }: Line, x: Scale, y: Scale, theme: Theme): string {
  const path = points.map((point) => `${x(point.x).toFixed(1)} ${y(point.y).toFixed(1)}`).join('L')
  const color = theme.families[family]
  const width = family === 'fsys' ? 2.5 : 1.5
  const dots = points.map((point) => element('circle', { cx: x(point.x), cy: y(point.y), r: width + 0.5, fill: color }))
  return [element('path', { d: `M${path}`, fill: 'none', stroke: color, 'stroke-width': width }), ...dots].join('')
}

/** The names at the right ends, moved apart where lines end close to each other. */
function labels(lines: readonly Line[], y: Scale, theme: Theme): string[] {
  const wanted = lines
    .map((line) => ({ line, end: y(line.points.at(-1)?.y ?? 1) }))
    .toSorted((one, other) => one.end - other.end)
  const places = spreadOut(
    wanted.map(({ end }) => end),
    LABEL_GAP,
    AREA.bottom,
  )
  return wanted.flatMap(({ line, end }, index) => {
    const place = places[index] ?? end
    const from = AREA.right + 6
    return [
      element('path', {
        d: `M${from} ${end.toFixed(1)}L${from + 12} ${place.toFixed(1)}`,
        stroke: theme.families[line.family],
        fill: 'none',
      }),
      text(line.label, { x: from + 16, y: place + 4, ...(line.family === 'fsys' ? { class: 'ours' } : {}) }),
    ]
  })
}

/** Sorted places, at least `gap` apart, and none below the last one allowed; as near as may be to where they want to be. */
export function spreadOut(wanted: readonly number[], gap: number, lowest: number): number[] {
  const places: number[] = []
  for (const place of wanted) places.push(Math.max(place, (places.at(-1) ?? Number.NEGATIVE_INFINITY) + gap))
  let limit = lowest
  for (let index = places.length - 1; index >= 0; index--) {
    places[index] = Math.min(places[index] ?? 0, limit)
    limit = (places[index] ?? 0) - gap
  }
  return places
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

function inWords(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`
  return value >= 1000 ? `${value / 1000}k` : String(value)
}
