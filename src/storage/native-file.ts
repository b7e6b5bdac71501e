import {
  FallocateMode,
  HOLDER_IS_A_DESCRIPTION,
  How,
  Advice as NativeAdvice,
  type NativeAddon,
  type NativeCallback,
  nativeError,
} from '../platform/native-addon.js'
import { NodeFile } from './node-file.js'
import {
  type Advice,
  BLOCKING_WRITE_BYTES_MAX,
  type LockAnswer,
  type OpenMode,
  type Registered,
  type StorageFile,
} from './storage.js'

/**
 * An open file that is written by the native addon: with the sync in one trip, and so that an unfinished write can be
 * waited for. It also has calls that Node has not. Everything else goes by Node's own.
 */
export class NativeFile extends NodeFile {
  readonly #addon: NativeAddon
  readonly #write: NativeAddon['writeAndSync']
  readonly #engine: 'pool' | 'uring'
  /** What stand for the file and for memory in the ring, once they are registered there. */
  #ringFile: number | undefined
  #ringMemory: number | undefined
  /** Up to so many bytes are written blocking where only the sync need be waited for. */
  readonly #atOnceBytesMax: number
  readonly #unfinished = new Set<number>()
  /** Of the last writes that were to be waited for. It stays until the next: who blocks may come before it was heard. */
  #failure: Error | undefined
  readonly #writebacks = new Set<number>()
  #writebackFailure: Error | undefined

  constructor(fd: number, mode: OpenMode, addon: NativeAddon, engine: 'pool' | 'uring') {
    super(fd)
    const goesPastTheCache = mode.startsWith('direct')
    this.#atOnceBytesMax = engine === 'uring' && !goesPastTheCache ? BLOCKING_WRITE_BYTES_MAX : 0
    this.#addon = addon
    this.#engine = engine
    this.#write = engine === 'uring' ? addon.ringWrite : addon.writeAndSync
  }

  override async write(source: Uint8Array, position: number): Promise<number> {
    await this.#waitFor(source, position, How.writeOnly)
    return source.length
  }

