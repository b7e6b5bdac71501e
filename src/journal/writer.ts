import type { Trip } from './log-space.js'

/**
 * Moves staged bytes to the operating system, in LSN order, and knows which memory unfinished writes still need (D4b).
 * There is at most one unfinished write. What fails is thrown to the caller, who poisons the journal: nothing here is
 * tried twice.
 *
 * `BufferedWriter` writes through the page cache, `DirectWriter` past it.
 */
export interface Writer {
  /** Everything below this has been handed to the operating system; always the end of a frame. */
  readonly writtenLsn: number
  /** How many records that is, of those that the log buffer has seen. */
  readonly writtenRecords: number
  /** True while the operating system has a write or a sync of ours that it has not answered. */
  readonly isBusy: boolean
  /** True if a blocking write of what is staged is the quickest way, and nothing stands in its way. */
  readonly prefersBlocking: boolean
  /** True while a blocking write would have to wait for an unfinished one, and cannot. */
  readonly mustWait: boolean
  /**
   * How what is staged now can be written and made durable in one trip, so that all of it and all before it is: undefined if
   * that cannot be. Everything below `durableLsn` is durable.
   */
  tripFor(durableLsn: number): Trip | undefined
  /** The same for a blocking trip. */
  blockingTripFor(durableLsn: number): Trip | undefined
  /** An unfinished write, if there may be a trip as soon as it has ended. */
  readonly obstacle: Promise<void> | undefined
  /** From now until it has ended, this operation counts as unfinished too. */
  track<Value>(operation: Promise<Value>): Promise<Value>
  /** Calls back as soon as no write and no sync is unfinished: at once if that is so. */
  whenIdle(callback: () => void): void
  /** Something has failed: no write begins after the unfinished one, so that nothing lands behind a hole or a cut. */
  giveUp(): void
  /** Writes what is staged now. Records that are staged meanwhile may or may not go with it. */
  write(): Promise<void>
  /**
   * Blocks until no unfinished write stands in the way of a blocking one: to be called before these, and not while
   * `mustWait`. Throws what the unfinished one fails with.
   */
  finishSync(): void
  /** Writes all that is staged, before it returns. */
  writeSync(): void
  /** Writes what is staged now, and makes it durable, as `tripFor` has said. */
  writeDurably(trip: Trip): Promise<void>
  /** The same, all of it, before it returns, as `blockingTripFor` has said. */
  writeDurablySync(trip: Trip): void
  /** Makes all that has been written durable, if it is written when this is called. */
  sync(): Promise<void>
  syncSync(): void
  /**
   * Makes room for a frame that does not fit into the slot in use. May begin a write, whose failure `onFailure` is told, and
   * may block for one: this is where appending faster than the disk becomes slower (D9). `isAwaited`: somebody waits for a sync
   * of what is staged. True if it has made or begun a write.
   */
  makeRoom(onFailure: (error: unknown) => void, isAwaited: boolean): boolean
  /** Writes a record whose frame is larger than a slot, before it returns. */
  writeOversize(record: Uint8Array): void
  /** The process ends: as much as can be of what is staged goes to the operating system. */
  handOverSync(): void
  /** After a failed write: cuts the file back to what is whole, so that a reopen on a full disk has nothing to save. */
  cutBack(): void
  closeSync(): void
}
