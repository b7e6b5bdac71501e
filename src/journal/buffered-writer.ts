import { runSync } from '../storage/steps.js'
import { BLOCKING_WRITE_BYTES_MAX } from '../storage/storage.js'
import { writeWhole } from '../storage/whole.js'
import type { LogBuffer } from './log-buffer.js'
import type { LogSpace, Trip } from './log-space.js'
import { OversizeFrame } from './oversize-frame.js'
import { SpaceWriter } from './space-writer.js'
import type { Writeback } from './writeback.js'
import type { Writer } from './writer.js'

/**
 * Up to this size on average, staging and sealing frames takes so long that it pays to have another thread write them
 * meanwhile. Copies of larger ones only get in each other's way: with frames of 1 KiB a tenth was lost by it.
 */
const SMALL_FRAME_BYTES_MAX = 400

/** Writes through the page cache. */
export class BufferedWriter extends SpaceWriter<Flight> implements Writer {
  readonly mustWait = false
  #writtenLsn: number
  #writtenRecords = 0
  readonly #writeback: Writeback

  constructor(space: LogSpace, buffer: LogBuffer, writeback: Writeback) {
    super(space, buffer)
    this.#writeback = writeback
    this.#writtenLsn = buffer.nextLsn
  }

  get writtenLsn(): number {
    return this.#writtenLsn
  }

  get writtenRecords(): number {
    return this.#writtenRecords
  }

  get prefersBlocking(): boolean {
    return this.flight === undefined && this.buffer.nextLsn - this.#writtenLsn <= BLOCKING_WRITE_BYTES_MAX
  }

  /** Not for one that carries a sync: what it covers is sooner written again. */
  finishSync(): void {
    const flight = this.flight
    if (flight === undefined || flight.hasSync || !this.space.canFinish) return
    this.space.finishSync()
    this.land(flight)
  }

  /** What an unfinished write covers is written again: the same bytes at the same place, so that neither order does harm. */
  writeSync(): void {
    this.buffer.seal()
    while (this.#writtenLsn < this.buffer.nextLsn) {
      const source = this.buffer.staged(this.#writtenLsn)
      runSync(writeWhole(this.space, source, this.#writtenLsn))
      this.#advance(this.#writtenLsn + source.length, this.buffer.recordsThrough(this.#writtenLsn))
    }
  }

  get obstacle(): Promise<void> | undefined {
    return this.space.trips.includes('all') ? this.flight?.landing : undefined
  }

  /** Not of what lies in two slots. */
  tripFor(): Trip | undefined {
    const isWhole = this.buffer.slotOf(this.#writtenLsn) === this.buffer.slot
    return this.flight === undefined && isWhole ? this.space.trips.find((trip) => trip === 'all') : undefined
  }

  /** Beside an unfinished write too, as `writeSync`. */
  blockingTripFor(): Trip | undefined {
    const isWhole = this.buffer.slotOf(this.#writtenLsn) === this.buffer.slot
    return isWhole ? this.space.blockingTrips.find((trip) => trip === 'all') : undefined
  }

  writeDurably(trip: Trip): Promise<void> {
    return this.fly((source, lsn) => this.space.writeDurably(source, lsn, trip), true)
  }

  writeDurablySync(trip: Trip): void {
    this.buffer.seal()
    const source = this.buffer.staged(this.#writtenLsn)
    this.space.writeDurablySync(source, this.#writtenLsn, trip)
    this.#advance(this.#writtenLsn + source.length, this.buffer.recordsThrough(this.#writtenLsn))
  }

  /**
   * The slot in use is left to its write, and appends go on in the other one, if that pays, and if the write can be waited for
   * when its slot is needed again. Otherwise it is emptied by a blocking write; what is awaited the disk then begins with.
   */
  makeRoom(onFailure: (error: unknown) => void, isAwaited: boolean): boolean {
    const { slot } = this.buffer
    if (this.flight?.slot === slot) {
      this.buffer.switchSlot()
      return false
    }
    // While the unfinished write goes on.
    this.buffer.seal()
    this.finishSync()
    // Something of the other slot may be staged behind what was being written.
    const isOtherFree = this.flight === undefined && this.buffer.slotOf(this.#writtenLsn) === slot
    if (!isOtherFree || !this.space.canFinish || !this.#hasSmallFrames) {
      const lsn = this.#writtenLsn
      this.writeSync()
      if (isAwaited) this.#startWriteback(lsn, onFailure)
      this.buffer.restart(slot, this.#writtenLsn)
      return true
    }
    if (this.#writtenLsn < this.buffer.nextLsn) this.flyWithoutSync().catch(onFailure)
    this.buffer.switchSlot()
    return true
  }

  writeOversize(record: Uint8Array): void {
    this.finishSync()
    this.writeSync()
    const slot = this.flight?.slot === this.buffer.slot ? 1 - this.buffer.slot : this.buffer.slot
    const memory = this.buffer.slotMemory(slot)
    const frame = new OversizeFrame(this.buffer, record)
    let lsn = this.#writtenLsn
    while (!frame.isComplete) {
      const end = frame.fill(slot, 0)
      runSync(writeWhole(this.space, memory.subarray(0, end), lsn))
      lsn += end
    }
    this.buffer.countOversize()
    this.#advance(lsn, this.buffer.records)
    this.buffer.restart(slot, lsn)
  }

  /** With nothing unfinished the lock can go: where it stays, it may keep out a process that cannot see who is gone. */
  handOverSync(): void {
    this.finishSync()
    this.writeSync()
  }

  #startWriteback(lsn: number, onFailure: (error: unknown) => void): void {
    const starting = this.#writeback.start(lsn, this.#writtenLsn - lsn)
    if (starting !== undefined) this.track(starting).catch(onFailure)
  }

  get #hasSmallFrames(): boolean {
    const bytes = this.buffer.nextLsn - this.#writtenLsn
    return bytes <= (this.buffer.records - this.#writtenRecords) * SMALL_FRAME_BYTES_MAX
  }

  /** Writes one slot's part of what is staged. Appends go on behind it; others may overtake it with the same bytes. */
  protected fly(write: (source: Buffer, lsn: number) => Promise<void>, hasSync: boolean): Promise<void> {
    this.buffer.seal()
    const lsn = this.#writtenLsn
    const source = this.buffer.staged(lsn)
    const flight = new Flight(lsn + source.length, this.buffer.recordsThrough(lsn), this.buffer.slotOf(lsn), hasSync)
    return this.launch(flight, () => write(source, lsn))
  }

  protected land({ end, records }: Flight): void {
    this.flight = undefined
    this.#advance(end, records)
    this.inFlight.end()
  }

  /** A blocking write may have been quicker. */
  #advance(lsn: number, records: number): void {
    if (lsn <= this.#writtenLsn) return
    this.#writtenLsn = lsn
    this.#writtenRecords = records
  }
}

/** A write that is unfinished. */
class Flight {
  /** The LSN past what it writes. */
  readonly end: number
  /** How many records there are below that. */
  readonly records: number
  /** The slot that it reads from. */
  readonly slot: number
  /** Whether a sync is part of it. */
  readonly hasSync: boolean
  landing: Promise<void> = Promise.resolve()

  constructor(end: number, records: number, slot: number, hasSync: boolean) {
    this.end = end
    this.records = records
    this.slot = slot
    this.hasSync = hasSync
  }
}
