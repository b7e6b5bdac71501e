import { How, type NativeAddon, nativeError } from '../platform/native-addon.js'
import { NodeFile } from './node-file.js'

/**
 * An open file that is written by the native addon: with the sync in one trip, and so that an unfinished write can be
 * waited for. Everything else goes by Node's own calls.
 */
export class NativeFile extends NodeFile {
  readonly #addon: NativeAddon
  readonly #write: NativeAddon['writeAndSync']
  readonly #unfinished = new Set<number>()
  #failure: Error | undefined

  constructor(fd: number, addon: NativeAddon, engine: 'pool' | 'uring') {
    super(fd)
    this.#addon = addon
    this.#write = engine === 'uring' ? addon.ringWrite : addon.writeAndSync
  }

  override async write(source: Uint8Array, position: number): Promise<number> {
    await this.#waitFor(source, position, How.writeOnly)
    return source.length
  }

  writeAndSync(source: Uint8Array, position: number): Promise<void> {
    return this.#waitFor(source, position, How.writeAndSync)
  }

  writeAndSyncSync(source: Uint8Array, position: number): void {
    this.#block(source, position, How.writeAndSync)
  }

  writeThrough(source: Uint8Array, position: number): Promise<void> {
    return this.#waitFor(source, position, How.writeWithDsync)
  }

  writeThroughSync(source: Uint8Array, position: number): void {
    this.#block(source, position, How.writeWithDsync)
  }

  finishSync(): void {
    this.#failure = undefined
    for (const operation of this.#unfinished) {
      // Calls its callback.
      const result = this.#addon.finish(operation)
      if (typeof result === 'number') throw nativeError(result, 'io_uring_enter')
    }
    if (this.#failure !== undefined) throw this.#failure
  }

  #block(source: Uint8Array, position: number, how: number): void {
    const { length } = source
    const result = this.#addon.writeAndSyncSync(this.fd, source, 0, length, position, how)
    if (result < 0) throw failure(result, this.#addon.writtenBytes(), length)
  }

  #waitFor(source: Uint8Array, position: number, how: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const { length } = source
      const end = (result: number, written: number): void => {
        this.#unfinished.delete(operation)
        if (result >= 0) return resolve()
        this.#failure = failure(result, written, length)
        reject(this.#failure)
      }
      const operation = this.#write(this.fd, source, 0, length, position, how, end)
      if (operation < 0) reject(failure(operation, this.#addon.writtenBytes(), length))
      else this.#unfinished.add(operation)
    })
  }
}

/** Everything is written, so it was the sync; or else the write. */
function failure(result: number, written: number, length: number): Error {
  return nativeError(result, written === length ? 'fdatasync' : 'write')
}
