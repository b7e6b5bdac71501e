import type { Recovery } from 'fsys'

import type { Engine } from '#src/platform/engine.js'

/** What the process does that is there when the power goes. */
export interface WriterPlan {
  readonly path: string
  readonly seed: number
  readonly life: number
  /** How many records there are. */
  readonly records: number
  readonly committers: number
  readonly logBufferBytes: number
  readonly engine: Engine
  readonly direct: boolean
  /** It stops, as if by a signal, in front of this call on the storage, counted from 1. */
  readonly stopAtCall?: number
  /** What is wrong with it, to see that this is noticed. */
  readonly fault?: WriterFault
}

/** `unsynced`: confirms what is only written. `no-directory-sync`: leaves out the directory's sync. */
export type WriterFault = 'unsynced' | 'no-directory-sync'

/** What it says, one a line of JSON, each by one write that has returned before it goes on. */
export type WriterMessage =
  | { readonly opened: Recovery }
  /** Below this, everything was confirmed as durable. */
  | { readonly durable: number }
  /** What never happens. */
  | { readonly failed: string }

/** The descriptor that it says it on: a file that no power cut of the test reaches. */
export const MESSAGES_FD = 3
