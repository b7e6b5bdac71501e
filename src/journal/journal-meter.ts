import type { AsyncResource } from 'node:async_hooks'

import { Histogram } from '../histogram.js'
import type { DurableLsn, Lsn } from '../lsn.js'
import type { Clock } from '../storage/storage.js'
import { type Filled, traceBlocking, traceWaiting } from '../tracing.js'
import {
  appendChannel,
  closeChannel,
  flushChannel,
  type JournalFlushMessage,
  type JournalSyncMessage,
  slowSyncChannel,
  syncChannel,
} from './journal-channels.js'
import type { RecordAmount, JournalStats } from './journal-stats.js'
import type { LogBuffer } from './log-buffer.js'
import type { OpenedJournal } from './open.js'
import { SlowSyncWatch } from './slow-sync-watch.js'
import type { Writer } from './writer.js'

/** Times are told apart down to a microsecond. */
const STEPS_PER_MS = 1000

/**
 * Counts and times what a journal does, and tells those who listen: a few numbers a group, and nothing a record but a count.
 *
 * A subscriber runs in the middle of things, and may call the journal. So it is told before the first check of a call or
 * after its last step, never between; and `append` tells nobody, but of a group that it ends by failing.
 */
export class JournalMeter {
  readonly writeMs: Histogram = new Histogram(STEPS_PER_MS)
  readonly syncMs: Histogram = new Histogram(STEPS_PER_MS)
  readonly fullBufferMs: Histogram = new Histogram(STEPS_PER_MS)
  readonly oversizeMs: Histogram = new Histogram(STEPS_PER_MS)
  readonly #groupWaiters = new Histogram()
  readonly #groupRecords = new Histogram()
  readonly #groupBytes = new Histogram()
  readonly #path: string
  readonly #clock: Clock
  readonly #origin: number
  readonly #slowSyncMs: number
  readonly #buffer: LogBuffer
  readonly #writer: Writer
  readonly #watch: SlowSyncWatch
  readonly #context: AsyncResource
  #slowSyncs = 0
  #durable = NOTHING
  /** What was appended when subscribers were last told of it. */
  #told = { records: 0, bytes: 0, oversizeRecords: 0, fullBuffers: 0, blockedMs: 0 }
  #group: Group | undefined

  /** In `context`, subscribers are told of what is done for many callers. */
  constructor(
    { path, storage, recovery }: OpenedJournal,
    buffer: LogBuffer,
    writer: Writer,
    slowSyncMs: number,
    context: AsyncResource,
  ) {
    this.#path = path
    this.#clock = storage.clock
    this.#origin = recovery.cleanEnd
    this.#slowSyncMs = slowSyncMs
    this.#buffer = buffer
    this.#writer = writer
    this.#watch = new SlowSyncWatch(storage.clock, slowSyncMs, (elapsedMs) => this.#tellHanging(elapsedMs))
    this.#context = context
  }

  now(): number {
    return this.#clock.now()
  }

