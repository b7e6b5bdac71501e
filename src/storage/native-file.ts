import { How, type NativeAddon, nativeError } from '../platform/native-addon.js'
import { NodeFile } from './node-file.js'

/** An open file that is written and synced by the native addon in one trip; everything else goes by Node's own calls. */
export class NativeFile extends NodeFile {
  readonly #addon: NativeAddon
  readonly #write: NativeAddon['writeAndSync']

  constructor(fd: number, addon: NativeAddon, engine: 'pool' | 'uring') {
    super(fd)
    this.#addon = addon
    this.#write = engine === 'uring' ? addon.ringWrite : addon.writeAndSync
  }

  writeAndSync(source: Uint8Array, position: number): Promise<void> {
    return this.#waitFor(source, position, How.writeAndSync)
  }

  writeThrough(source: Uint8Array, position: number): Promise<void> {
    return this.#waitFor(source, position, How.writeWithDsync)
  }

  writeAndSyncSync(source: Uint8Array, position: number): void {
    const { length } = source
    const result = this.#addon.writeAndSyncSync(this.fd, source, 0, length, position, How.writeAndSync)
    if (result < 0) throw failure(result, this.#addon.writtenBytes(), length)
  }

  #waitFor(source: Uint8Array, position: number, how: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const { length } = source
      const end = (result: number, written: number): void =>
        result < 0 ? reject(failure(result, written, length)) : resolve()
      const started = this.#write(this.fd, source, 0, length, position, how, end)
      if (started < 0) reject(failure(started, this.#addon.writtenBytes(), length))
    })
  }
}

/** Everything is written, so it was the sync; or else the write. */
function failure(result: number, written: number, length: number): Error {
  return nativeError(result, written === length ? 'fdatasync' : 'write')
}
