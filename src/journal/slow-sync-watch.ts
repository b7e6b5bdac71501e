import type { Clock } from '../storage/storage.js'

/**
 * Notices that a group has been on its way for long, while it still is. One timer, which is left to run from group to
 * group: it goes off once in `limitMs` at most, however many groups there are.
 */
export class SlowSyncWatch {
  readonly #clock: Clock
  readonly #limitMs: number
  readonly #onSlow: (elapsedMs: number) => void
  /** When the group went to the disk; undefined while none is on its way, or when it has been told of. */
  #begunAt: number | undefined
  #cancelTimer: (() => void) | undefined

  /** `onSlow` is called once for a group. */
  constructor(clock: Clock, limitMs: number, onSlow: (elapsedMs: number) => void) {
    this.#clock = clock
    this.#limitMs = limitMs
    this.#onSlow = onSlow
  }

  begin(now: number): void {
    this.#begunAt = now
    this.#cancelTimer ??= this.#startTimer(this.#limitMs)
  }

  end(): void {
    this.#begunAt = undefined
  }

  /** There will be no further group. */
  stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #startTimer(delayMs: number): () => void {
    return this.#clock.startTimer(Math.ceil(delayMs), this.#look)
  }

  readonly #look = (): void => {
    this.#cancelTimer = undefined
    if (this.#begunAt === undefined) return
    const elapsedMs = this.#clock.now() - this.#begunAt
    if (elapsedMs < this.#limitMs) {
      this.#cancelTimer = this.#startTimer(this.#limitMs - elapsedMs)
      return
    }
    this.#begunAt = undefined
    this.#onSlow(elapsedMs)
  }
}
