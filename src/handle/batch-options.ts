import { checkNames, truth, wholeNumber } from '../checks.js'
import { settleSignal } from './directory-options.js'

/** How a batch is done. */
export interface BatchOptions {
  /**
   * How many operations may be under way at the same time: 1 to 1024, default 64, or what
   * the handle says. With 1, and without `grouped`, they are
   * done in the order in which they were given, each durable before the next one begins.
   */
  readonly concurrency?: number
  /**
   * Sync each directory once, after all that changes in it, instead of once for each operation. Default true. Either way,
   * everything is durable when the batch resolves.
   */
  readonly grouped?: boolean
  /** Stops the batch: nothing more is started, and what is under way ends as it does for a single call. */
  readonly signal?: AbortSignal
}

export interface SettledBatchOptions {
  readonly concurrency: number
  readonly grouped: boolean
  readonly signal: AbortSignal | undefined
}

export function settleBatchOptions(concurrency: number, options: BatchOptions = {}): SettledBatchOptions {
  checkNames('commit', options, ['concurrency', 'grouped', 'signal'])
  return {
    concurrency: settleConcurrency('concurrency', options.concurrency ?? concurrency),
    grouped: truth('grouped', options.grouped ?? true),
    signal: settleSignal(options.signal),
  }
}

export function settleConcurrency(name: string, concurrency: number = CONCURRENCY): number {
  return wholeNumber(name, concurrency, 1, CONCURRENCY_MAX)
}

/** The thread pool has four threads; each has some files at hand then. */
const CONCURRENCY = 64
const CONCURRENCY_MAX = 1024
