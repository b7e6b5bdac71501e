import { Histogram } from '../histogram.js'
import type { Steps } from '../storage/steps.js'
import type { Clock } from '../storage/storage.js'
import type { BatchOperation } from './batch-plan.js'
import { type HandleSlowSyncMessage, slowSyncChannel } from './handle-channel.js'
import type { CallStats, HandleStats, OperationAmount } from './handle-stats.js'

/** Times are told apart down to a microsecond. */
const STEPS_PER_MS = 1000

/** Counts and times what a handle does: two looks at the clock and a few numbers a call. */
export class HandleMeter {
  readonly #clock: Clock
  readonly #slowSyncMs: number
  #slowSyncs = 0
  readonly #fileSyncMs = new Histogram(STEPS_PER_MS)
  readonly #directorySyncMs = new Histogram(STEPS_PER_MS)
  readonly #calls = new Map<string, CallCounts>()
  readonly #batched: Record<BatchOperation['kind'], Counts> = {
    write: { count: 0, bytes: 0 },
    delete: { count: 0, bytes: 0 },
    rename: { count: 0, bytes: 0 },
    copy: { count: 0, bytes: 0 },
  }

  /** Syncs that take longer than `slowSyncMs` are slow; 0: none is. */
  constructor(clock: Clock, slowSyncMs: number) {
    this.#clock = clock
    this.#slowSyncMs = slowSyncMs
  }

  now(): number {
    return this.#clock.now()
  }

  callDone(verb: string, begunAt: number, bytes: number): void {
    const counts = this.#countsOf(verb)
    counts.bytes += bytes
    counts.durationMs.record(this.now() - begunAt)
  }

  callFailed(verb: string): void {
    this.#countsOf(verb).failures++
  }

  operationDone(kind: BatchOperation['kind'], bytes: number): void {
    const counts = this.#batched[kind]
    counts.count++
    counts.bytes += bytes
  }

  /** A sync, and how long it takes; `path` is of the directory. */
  *sync<Result>(what: 'file' | 'directory', path: string, steps: Steps<Result>): Steps<Result> {
    const end = this.watch(what, path)
    try {
      const result = yield* steps
      const durations = what === 'file' ? this.#fileSyncMs : this.#directorySyncMs
      durations.record(end())
      return result
    } catch (error) {
      end(error)
      throw error
    }
  }

  /**
   * Tells of a sync that begins now once it has taken too long, while it hangs, and again when it has ended: then what this
   * returns is to be called, which says how long it has taken.
   */
  watch(what: HandleSlowSyncMessage['what'], path: string): (error?: unknown) => number {
    const [begunAt, slowSyncMs] = [this.now(), this.#slowSyncMs]
    const tell = (isFinished: boolean, error?: unknown): void => {
      const message = { path, what, durationMs: this.now() - begunAt, isFinished, slowSyncMs }
      slowSyncChannel.publish(error === undefined ? message : { ...message, error })
    }
    const isWatched = slowSyncMs > 0 && slowSyncChannel.hasSubscribers
    const cancelTimer = isWatched ? this.#clock.startTimer(slowSyncMs, () => tell(false)) : undefined
    return (error) => {
      cancelTimer?.()
      const durationMs = this.now() - begunAt
      if (slowSyncMs > 0 && durationMs >= slowSyncMs) {
        this.#slowSyncs++
        tell(true, error)
      }
      return durationMs
    }
  }

  snapshot(unfinished: number): HandleStats {
    const calls = Array.from(this.#calls, ([verb, counts]): [string, CallStats] => [verb, snapshotOf(counts)])
    const { write, delete: deleted, rename, copy } = this.#batched
    return Object.freeze({
      calls: Object.freeze(Object.fromEntries(calls)),
      unfinished,
      batched: Object.freeze({
        write: amountOf(write),
        delete: amountOf(deleted),
        rename: amountOf(rename),
        copy: amountOf(copy),
      }),
      fileSyncMs: this.#fileSyncMs.snapshot(),
      directorySyncMs: this.#directorySyncMs.snapshot(),
      slowSyncs: this.#slowSyncs,
    })
  }

  #countsOf(verb: string): CallCounts {
    let counts = this.#calls.get(verb)
    if (counts === undefined) {
      counts = { failures: 0, bytes: 0, durationMs: new Histogram(STEPS_PER_MS) }
      this.#calls.set(verb, counts)
    }
    return counts
  }
}

interface Counts {
  count: number
  bytes: number
}

interface CallCounts {
  failures: number
  bytes: number
  readonly durationMs: Histogram
}

function snapshotOf({ failures, bytes, durationMs }: CallCounts): CallStats {
  return Object.freeze({ count: durationMs.count + failures, failures, bytes, durationMs: durationMs.snapshot() })
}

function amountOf({ count, bytes }: Counts): OperationAmount {
  return Object.freeze({ count, bytes })
}
