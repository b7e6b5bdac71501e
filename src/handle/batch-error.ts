import { FsysError } from '../errors.js'
import type { BatchOperation } from './batch-plan.js'

/** An operation of a batch that has failed. */
export interface FailedOperation {
  /** Its place in the batch, from 0. */
  readonly index: number
  readonly kind: BatchOperation['kind']
  readonly path: string
  /** Why: what the call for one file would have rejected with. What it was to change is as it was before. */
  readonly error: unknown
}

/** What became of the operations of a batch that has not done all: each index is in one of the four. */
export interface BatchOutcome {
  /** The first one is what has stopped the batch; others were under way by then. */
  readonly failed: readonly FailedOperation[]
  /** Done, and durable. */
  readonly completed: readonly number[]
  /** Done and seen by everybody, but a power cut may undo it: syncing the directory has failed. */
  readonly unconfirmed: readonly number[]
  /** Nothing was done. */
  readonly notStarted: readonly number[]
}

/**
 * A batch has stopped. `cause` is why: the error of the first operation that failed, or of a directory's sync, or the signal's
 * reason.
 */
export class BatchError extends FsysError implements BatchOutcome {
  declare readonly failed: readonly FailedOperation[]
  declare readonly completed: readonly number[]
  declare readonly unconfirmed: readonly number[]
  declare readonly notStarted: readonly number[]

  constructor(outcome: BatchOutcome, cause: unknown) {
    const [first] = outcome.failed
    const { completed, unconfirmed, notStarted, failed } = outcome
    const total = completed.length + unconfirmed.length + notStarted.length + failed.length
    const why = cause instanceof Error ? cause.message : String(cause)
    const where = first === undefined ? '' : ` at operation ${first.index}`
    const rest = unconfirmed.length === 0 ? '' : `${unconfirmed.length} are done but not confirmed, `
    const message = `the batch has stopped${where}: ${why}; of ${total} operations, ${completed.length} are completed, ${rest}${failed.length} have failed, ${notStarted.length} were not started`
    super('ERR_FSYS_BATCH', message, { cause, ...(first && { path: first.path }) })
    Object.assign(this, outcome)
  }
}
