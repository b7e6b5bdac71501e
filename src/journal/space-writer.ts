import { InFlight } from './in-flight.js'
import type { LogSpace } from './log-space.js'

/** What both forms of a writer do in the same way: they count what is unfinished, and sync, cut and close the space. */
export abstract class SpaceWriter {
  protected readonly space: LogSpace
  protected readonly inFlight: InFlight = new InFlight()
  protected isGivenUp = false

  constructor(space: LogSpace) {
    this.space = space
  }

  abstract get writtenLsn(): number

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
