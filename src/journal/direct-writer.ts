import { assert } from '../errors.js'
import { runSync } from '../storage/steps.js'
import { writeWhole } from '../storage/whole.js'
import type { LogBuffer } from './log-buffer.js'
import type { LogSpace, Trip } from './log-space.js'
import { OversizeFrame } from './oversize-frame.js'
import { SpaceWriter } from './space-writer.js'
import type { Writer } from './writer.js'

/**
 * Writes past the page cache, whole sectors from the log buffer's own memory. The last sector of a write is padded with
 * zeros, and written again by the next one, with the records that have followed.
 *
 * So an unfinished write and the next one share a sector, of which they hold different bytes: no two of them may be
 * unfinished at the same time (D4b). Each waiting write leaves its slot to the disk, and appends go on in the other one,
 * which begins with a copy of the shared sector's first bytes. If that one is full before the write has returned, its
 * sectors are written at once, blocking, but for the shared one: that is held back in memory of its own until then, and
 * the frontier stays before it.
 *
 * ```text
 *   unfinished       |#########|#########|####00000|
 *   the other slot                       |####>>>>>|>>>>>>>>>|>>>>>>>00|
 *                                          held      written, blocking
 * ```
 */
export class DirectWriter extends SpaceWriter<Flight> implements Writer {
  readonly prefersBlocking = false
  readonly #alignment: number
  #writtenLsn: number
  #writtenRecords = 0
  /** Everything below this is written, but for what is unfinished or held. The slot in use holds what is above it. */
  #issuedLsn: number
  #issuedRecords = 0
  /** The sector that is held, and where it belongs. */
  readonly #held: Buffer
  #heldLsn: number | undefined

  /** `memory` is room for one sector, aligned as all of it. */
  constructor(space: LogSpace, buffer: LogBuffer, memory: Buffer) {
    super(space, buffer)
    this.#alignment = space.alignment
    this.#held = memory.subarray(0, space.alignment)
    this.#writtenLsn = buffer.nextLsn
    this.#issuedLsn = buffer.nextLsn
  }

  get writtenLsn(): number {
    return this.#writtenLsn
  }

  get writtenRecords(): number {
    return this.#writtenRecords
  }

  get mustWait(): boolean {
    return this.flight !== undefined && !this.space.canFinish
  }

  tripFor(durableLsn: number): Trip | undefined {
    if (this.flight !== undefined) return undefined
    return this.#bestOf(this.space.trips, durableLsn)
  }

  get obstacle(): Promise<void> | undefined {
    return this.space.trips.length > 0 ? this.flight?.landing : undefined
  }

  /** Not beside an unfinished sync: of a failure, only one of the two would be told. */
  blockingTripFor(durableLsn: number): Trip | undefined {
    return this.isBusy ? undefined : this.#bestOf(this.space.blockingTrips, durableLsn)
  }

  #bestOf(trips: readonly Trip[], durableLsn: number): Trip | undefined {
    return trips.find((trip) => trip === 'all' || this.#writtenLsn === durableLsn)
  }

  writeDurably(trip: Trip): Promise<void> {
    assert(this.flight === undefined, 'a trip begins while a write is unfinished')
    return this.fly((source, lsn) => this.space.writeDurably(source, lsn, trip))
  }

  /** When it throws, the write may still be unfinished: its promise ends the flight. */
  finishSync(): void {
    const flight = this.flight
    if (flight === undefined) return
    this.space.finishSync()
    this.land(flight)
  }

  writeSync(): void {
    assert(this.flight === undefined, 'a blocking write begins while another is unfinished')
    this.#pour()
  }

