import { run } from '../storage/steps.js'
import { writeWhole } from '../storage/whole.js'
import { InFlight } from './in-flight.js'
import type { LogBuffer } from './log-buffer.js'
import type { LogSpace } from './log-space.js'

/** A write that is unfinished. */
export interface Landing {
  landing: Promise<void>
}

/**
 * What both forms of a writer do in the same way: they have one write after the other unfinished, count what is so, and sync,
 * cut and close the space.
 */
export abstract class SpaceWriter<Flight extends Landing> {
  protected readonly space: LogSpace
  protected readonly buffer: LogBuffer
  protected readonly inFlight: InFlight = new InFlight()
  protected flight: Flight | undefined
  protected isGivenUp = false

  constructor(space: LogSpace, buffer: LogBuffer) {
    this.space = space
    this.buffer = buffer
  }

  abstract get writtenLsn(): number

  async write(): Promise<void> {
    const target = this.buffer.nextLsn
    while (this.writtenLsn < target) {
      if (this.isGivenUp) throw new Error('the journal was given up before all of it was written')
      // One write after the other: the frontier moves contiguously (D4).
      // oxlint-disable-next-line no-await-in-loop
      await (this.flight?.landing ?? this.flyWithoutSync())
    }
  }

  /** Begins to write what is staged, or a part of it: that is the flight now. */
  protected abstract fly(write: (source: Buffer, lsn: number) => Promise<void>, hasSync: boolean): Promise<void>

  protected flyWithoutSync(): Promise<void> {
    return this.fly((source, lsn) => run(writeWhole(this.space, source, lsn)), false)
  }

  /** It is the flight before the write is called for, which may call back. */
  protected launch(flight: Flight, write: () => Promise<void>): Promise<void> {
    this.flight = flight
    this.inFlight.begin()
    flight.landing = this.#follow(write(), flight)
    return flight.landing
  }

  async #follow(writing: Promise<void>, flight: Flight): Promise<void> {
    try {
      await writing
    } catch (error) {
      this.flight = undefined
      this.inFlight.end()
      throw error
    }
    // A blocking call may have waited for it.
    if (this.flight === flight) this.land(flight)
  }

  /** It has ended well. The frontier has moved before anybody hears that the writer is idle: a cut goes by it. */
  protected abstract land(flight: Flight): void

  get isBusy(): boolean {
    return this.inFlight.isBusy
  }

  track<Value>(operation: Promise<Value>): Promise<Value> {
    return this.inFlight.track(operation)
  }

  whenIdle(callback: () => void): void {
    this.inFlight.whenIdle(callback)
  }

  giveUp(): void {
    this.isGivenUp = true
  }

  sync(): Promise<void> {
    return this.inFlight.track(this.space.dataSync())
  }

  syncSync(): void {
    this.space.dataSyncSync()
  }

  cutBack(): void {
    this.space.truncateSync(this.writtenLsn)
  }

  closeSync(): void {
    this.space.closeSync()
  }
}
