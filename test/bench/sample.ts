import type { Family } from '../../bench/entrant.js'
import type { Row, WorkloadResult } from '../../bench/results.js'

/** A row with these figures, and nothing else of note. */
export function row(id: string, figures: readonly number[], family: Family = 'fsys'): Row {
  return {
    id,
    label: id,
    family,
    file: 'grows',
    durable: 'each record',
    blocks: false,
    figures,
    cpuNs: figures.map(() => 1500),
    memoryMiB: figures.map(() => 50),
    loopDelayMs: figures.map(() => 1.5),
  }
}

export function result(id: string, rows: readonly Row[]): WorkloadResult {
  const metric = { name: 'rate', unit: 'thousand commits/s', better: 'more' } as const
  return { id, title: `Title of ${id}`, about: 'What it is.', metric, committers: 1, rows, leftOut: [] }
}
