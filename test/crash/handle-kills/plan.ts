import type { DurabilityMethod } from '#src/platform/plan.js'

import type { Way } from '../handle-acts/act.js'
import type { ScriptName } from './scripts.js'

/** What the child is to do: a plan in JSON. */
export interface KillPlan {
  readonly base: string
  readonly script: ScriptName
  readonly way: Way
  readonly method: DurabilityMethod | 'auto'
  /** Whether the handle has `base` as its root, or is as that of `quick`, in the working directory. */
  readonly isRooted: boolean
  /** Something to be found out. */
  readonly fault?: KillFault
}

/**
 * A child that acknowledges before it does something; that changes in place, or in several steps, what is to be changed at
 * once; or whose drafts belong to a host that nobody knows.
 */
export type KillFault = 'early' | 'not-at-once' | 'foreign-drafts'

/** What the child says on its standard output, a byte each: it waits to be told to begin, or something is acknowledged. */
export const READY = 'r'
export const ACKNOWLEDGED = '.'
