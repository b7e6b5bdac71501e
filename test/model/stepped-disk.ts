import type { StorageFile } from '#src/storage/storage.js'

/** An operation that the journal waits for. */
export interface Operation {
  readonly kind: 'write' | 'sync'
  /** What the kernel makes of it, whenever it does: the journal is not told yet. */
  perform(isFailing: boolean): void
  /** Tells the journal. */
  answer(): void
  readonly isPerformed: boolean
}

/** Used again by one disk after the other: to make them anew takes most of the time of a run. */
const FILE_BYTES_MAX = 2 ** 19
const cached = Buffer.alloc(FILE_BYTES_MAX)
const stable = Buffer.alloc(FILE_BYTES_MAX)
let usedBytes = 0

/**
 * One file on a disk that does nothing by itself: each waiting operation is performed, and answered, when somebody says so,
 * and each may fail. A failed sync drops what was not yet on the disk, and reports that once to each open description.
 * There is one at a time.
 */
export class SteppedDisk {
  /** What the system would read, what a power cut would leave, and what is still to be written to the disk. */
  readonly cached = cached
  readonly stable = stable
  #dirty: { from: number; to: number }[] = []
  readonly unfinished: Operation[] = []
  readonly #isFailing: (what: string) => boolean
  readonly #unreported = new Set<SteppedFile>()
  readonly files: SteppedFile[] = []
  /** Something has failed, and the journal was told. */
  hasToldOfFailure = false
  /** What the journal must not do. Thrown, it would be one failure more for the journal. */
  readonly violations: string[] = []

  /** `isFailing` decides of each blocking operation. */
  constructor(isFailing: (what: string) => boolean) {
    this.#isFailing = isFailing
    cached.fill(0, 0, usedBytes)
    stable.fill(0, 0, usedBytes)
    usedBytes = 0
  }

  open(): SteppedFile {
    const file = new SteppedFile(this)
    this.files.push(file)
    return file
  }

  writeSync(source: Uint8Array, position: number): number {
    this.#mayBegin('write')
    if (this.#isFailing('blocking write')) this.#fail('ENOSPC')
    this.#put(source, position)
    return source.length
  }

  syncSync(file: SteppedFile): void {
    this.#mayBegin('sync')
    this.#sync(this.#isFailing('blocking sync'))
    if (this.#isReported(file)) this.#fail('EIO')
  }

  write(source: Uint8Array, position: number): Promise<number> {
    this.#mayBegin('write')
    const isAlone = this.unfinished.every(({ kind }) => kind !== 'write')
    this.require(isAlone, 'a write begins beside an unfinished one, which it may overtake (D4b)')
    const before = Buffer.from(source)
    return this.#start('write', (isFailing) => {
      this.require(before.equals(source), 'the memory of an unfinished write has changed (D4b)')
      if (!isFailing) this.#put(source, position)
      return isFailing ? 'ENOSPC' : source.length
    })
  }

  sync(file: SteppedFile): Promise<void> {
    this.#mayBegin('sync')
    const done = this.#start('sync', (isFailing) => {
      this.#sync(isFailing)
      return this.#isReported(file) ? 'EIO' : 0
    })
    return done.then(() => {})
  }

  truncate(size: number): void {
    this.require(this.unfinished.length === 0, 'the file is cut while something is unfinished (D4b)')
    this.cached.fill(0, size)
    this.stable.fill(0, size)
  }

  require(isSo: boolean, otherwise: string): void {
    if (!isSo) this.violations.push(otherwise)
  }

  /** Once the journal was told of a failure, it leaves the disk alone (D5). */
  #mayBegin(what: string): void {
    this.require(!this.hasToldOfFailure, `a ${what} begins after a failure (D5)`)
  }

  #start(kind: Operation['kind'], perform: (isFailing: boolean) => number | string): Promise<number> {
    return new Promise((resolve, reject) => {
      let result: number | string | undefined
      const operation: Operation = {
        kind,
        get isPerformed(): boolean {
          return result !== undefined
        },
        perform(isFailing) {
          result = perform(isFailing)
        },
        answer: () => {
          this.unfinished.splice(this.unfinished.indexOf(operation), 1)
          if (typeof result === 'number') return resolve(result)
          this.hasToldOfFailure = true
          reject(failure(String(result)))
        },
      }
      this.unfinished.push(operation)
    })
  }

  #put(source: Uint8Array, position: number): void {
    usedBytes = Math.max(usedBytes, position + source.length)
    this.cached.set(source, position)
    this.#dirty.push({ from: position, to: position + source.length })
  }

  /** What is dirty reaches the disk, or is dropped. */
  #sync(isFailing: boolean): void {
    const dirty = this.#dirty
    this.#dirty = []
    if (!isFailing) for (const { from, to } of dirty) this.cached.copy(this.stable, from, from, to)
    if (isFailing) for (const other of this.files) this.#unreported.add(other)
  }

  #isReported(file: SteppedFile): boolean {
    return this.#unreported.delete(file)
  }

  #fail(code: string): never {
    this.hasToldOfFailure = true
    throw failure(code)
  }
}

/** One open description of the file. */
export class SteppedFile implements Pick<
  StorageFile,
  'write' | 'writeSync' | 'dataSync' | 'dataSyncSync' | 'truncateSync' | 'closeSync'
> {
  readonly #disk: SteppedDisk
  isClosed = false

  constructor(disk: SteppedDisk) {
    this.#disk = disk
  }

  write(source: Uint8Array, position: number): Promise<number> {
    this.#check()
    return this.#disk.write(source, position)
  }

  writeSync(source: Uint8Array, position: number): number {
    this.#check()
    return this.#disk.writeSync(source, position)
  }

  dataSync(): Promise<void> {
    this.#check()
    return this.#disk.sync(this)
  }

  dataSyncSync(): void {
    this.#check()
    this.#disk.syncSync(this)
  }

  truncateSync(size: number): void {
    this.#check()
    this.#disk.truncate(size)
  }

  closeSync(): void {
    this.#check()
    this.#disk.require(this.#disk.unfinished.length === 0, 'a descriptor is closed while something is unfinished (D4b)')
    this.isClosed = true
  }

  #check(): void {
    this.#disk.require(!this.isClosed, 'a descriptor is used after it was closed')
  }
}

function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made up`), { code, syscall: 'test' })
}