  /**
   * A write to the page cache is no work for io_uring on all file systems: where ext4 gets it, two threads of the kernel do
   * one after the other what one job of the pool does. Written at once, only the sync is left to it.
   */
  writeAndSync(source: Uint8Array, position: number): Promise<void> {
    const isAtOnce = source.length <= this.#atOnceBytesMax
    return this.#waitFor(source, position, isAtOnce ? How.writeAtOnceAndSync : How.writeAndSync)
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

  async startWriteback(position: number, length: number): Promise<boolean> {
    const result = await new Promise<number>((resolve) => {
      const end = (answer: number): void => {
        this.#writebacks.delete(operation)
        if (hasLost(answer)) this.#writebackFailure ??= nativeError(answer, 'sync_file_range')
        resolve(answer)
      }
      const operation = this.#addon.startWriteback(this.fd, position, length, end)
      if (operation < 0) end(operation)
      else this.#writebacks.add(operation)
    })
    if (hasLost(result)) throw nativeError(result, 'sync_file_range')
    return result >= 0
  }

  finishWritebackSync(): void {
    this.#finish(this.#writebacks)
    if (this.#writebackFailure !== undefined) throw this.#writebackFailure
  }

  override async preallocate(position: number, length: number): Promise<boolean> {
    const { keepSize } = FallocateMode
    return canBe(
      await this.#wait((callback) => this.#addon.fallocate(this.fd, keepSize, position, length, callback)),
      'fallocate',
    )
  }

  override preallocateSync(position: number, length: number): boolean {
    return canBe(this.#addon.fallocateSync(this.fd, FallocateMode.keepSize, position, length), 'fallocate')
  }

  override async advise(position: number, length: number, advice: Advice): Promise<boolean> {
    const number = ADVICE[advice]
    return canBe(
      await this.#wait((callback) => this.#addon.fadvise(this.fd, position, length, number, callback)),
      'posix_fadvise',
    )
  }

  override adviseSync(position: number, length: number, advice: Advice): boolean {
    return canBe(this.#addon.fadviseSync(this.fd, position, length, ADVICE[advice]), 'posix_fadvise')
  }

  directAlignment(): number | undefined {
    const facts = this.#addon.statxSync(this.fd)
    return typeof facts === 'number' || facts.directOffsetAlignment === 0 ? undefined : facts.directOffsetAlignment
  }

  /** Takes no time. */
  override lockSync(): LockAnswer {
    const result = this.#addon.lockSync(this.fd)
    if (result === 0) return { state: 'taken' }
    const error = nativeError(result, 'fcntl')
    if (error.code !== 'EAGAIN' && error.code !== 'EACCES') return { state: 'none', reason: error.message }
    const holder = this.#addon.lockHolderSync(this.fd)
    const isProcess = holder > 0 && holder !== HOLDER_IS_A_DESCRIPTION
    return { state: 'held', ...(isProcess ? { pid: holder } : {}) }
  }

  finishSync(): void {
    this.#finish(this.#unfinished)
    if (this.#failure !== undefined) throw this.#failure
  }

  #finish(operations: Iterable<number>): void {
    for (const operation of operations) {
      // Calls its callback.
      const result = this.#addon.finish(operation)
      if (typeof result === 'number') throw nativeError(result, 'io_uring_enter')
    }
  }

  registerForWrites(memory: Uint8Array): Registered {
    if (this.#engine !== 'uring') return { inUse: 'none', reason: 'this engine has no use for it' }
    this.#unregister()
    const file = this.#addon.ringRegisterFile(this.fd)
    const slot = this.#addon.ringRegisterBuffer(memory)
    if (file >= 0) this.#ringFile = file
    if (slot >= 0) this.#ringMemory = slot
    const inUse = REGISTERED[`${file >= 0}, ${slot >= 0}`]
    if (inUse === 'file and memory') return { inUse }
    return { inUse, reason: nativeError(Math.min(file, slot), 'io_uring_register').message }
  }

  override close(): Promise<void> {
    this.#unregister()
    return super.close()
  }

  override closeSync(): void {
    this.#unregister()
    super.closeSync()
  }

  /** The ring would hold the file open. It refuses only what is in use, and then lets go of it when it ends itself. */
  #unregister(): void {
    if (this.#ringFile !== undefined) this.#addon.ringUnregisterFile(this.#ringFile)
    if (this.#ringMemory !== undefined) this.#addon.ringUnregisterBuffer(this.#ringMemory)
    this.#ringFile = undefined
    this.#ringMemory = undefined
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

  #block(source: Uint8Array, position: number, how: number): void {
    const { length } = source
    const result = this.#addon.writeAndSyncSync(this.fd, source, 0, length, position, how)
    if (result < 0) throw failure(result, this.#addon.writtenBytes(), length)
  }

  #waitFor(source: Uint8Array, position: number, how: number): Promise<void> {
    if (this.#unfinished.size === 0) this.#failure = undefined
    return new Promise((resolve, reject) => {
      const { length } = source
      const end = (result: number, written: number): void => {
        this.#unfinished.delete(operation)
        if (result >= 0) return resolve()
        const error = failure(result, written, length)
        this.#failure ??= error
        reject(error)
      }
      const operation = this.#write(this.#ringFile ?? this.fd, source, 0, length, position, how, end)
      if (operation < 0) end(operation, this.#addon.writtenBytes())
      else this.#unfinished.add(operation)
    })
  }
}

/** By whether the file is, and the memory. */
const REGISTERED = {
  'true, true': 'file and memory',
  'true, false': 'file',
  'false, true': 'memory',
  'false, false': 'none',
} as const

const ADVICE: Readonly<Record<Advice, number>> = {
  normal: NativeAdvice.normal,
  sequential: NativeAdvice.sequential,
  random: NativeAdvice.random,
  'will-need': NativeAdvice.willNeed,
  'dont-need': NativeAdvice.dontNeed,
  'no-reuse': NativeAdvice.noReuse,
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

/** The call is missing, or forbidden. What else it says comes from the file system, which may have dropped what was written. */
const MISSING_CALL: ReadonlySet<string | undefined> = new Set(['ENOSYS', 'EPERM'])

/** Whether an answer to sync_file_range tells of a failure. */
function hasLost(answer: number): boolean {
  return answer < 0 && !MISSING_CALL.has(nativeError(answer, 'sync_file_range').code)
}

/** Everything is written, so it was the sync; or else the write. */
function failure(result: number, written: number, length: number): Error {
  return nativeError(result, written === length ? 'fdatasync' : 'write')
}