  writeDurablySync(trip: Trip): void {
    assert(this.flight === undefined, 'a blocking trip begins while a write is unfinished')
    this.buffer.seal()
    const end = this.buffer.nextLsn
    const lsn = this.#issuedLsn - (this.#issuedLsn % this.#alignment)
    this.space.writeDurablySync(this.buffer.sectors(this.#issuedLsn), lsn, trip)
    this.#issued(end)
  }

  /** As in the page cache; but where a write cannot be waited for, the blocking one goes around what it covers. */
  makeRoom(onFailure: (error: unknown) => void): boolean {
    if (!this.space.canFinish) {
      this.#empty()
      return true
    }
    // While the unfinished one goes on.
    this.buffer.seal()
    this.finishSync()
    if (this.#issuedLsn === this.buffer.nextLsn) this.buffer.restart(this.buffer.slot, this.#issuedLsn)
    else this.flyWithoutSync().catch(onFailure)
    return true
  }

  writeOversize(record: Uint8Array): void {
    this.#empty()
    const slot = this.buffer.slot
    const memory = this.buffer.slotMemory(slot)
    const frame = new OversizeFrame(this.buffer, record)
    let start = this.#issuedLsn % this.#alignment
    let lsn = this.#issuedLsn - start
    let end = start
    while (!frame.isComplete) {
      end = frame.fill(slot, start)
      const padded = Math.ceil(end / this.#alignment) * this.#alignment
      this.#put(memory.fill(0, end, padded).subarray(0, padded), lsn)
      lsn += padded
      start = 0
    }
    this.buffer.countOversize()
    this.#issued(this.#issuedLsn + frame.bytes)
    this.buffer.restart(slot, this.#issuedLsn, slot * memory.length + end)
  }

  /** What is held cannot be written any more if nothing can be waited for, and ends what a reader will find. */
  handOverSync(): void {
    if (!this.mustWait) this.finishSync()
    this.#pour()
  }

  /** Writes what is staged by a write that is waited for. */
  protected fly(write: (source: Buffer, lsn: number) => Promise<void>): Promise<void> {
    this.buffer.seal()
    const end = this.buffer.nextLsn
    const lsn = this.#issuedLsn - (this.#issuedLsn % this.#alignment)
    const source = this.buffer.sectors(this.#issuedLsn)
    this.buffer.switchSlot()
    this.#issuedLsn = end
    this.#issuedRecords = this.buffer.records
    const flight = new Flight(end, this.buffer.records, lsn + source.length)
    return this.launch(flight, () => write(source, lsn))
  }

  protected land({ end, records }: Flight): void {
    this.flight = undefined
    try {
      this.#writtenLsn = end
      this.#writtenRecords = records
      if (this.isGivenUp) return
      if (this.#heldLsn !== undefined) runSync(writeWhole(this.space, this.#held, this.#heldLsn))
      this.#heldLsn = undefined
      this.#writtenLsn = this.#issuedLsn
      this.#writtenRecords = this.#issuedRecords
    } finally {
      this.inFlight.end()
    }
  }

  /** The slot in use has been written, and begins anew. */
  #empty(): void {
    this.#pour()
    this.buffer.restart(this.buffer.slot, this.#issuedLsn)
  }

  /** Writes what is staged, blocking, as far as that can be. */
  #pour(): void {
    const end = this.buffer.nextLsn
    if (end === this.#issuedLsn) return
    this.buffer.seal()
    this.#put(this.buffer.sectors(this.#issuedLsn), this.#issuedLsn - (this.#issuedLsn % this.#alignment))
    this.#issued(end)
  }

  #issued(lsn: number): void {
    this.#issuedLsn = lsn
    this.#issuedRecords = this.buffer.records
    if (this.flight !== undefined) return
    this.#writtenLsn = lsn
    this.#writtenRecords = this.#issuedRecords
  }

  /** Writes sectors, blocking, but for one that an unfinished write also covers: that is held. */
  #put(sectors: Buffer, lsn: number): void {
    let skipped = 0
    if (lsn < (this.flight?.sectorsEnd ?? 0)) {
      sectors.copy(this.#held)
      this.#heldLsn = lsn
      skipped = this.#alignment
    }
    runSync(writeWhole(this.space, sectors.subarray(skipped), lsn + skipped))
  }
}

/** A write that is unfinished. */
class Flight {
  /** The LSN past what it writes. */
  readonly end: number
  /** How many records there are below that. */
  readonly records: number
  /** Where its sectors end. */
  readonly sectorsEnd: number
  landing: Promise<void> = Promise.resolve()

  constructor(end: number, records: number, sectorsEnd: number) {
    this.end = end
    this.records = records
    this.sectorsEnd = sectorsEnd
  }
}
