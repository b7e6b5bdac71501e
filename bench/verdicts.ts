import type { Goal } from './goals.js'
import { type Row, type WorkloadResult, comparable } from './results.js'
import { median, ratio } from './statistics.js'

/** Whether a goal is met; or why that cannot be said of this run. */
export type Verdict =
  | {
      readonly goal: Goal
      /** The row that it is about, and the one that it was compared with, by their labels. */
      readonly subject: string
      readonly base: string | undefined
      readonly found: number
      readonly isMet: boolean
    }
  | { readonly goal: Goal; readonly skipped: string }

export function judge(goals: readonly Goal[], results: readonly WorkloadResult[]): Verdict[] {
  return goals.flatMap((goal) => {
    const result = results.find(({ id }) => id === goal.workload)
    return result === undefined ? [] : [judgeOne(goal, result)]
  })
}

export type Miss = Extract<Verdict, { readonly found: number }>

export function missed(verdicts: readonly Verdict[]): Miss[] {
  return verdicts.filter((verdict) => 'found' in verdict).filter(({ isMet }) => !isMet)
}

function judgeOne(goal: Goal, result: WorkloadResult): Verdict {
  const rows = comparable(result)
  const row = rows.find(({ id }) => id === goal.row)
  if (row === undefined) return { goal, skipped: `${goal.row} is not in this run` }
  const values = valuesOf(row, goal.of)
  if (values.length === 0) return { goal, skipped: `nobody measures its ${goal.of}` }
  if (goal.to === undefined) return verdictOn(goal, row, median(values), undefined)
  const isLess = goal.relation === '<='
  const base = goal.to
    .flatMap((wanted) => rows.filter((other) => matches(other, wanted)))
    .toSorted(
      (one, other) => (median(valuesOf(one, goal.of)) - median(valuesOf(other, goal.of))) * (isLess ? 1 : -1),
    )[0]
  if (base === undefined) return { goal, skipped: `none of ${goal.to.join(', ')} is in this run` }
  return verdictOn(goal, row, ratio(values, valuesOf(base, goal.of)), base.label)
}

function verdictOn(goal: Goal, { label: subject }: Row, found: number, base: string | undefined): Verdict {
  return { goal, subject, base, found, isMet: goal.relation === '>=' ? found >= goal.value : found <= goal.value }
}

function valuesOf(row: Row, of: Goal['of']): readonly number[] {
  if (of === 'memory') return row.memoryMiB
  if (of === 'loop delay') return row.loopDelayMs ?? []
  return row.figures
}

/** `family:x` is everybody in a family, `free:x` and `blocking:x` those who leave the event loop free, or not. */
function matches({ id, family, blocks }: Row, wanted: string): boolean {
  const [kind, name] = wanted.split(':')
  if (name === undefined) return id === wanted
  return family === name && (kind === 'family' || blocks === (kind === 'blocking'))
}
