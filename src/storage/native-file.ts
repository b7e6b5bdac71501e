import { FallocateMode, How, type NativeAddon, type NativeCallback, nativeError } from '../platform/native-addon.js'
import { NodeFile } from './node-file.js'
import type { StorageFile } from './storage.js'

/**
 * An open file that is written and synced by the native addon in one trip, and for which it has calls that Node has not;
 * everything else goes by Node's own.
 */
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

  override async cloneFrom(source: StorageFile): Promise<boolean> {
    const from = descriptorOf(source)
    return canBe(await this.#wait((callback) => this.#addon.cloneFile(from, this.fd, callback)), 'ioctl')
  }

  override cloneFromSync(source: StorageFile): boolean {
    return canBe(this.#addon.cloneFileSync(descriptorOf(source), this.fd), 'ioctl')
  }

  override async copyFrom(
    source: StorageFile,
    sourcePosition: number,
    position: number,
    length: number,
  ): Promise<number | undefined> {
    const from = descriptorOf(source)
    const result = await this.#wait((callback) =>
      this.#addon.copyFileRange(from, sourcePosition, this.fd, position, length, callback),
    )
    return canBe(result, 'copy_file_range') ? result : undefined
  }

  override copyFromSync(
    source: StorageFile,
    sourcePosition: number,
    position: number,
    length: number,
  ): number | undefined {
    const result = this.#addon.copyFileRangeSync(descriptorOf(source), sourcePosition, this.fd, position, length)
    return canBe(result, 'copy_file_range') ? result : undefined
  }

  override async punchHole(position: number, length: number): Promise<boolean> {
    return canBe(
      await this.#wait((callback) => this.#addon.fallocate(this.fd, HOLE, position, length, callback)),
      'fallocate',
    )
  }

  override punchHoleSync(position: number, length: number): boolean {
    return canBe(this.#addon.fallocateSync(this.fd, HOLE, position, length), 'fallocate')
  }

  #wait(start: (callback: NativeCallback) => number): Promise<number> {
    return new Promise((resolve) => {
      const started = start(resolve)
      if (started < 0) resolve(started)
    })
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

const HOLE = FallocateMode.keepSize | FallocateMode.punchHole

function descriptorOf(file: StorageFile): number {
  return file instanceof NodeFile ? file.fd : -1
}

/** How kernels and file systems say that they have no such thing, or not for these two files. */
const REFUSALS: ReadonlySet<string | undefined> = new Set([
  'EOPNOTSUPP',
  'ENOTSUP',
  'ENOSYS',
  'EXDEV',
  'EINVAL',
  'ENOTTY',
  'EBADF',
  'EPERM',
])

/** False where it cannot be done at all; throws what is a real failure. */
function canBe(result: number, syscall: string): boolean {
  if (result >= 0) return true
  const error = nativeError(result, syscall)
  if (REFUSALS.has(error.code)) return false
  throw error
}

/** Everything is written, so it was the sync; or else the write. */
function failure(result: number, written: number, length: number): Error {
  return nativeError(result, written === length ? 'fdatasync' : 'write')
}
