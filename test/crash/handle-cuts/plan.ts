import type { DurabilityMethod } from '#src/platform/plan.js'

import type { Act } from '../handle-acts/act.js'

/** What the writer is to do until the power goes: a plan in JSON. */
export interface CutPlan {
  readonly base: string
  readonly seed: number
  readonly method: DurabilityMethod
  /** The first version that nobody has asked for yet. */
  readonly version: number
  /** Something to be found out. */
  readonly fault?: CutFault
}

/** A writer that leaves out syncs, of directories or of files, whenever it does this; it does all else as it should. */
export interface CutFault {
  readonly act: Act['kind']
  readonly leavesOut: 'directory-sync' | 'file-sync'
}

/** What it says: an act of a lane is on its way, or was acknowledged. */
export type CutMessage =
  | { readonly lane: number; readonly asked: Act }
  | { readonly lane: number; readonly isDone: true }
  | { readonly failed: string }
