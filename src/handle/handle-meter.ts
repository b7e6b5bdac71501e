import { Histogram } from '../histogram.js'
import type { Steps } from '../storage/steps.js'
import type { Clock } from '../storage/storage.js'
import type { BatchOperation } from './batch-plan.js'
import type { CallStats, HandleStats, OperationAmount } from './handle-stats.js'

/** Times are told apart down to a microsecond. */
const STEPS_PER_MS = 1000

/** Counts and times what a handle does: two looks at the clock and a few numbers a call. */
export class HandleMeter {
  readonly #clock: Clock
  readonly #fileSyncMs = new Histogram(STEPS_PER_MS)
  readonly #directorySyncMs = new Histogram(STEPS_PER_MS)
  readonly #calls = new Map<string, CallCounts>()
  readonly #batched: Record<BatchOperation['kind'], Counts> = {
    write: { count: 0, bytes: 0 },
    delete: { count: 0, bytes: 0 },
    rename: { count: 0, bytes: 0 },
    copy: { count: 0, bytes: 0 },
  }

  constructor(clock: Clock) {
    this.#clock = clock
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

  /** A sync, and how long it takes. */
  *sync<Result>(what: 'file' | 'directory', steps: Steps<Result>): Steps<Result> {
    const begunAt = this.now()
    const result = yield* steps
    const durations = what === 'file' ? this.#fileSyncMs : this.#directorySyncMs
    durations.record(this.now() - begunAt)
    return result
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
