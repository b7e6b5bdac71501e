import type { HistogramSnapshot } from '../histogram.js'

/** What a journal has done since it was opened: counts that only grow, and how long things took. */
export interface JournalStats {
  /** What `append` and its like have taken. What is not `written` of it is staged. */
  readonly appended: RecordAmount
  /** What was handed to the operating system of it. */
  readonly written: RecordAmount
  /** What is on stable storage of it, as far as anybody has asked for that. */
  readonly durable: RecordAmount
  readonly groups: {
    /** How many callers shared each group that has ended well. A blocking sync is one of one caller. */
    readonly waiters: HistogramSnapshot
    /** How many records and bytes became durable each time that some did. */
    readonly records: HistogramSnapshot
    readonly bytes: HistogramSnapshot
  }
  /**
   * How long writes took that were made apart from a sync, for groups, blocking syncs and flushes: not where the engine does
   * both in one (`info.sync`), and not those of `fullBufferMs` and `oversizeMs`.
   */
  readonly writeMs: HistogramSnapshot
  /** How long syncs took; where the engine writes and syncs in one, both. */
  readonly syncMs: HistogramSnapshot
  /** How many groups and blocking syncs took longer than the option `slowSyncMs`, in all; those that failed, too. */
  readonly slowSyncs: number
  /** How long the group that is on its way to the disk has been that; undefined if none is. */
  readonly unfinishedSyncMs: number | undefined
  /** Appends that had to write because the buffer was full: how long each has blocked. */
  readonly fullBufferMs: HistogramSnapshot
  /** Records that were too large for the buffer, and were written before `append` returned: how long each has blocked. */
  readonly oversizeMs: HistogramSnapshot
  /** Pieces of zeros written past the records. */
  readonly zeroAhead: { readonly writes: number; readonly bytes: number }
  /** How often the durable mark was written. */
  readonly markWrites: number
  /** True after the first failed write or sync. */
  readonly isPoisoned: boolean
}

/** Records, and their bytes with what frames add to them. */
export interface RecordAmount {
  readonly records: number
  readonly bytes: number
}