  /** Runs `work`, which takes a group to the disk, or begins to, and calls `groupBegins` and, now or later, `groupEnds`. */
  traceGroup(waiters: number, work: () => void): void {
    if (!hasListeners()) {
      work()
      return
    }
    // A group is of many callers, and goes by the context of none of them.
    this.#context.runInAsyncScope(() => {
      this.#tellAppended()
      const message = this.#syncMessage(waiters)
      this.#group = { begunAt: this.now(), durable: this.#durable, message }
      syncChannel.start.runStores(message, () => {
        try {
          work()
        } finally {
          syncChannel.end.publish(message)
        }
      })
    })
  }

  groupBegins(now: number): void {
    if (this.#group === undefined) this.#group = { begunAt: now, durable: this.#durable, message: undefined }
    else this.#group.begunAt = now
    if (this.#slowSyncMs > 0 && slowSyncChannel.hasSubscribers) this.#watch.begin(now)
  }

  /** To be called when those who have waited for the group have been answered. */
  groupEnds(waiters: number, now: number, error?: unknown): void {
    const group = this.#group
    if (group === undefined) return
    this.#group = undefined
    this.#watch.end()
    if (error === undefined) this.#groupWaiters.record(waiters)
    const durationMs = now - group.begunAt
    this.noteDuration(durationMs)
    this.#tellSlow(durationMs, waiters, error)
    const { message } = group
    if (message === undefined) return
    Object.assign(message, { waiters, durationMs }, difference(this.#durable, group.durable))
    if (error !== undefined) {
      message.error = error
      syncChannel.error.publish(message)
    }
    syncChannel.asyncStart.publish(message)
    syncChannel.asyncEnd.publish(message)
  }

  /** A blocking sync has gone well: how long its last step took, and all of it. */
  blockingSyncEnds(stepMs: number, durationMs: number): void {
    this.syncMs.record(stepMs)
    this.#groupWaiters.record(1)
    this.noteDuration(durationMs)
  }

  /** How long a group or a blocking sync has been on its way. */
  noteDuration(durationMs: number): void {
    if (this.#isSlow(durationMs)) this.#slowSyncs++
  }

  /** What is below `lsn` has become durable: so many records. */
  madeDurable(records: number, lsn: number): void {
    const before = this.#durable
    this.#durable = { records, bytes: lsn - this.#origin }
    this.#groupRecords.record(records - before.records)
    this.#groupBytes.record(this.#durable.bytes - before.bytes)
  }

  /** A blocking sync, with all its checks. */
  traceSync(work: () => DurableLsn): DurableLsn {
    if (!hasListeners()) return work()
    this.#tellAppended()
    const before = this.#durable
    const message = this.#syncMessage(1)
    const begunAt = this.now()
    let failure: unknown
    try {
      const fill = (): unknown => Object.assign(message, difference(this.#durable, before))
      return traceBlocking(syncChannel, message, this.#clock, work, fill)
    } catch (error) {
      failure = error
      throw error
    } finally {
      this.#tellSlow(this.now() - begunAt, 1, failure)
    }
  }

  traceFlush(work: () => Promise<Lsn>): Promise<Lsn> {
    if (!hasListeners()) return work()
    const [message, fill] = this.#flushMessage()
    return traceWaiting(flushChannel, message, this.#clock, work, fill)
  }

  traceFlushSync(work: () => Lsn): Lsn {
    if (!hasListeners()) return work()
    const [message, fill] = this.#flushMessage()
    return traceBlocking(flushChannel, message, this.#clock, work, fill)
  }

  traceClose(work: () => Promise<void>): Promise<void> {
    if (!hasListeners()) return work()
    this.#tellAppended()
    return traceWaiting(closeChannel, { path: this.#path, durationMs: undefined }, this.#clock, work)
  }

  traceCloseSync(work: () => void): void {
    if (!hasListeners()) return work()
    this.#tellAppended()
    return traceBlocking(closeChannel, { path: this.#path, durationMs: undefined }, this.#clock, work)
  }

  /** There will be nothing more. */
  stop(): void {
    this.#watch.stop()
  }

  snapshot(rest: Pick<JournalStats, 'zeroAhead' | 'markWrites' | 'isPoisoned'>): JournalStats {
    const group = this.#group
    return Object.freeze({
      appended: Object.freeze(this.#appended()),
      written: Object.freeze(this.#written()),
      durable: Object.freeze({ ...this.#durable }),
      groups: Object.freeze({
        waiters: this.#groupWaiters.snapshot(),
        records: this.#groupRecords.snapshot(),
        bytes: this.#groupBytes.snapshot(),
      }),
      writeMs: this.writeMs.snapshot(),
      syncMs: this.syncMs.snapshot(),
      slowSyncs: this.#slowSyncs,
      unfinishedSyncMs: group === undefined ? undefined : this.now() - group.begunAt,
      fullBufferMs: this.fullBufferMs.snapshot(),
      oversizeMs: this.oversizeMs.snapshot(),
      ...rest,
    })
  }

  #appended(): RecordAmount {
    return { records: this.#buffer.records, bytes: this.#buffer.nextLsn - this.#origin }
  }

  #written(): RecordAmount {
    return { records: this.#writer.writtenRecords, bytes: this.#writer.writtenLsn - this.#origin }
  }

  #tellAppended(): void {
    if (!appendChannel.hasSubscribers) return
    const { records, bytes } = this.#appended()
    const told = this.#told
    if (records === told.records) return
    const now = {
      records,
      bytes,
      oversizeRecords: this.oversizeMs.count,
      fullBuffers: this.fullBufferMs.count,
      blockedMs: this.oversizeMs.sum + this.fullBufferMs.sum,
    }
    this.#told = now
    appendChannel.publish({
      path: this.#path,
      nextLsn: this.#buffer.nextLsn as Lsn,
      ...difference(now, told),
      oversizeRecords: now.oversizeRecords - told.oversizeRecords,
      fullBuffers: now.fullBuffers - told.fullBuffers,
      blockedMs: now.blockedMs - told.blockedMs,
    })
  }

  #syncMessage(waiters: number): Filled<JournalSyncMessage> {
    const ahead = difference(this.#appended(), this.#durable)
    return { path: this.#path, waiters, ...ahead, durationMs: undefined }
  }

  #flushMessage(): [message: Filled<JournalFlushMessage>, fill: () => void] {
    this.#tellAppended()
    const before = this.#written()
    const message = { path: this.#path, records: undefined, bytes: undefined, durationMs: undefined }
    return [message, () => Object.assign(message, difference(this.#written(), before))]
  }

  #tellHanging(durationMs: number): void {
    const waiters = this.#group?.message?.waiters ?? 0
    this.#context.runInAsyncScope(() => this.#publishSlow(durationMs, false, waiters))
  }

  #tellSlow(durationMs: number, waiters: number, error: unknown): void {
    if (this.#isSlow(durationMs)) this.#publishSlow(durationMs, true, waiters, error)
  }

  #publishSlow(durationMs: number, isFinished: boolean, waiters: number, error?: unknown): void {
    const message = { path: this.#path, durationMs, isFinished, slowSyncMs: this.#slowSyncMs, waiters }
    slowSyncChannel.publish(error === undefined ? message : { ...message, error })
  }

  #isSlow(durationMs: number): boolean {
    return this.#slowSyncMs > 0 && durationMs >= this.#slowSyncMs
  }
}

interface Group {
  /** When it went to the disk. */
  begunAt: number
  /** What was durable by then. */
  readonly durable: RecordAmount
  /** What is told of it, if somebody listens. */
  readonly message: Filled<JournalSyncMessage> | undefined
}

const NOTHING: RecordAmount = { records: 0, bytes: 0 }

function difference(after: RecordAmount, before: RecordAmount): RecordAmount {
  return { records: after.records - before.records, bytes: after.bytes - before.bytes }
}

/** To any of what is told while a journal is open. */
function hasListeners(): boolean {
  return (
    syncChannel.hasSubscribers ||
    flushChannel.hasSubscribers ||
    closeChannel.hasSubscribers ||
    appendChannel.hasSubscribers ||
    slowSyncChannel.hasSubscribers
  )
}
