import type { HistogramSnapshot } from '../histogram.js'
import type { BatchOperation } from './batch-plan.js'

/** What a handle has done since it was made: counts that only grow, and how long things took. */
export interface HandleStats {
  /**
   * Calls that have ended, by their verbs: those of `HandleCallMessage`, and only those of which there was one. Batches are one
   * call each. What is iterated over (`scan`, `scanAll`, `find`) is not counted, nor is a call whose arguments were refused.
   */
  readonly calls: Readonly<Record<string, CallStats>>
  /** Calls, batches and iterations under way. */
  readonly unfinished: number
  /** Operations of batches that were done, also of those batches that have failed. */
  readonly batched: Readonly<Record<BatchOperation['kind'], OperationAmount>>
  /**
   * How long the syncs took of files that were written or changed; not those that the addon makes for many files of a batch in
   * one trip. Of those that failed, nothing.
   */
  readonly fileSyncMs: HistogramSnapshot
  /** How long those of directories took. */
  readonly directorySyncMs: HistogramSnapshot
  /** How many syncs took longer than `slowSyncMs`, those that failed and trips of batches among them. */
  readonly slowSyncs: number
}

/** Calls of one kind. */
export interface CallStats {
  /** How many have ended, well or not. */
  readonly count: number
  readonly failures: number
  /** What those that ended well have written, read or copied of files' content. */
  readonly bytes: number
  /** How long those that ended well took: of a write, until it was durable. */
  readonly durationMs: HistogramSnapshot
}

/** Operations of one kind. */
export interface OperationAmount {
  readonly count: number
  /** As of calls. */
  readonly bytes: number
}
