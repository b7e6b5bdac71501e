import { writeSync } from 'node:fs'

import type { Latency } from './latency.js'
import type { Resources } from './resources.js'

/** The journals of a writer, by the size of their buffers: the default, a middling and the smallest one. */
export const SLOT_BYTES: readonly number[] = [2 ** 20, 64 * 2 ** 10, 4096]

export const journalName = (journal: number): string => `${journal}.wal`

/** What a writer must know besides its directory and its number. */
export interface WriterOptions {
  readonly seed: number
  readonly reopenMs: number
  /** A journal that is larger when it is opened is emptied first. */
  readonly journalBytesMax: number
}

/** The parts of a run: what is measured at its start and at its end is compared. */
export type Part = 'warm-up' | 'start' | 'middle' | 'end'

/** What a writer is told, a line of JSON each. */
export type Order = { readonly order: 'work'; readonly part: Part } | { readonly order: 'end' }

/** How often something was done. */
export type Counts = Record<
  'commits' | 'syncThroughs' | 'blockingSyncs' | 'flushes' | 'batches' | 'recordsFollowed' | 'resets',
  number
>

/** What a writer says, a line of JSON each. */
export type Saying =
  /** The journal will be emptied now. */
  | { readonly say: 'resetting'; readonly journal: number }
  | {
      readonly say: 'opened'
      readonly journal: number
      readonly epoch: number
      readonly records: number
      readonly cleanEnd: number
    }
  /** The first so many records, up to this LSN, are acknowledged: durable, or written, which a SIGKILL does not undo either. */
  | { readonly say: 'acknowledged'; readonly journal: number; readonly records: number; readonly lsn: number }
  /** All journals are closed. The counts are of the time since it said so last. */
  | { readonly say: 'resting'; readonly resources: Resources; readonly rssPeak: number; readonly counts: Counts }
  | { readonly say: 'ending'; readonly latencies: { readonly [Name in Part]?: Latency } }
  | { readonly say: 'failed'; readonly message: string }

/** Not `process.stdout`, which would make it a pipe that may be full. */
const STDOUT_FD = 1

/** Says it before it returns: what was said before a SIGKILL is heard. */
export function say(saying: Saying): void {
  const bytes = Buffer.from(`${JSON.stringify(saying)}\n`)
  for (let written = 0; written < bytes.length;) written += writeSync(STDOUT_FD, bytes, written)
}
