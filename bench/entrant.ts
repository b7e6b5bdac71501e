import type { Measurement, Task } from './task.js'

/** What an entrant is: decides its colour, and which goals look at it. */
export type Family = 'fsys' | 'limit' | 'hand-written' | 'node' | 'rust' | 'go'

/** Which program runs it: one of `bench/node/contestants`, or one that a compiler makes. */
export type ProgramName = `node:${string}` | 'c' | 'rust-0.9' | 'rust-1' | 'go'

/** One row of a workload: a program and the way in which it is to do the work. */
export interface Entrant {
  /** Unique in its workload, and the same in all workloads for the same thing. */
  readonly id: string
  readonly label: string
  readonly family: Family
  readonly program: ProgramName
  readonly variant: string
  readonly engine?: 'portable' | 'pool' | 'uring'
  /** The state of the file under the figure: growing, or allocated and overwritten. */
  readonly file: string
  /** What is on stable storage when it says so; for workloads that write. */
  readonly durable: string
  /** Nothing else runs in its process meanwhile. */
  readonly blocks: boolean
}

/** A way to look at a measurement. */
export interface Metric {
  readonly name: string
  readonly unit: string
  readonly better: 'more' | 'less'
}

/** Entrants that do the same task, so that their figures can be compared. */
export interface Workload {
  readonly id: string
  readonly title: string
  /** What is measured, in sentences for the page. */
  readonly about: string
  readonly metric: Metric
  readonly task: Omit<Task, 'path' | 'variant'>
  readonly entrants: readonly Entrant[]
  /** Reads what `prepare` wrote: entrants of the same source share it. */
  readonly preparedBy?: (entrant: Entrant) => Pick<Entrant, 'program' | 'variant'>
  /** The file is dropped from the page cache before each run. */
  readonly isCold?: boolean
  /** A sync at the end that is not in the figure is shown beside it. */
  readonly syncIsApart?: boolean
  /** The figure of a run, in the metric's unit. */
  figure(measurement: Measurement): number
}
