import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'

import type { Journal, Lsn } from 'fsys'

import { recordAt } from './power-cuts-records.js'

/** Many who work on one journal at the same time, each until it is told of a failure, or all until they are to stop. */
export class Committers {
  /** Below this, everything was confirmed as durable. */
  confirmedLsn = 0
  /** What each was told at last, in that order. */
  readonly failures: unknown[] = []
  readonly ended: Promise<unknown>
  readonly #journal: Journal
  readonly #nextRecord: () => Buffer
  readonly #hear: (lsn: number) => void
  readonly #waiting: { readonly lsn: number; readonly resolve: () => void }[] = []
  #isStopped = false

  /** They append what `recordAt` makes of these, from this record on. `hear` is told of each confirmation at once. */
  constructor(
    journal: Journal,
    count: number,
    seed: number,
    life: number,
    records: number,
    hear: (lsn: number) => void = () => {},
  ) {
    this.#journal = journal
    this.#hear = hear
    let index = records
    this.#nextRecord = () => recordAt(seed, life, index++)
    this.ended = Promise.all(Array.from({ length: count }, (_, number) => this.#work(number)))
  }

  /** When everything below this has been confirmed, or all have failed. */
  async reach(lsn: number): Promise<void> {
    await Promise.race([new Promise<void>((resolve) => this.#waiting.push({ lsn, resolve })), this.ended])
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.ended
    assert.deepEqual(this.failures, [])
  }

  async #work(number: number): Promise<void> {
    try {
      for (let step = number; !this.#isStopped; step++) {
        this.#confirm(await this.#step(step))
        // So that they do not all wait for the same sync, but some write and join while it is under way.
        if (step % 7 === 0) await setImmediate()
      }
    } catch (error) {
      this.failures.push(error)
    }
  }

  #step(step: number): Promise<Lsn> {
    switch (step % 4) {
      case 0:
        return this.#journal.syncThrough(this.#journal.append(this.#nextRecord()))
      case 1:
        return this.#journal.syncThrough(this.#journal.appendBatch([this.#nextRecord(), this.#nextRecord()]))
      default:
        return this.#journal.commit(this.#nextRecord())
    }
  }

  #confirm(lsn: Lsn): void {
    if (lsn > this.confirmedLsn) {
      this.confirmedLsn = lsn
      this.#hear(lsn)
    }
    for (const waiting of this.#waiting) if (waiting.lsn <= this.confirmedLsn) waiting.resolve()
  }
}
