import { run, runSync } from '../storage/steps.js'
import { writeWhole } from '../storage/whole.js'
import type { LogBuffer } from './log-buffer.js'
import type { LogSpace, Trip } from './log-space.js'
import { OversizeFrame } from './oversize-frame.js'
import { SpaceWriter } from './space-writer.js'
import type { Writer } from './writer.js'

/** Up to this much a blocking write costs less than the trip to the thread pool and back. */
export const BLOCKING_WRITE_BYTES_MAX: number = 64 * 1024

/** Writes through the page cache. */
export class BufferedWriter extends SpaceWriter implements Writer {
  readonly mustWait = false
  readonly #buffer: LogBuffer
  #writtenLsn: number
  #writtenRecords = 0
  /** The slot that the unfinished write reads from. */
  #pinnedSlot: number | undefined
  #draining: Promise<void> | undefined

  constructor(space: LogSpace, buffer: LogBuffer) {
    super(space)
    this.#buffer = buffer
    this.#writtenLsn = buffer.nextLsn
  }

  get writtenLsn(): number {
    return this.#writtenLsn
  }

  get writtenRecords(): number {
    return this.#writtenRecords
  }

  get prefersBlocking(): boolean {
    return this.#draining === undefined && this.#buffer.nextLsn - this.#writtenLsn <= BLOCKING_WRITE_BYTES_MAX
  }

  finishSync(): void {}

  /**
   * What an unfinished write covers is written again, the same bytes at the same place, because nothing can be waited for
   * here, or need not be.
   */
  writeSync(): void {
    this.#buffer.seal()
    while (this.#writtenLsn < this.#buffer.nextLsn) {
      const source = this.#buffer.staged(this.#writtenLsn)
      runSync(writeWhole(this.space, source, this.#writtenLsn))
      this.#advance(this.#writtenLsn + source.length, this.#buffer.recordsThrough(this.#writtenLsn))
    }
  }

  async write(): Promise<void> {
    const target = this.#buffer.nextLsn
    while (this.#writtenLsn < target) {
      this.#draining ??= this.#drain(target).finally(() => (this.#draining = undefined))
      // One write after the other: the frontier moves contiguously (D4).
      // oxlint-disable-next-line no-await-in-loop
      await this.#draining
    }
  }

  /** Not of what lies in two slots. */
  tripFor(): Trip | undefined {
    const isWhole = this.#buffer.slotOf(this.#writtenLsn) === this.#buffer.slot
    return this.#draining === undefined && isWhole ? this.space.trips.find((trip) => trip === 'all') : undefined
  }

  /** Beside an unfinished write too, as `writeSync`. */
  blockingTripFor(): Trip | undefined {
    const isWhole = this.#buffer.slotOf(this.#writtenLsn) === this.#buffer.slot
    return isWhole ? this.space.blockingTrips.find((trip) => trip === 'all') : undefined
  }

  async writeDurably(trip: Trip): Promise<void> {
    const trying = this.#fly((source, lsn) => this.space.writeDurably(source, lsn, trip))
    this.#draining = trying.finally(() => (this.#draining = undefined))
    await this.#draining
  }

  writeDurablySync(trip: Trip): void {
    this.#buffer.seal()
    const source = this.#buffer.staged(this.#writtenLsn)
    this.space.writeDurablySync(source, this.#writtenLsn, trip)
    this.#advance(this.#writtenLsn + source.length, this.#buffer.recordsThrough(this.#writtenLsn))
  }

  makeRoom(): boolean {
    if (this.#pinnedSlot === this.#buffer.slot) {
      this.#buffer.switchSlot()
      return false
    }
    this.writeSync()
    this.#buffer.restart(this.#buffer.slot, this.#writtenLsn)
    return true
  }

  writeOversize(record: Uint8Array): void {
    this.writeSync()
    const slot = this.#pinnedSlot === this.#buffer.slot ? 1 - this.#buffer.slot : this.#buffer.slot
    const memory = this.#buffer.slotMemory(slot)
    const frame = new OversizeFrame(this.#buffer, record)
    let lsn = this.#writtenLsn
    while (!frame.isComplete) {
      const end = frame.fill(slot, 0)
      runSync(writeWhole(this.space, memory.subarray(0, end), lsn))
      lsn += end
    }
    this.#buffer.countOversize()
    this.#advance(lsn, this.#buffer.records)
    this.#buffer.restart(slot, lsn)
  }

  handOverSync(): void {
    this.writeSync()
  }

  /** One slot's part of what is staged below `target`, in an unfinished write that others may overtake with the same bytes. */
  async #drain(target: number): Promise<void> {
    while (this.#writtenLsn < target) {
      if (this.isGivenUp) throw new Error('the journal was given up before all of it was written')
      // oxlint-disable-next-line no-await-in-loop
      await this.#fly((source, lsn) => run(writeWhole(this.space, source, lsn)))
    }
  }

  /** Appends go on behind what an unfinished write covers. */
  async #fly(write: (source: Buffer, lsn: number) => Promise<void>): Promise<void> {
    this.#buffer.seal()
    const lsn = this.#writtenLsn
    const source = this.#buffer.staged(lsn)
    const records = this.#buffer.recordsThrough(lsn)
    this.#pinnedSlot = this.#buffer.slotOf(lsn)
    try {
      await this.inFlight.track(this.#land(write(source, lsn), lsn + source.length, records))
    } finally {
      this.#pinnedSlot = undefined
    }
  }

  /** The frontier has moved before anybody hears that the writer is idle: a cut goes by it. */
  async #land(writing: Promise<void>, end: number, records: number): Promise<void> {
    await writing
    this.#advance(end, records)
  }

  /** A blocking write may have been quicker. */
  #advance(lsn: number, records: number): void {
    if (lsn <= this.#writtenLsn) return
    this.#writtenLsn = lsn
    this.#writtenRecords = records
  }
}
