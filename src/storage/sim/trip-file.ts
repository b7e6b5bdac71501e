import { noProgress } from '../../errors.js'
import type { FileDescription } from './file-description.js'
import { syncOperation, writebackOperation, writeOperation } from './file-effects.js'
import type { Operation } from './operation.js'
import { SimFile } from './sim-file.js'
import type { SimProcess } from './sim-process.js'

/** A file as the native addon has it: writes write all, can carry their sync, and can be waited for. */
export class TripFile extends SimFile {
  readonly #process: SimProcess
  readonly #description: FileDescription
  #unfinished: readonly Trip[] = []
  /** Of the last trips that were to be waited for. It stays until the next: who blocks may come before it was heard. */
  #failure: unknown
  readonly #writebacks = new Set<Operation<boolean>>()

  constructor(process: SimProcess, description: FileDescription) {
    super(process, description)
    this.#process = process
    this.#description = description
  }

  override async write(source: Uint8Array, position: number): Promise<number> {
    await this.#begin(source, position, 'nothing')
    return source.length
  }

  writeAndSync(source: Uint8Array, position: number): Promise<void> {
    return this.#begin(source, position, 'all')
  }

  writeAndSyncSync(source: Uint8Array, position: number): void {
    this.#trip(source, position, 'all').runSync()
  }

  writeThrough(source: Uint8Array, position: number): Promise<void> {
    return this.#begin(source, position, 'own')
  }

  writeThroughSync(source: Uint8Array, position: number): void {
    this.#trip(source, position, 'own').runSync()
  }

  async startWriteback(position: number, length: number): Promise<boolean> {
    const operation = writebackOperation(this.#process, this.#description, position, length)
    this.#writebacks.add(operation)
    const isStarted = await this.#process.issue(operation)
    // What has failed stays: whoever blocks is told, too.
    this.#writebacks.delete(operation)
    return isStarted
  }

  finishWritebackSync(): void {
    for (const operation of this.#writebacks) this.#process.finish(operation)
  }

  finishSync(): void {
    for (const trip of this.#unfinished) trip.finishSync()
    if (this.#failure !== undefined) throw this.#failure
  }

  async #begin(source: Uint8Array, position: number, syncs: Syncs): Promise<void> {
    const trip = this.#trip(source, position, syncs)
    if (this.#unfinished.length === 0) this.#failure = undefined
    this.#unfinished = [...this.#unfinished, trip]
    try {
      await trip.run()
    } catch (error) {
      this.#failure ??= error
      throw error
    } finally {
      this.#unfinished = this.#unfinished.filter((other) => other !== trip)
    }
  }

  #trip(source: Uint8Array, position: number, syncs: Syncs): Trip {
    return new Trip(this.#process, this.#description, source, position, syncs)
  }
}

/** What a trip makes durable: its own bytes, or all that had been written by then. */
type Syncs = 'nothing' | 'own' | 'all'

/** One operation after the other, begun in one way, and perhaps ended in the other. */
class Trip {
  readonly #process: SimProcess
  readonly #description: FileDescription
  readonly #source: Uint8Array
  readonly #position: number
  readonly #syncs: Syncs
  #written = 0
  #isSynced: boolean
  #current: Operation<number | void> | undefined
  /** It was waited for by a call that blocked. */
  #isFinished = false
  #failure: unknown

  constructor(process: SimProcess, description: FileDescription, source: Uint8Array, position: number, syncs: Syncs) {
    this.#process = process
    this.#description = description
    this.#source = source
    this.#position = position
    this.#syncs = syncs
    this.#isSynced = syncs !== 'all'
  }

  async run(): Promise<void> {
    for (let operation = this.#next(); operation !== undefined; operation = this.#next()) {
      // One after the other is the point.
      // oxlint-disable-next-line no-await-in-loop
      const result = await this.#process.issue(operation)
      if (this.#isFinished) break
      this.#take(result)
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  runSync(): void {
    for (let operation = this.#next(); operation !== undefined; operation = this.#next()) {
      this.#take(this.#process.block(operation))
    }
  }

  /** Blocks until it is over. */
  finishSync(): void {
    if (this.#isFinished) return
    this.#isFinished = true
    try {
      if (this.#current !== undefined) this.#take(this.#process.finish(this.#current))
      this.runSync()
    } catch (error) {
      this.#failure = error
      throw error
    }
  }

  #next(): Operation<number | void> | undefined {
    this.#current = this.#operation()
    return this.#current
  }

  #operation(): Operation<number | void> | undefined {
    if (this.#written < this.#source.length) {
      const rest = this.#written === 0 ? this.#source : this.#source.subarray(this.#written)
      const position = this.#position + this.#written
      return writeOperation(this.#process, this.#description, rest, position, this.#syncs === 'own')
    }
    return this.#isSynced ? undefined : syncOperation(this.#process, this.#description, 'dataSync')
  }

  #take(result: number | void): void {
    if (typeof result !== 'number') this.#isSynced = true
    else if (result === 0) throw noProgress('write')
    else this.#written += result
  }
}
