import { run, runSync } from '../storage/steps.js'
import type { Advice, Registered, StorageFile } from '../storage/storage.js'
import { writeWhole } from '../storage/whole.js'

/**
 * The bytes that LSNs address. Today that is one file in which an LSN is a position; a journal of several segments will be
 * another form of it. Everything that the writer does to the disk goes through here.
 */
export interface LogSpace {
  /**
   * What positions, lengths and memory of writes must be multiples of, in bytes: 1, or more where they go past the page
   * cache.
   */
  readonly alignment: number
  /** Nothing has been written at or past this: what is past the records is padding, or zeros written ahead. */
  readonly endLsn: number
  /** One system call, no loop: returns how many bytes were written, which may be fewer. */
  write(source: Uint8Array, lsn: number): Promise<number>
  writeSync(source: Uint8Array, lsn: number): number
  /** What `writeDurably` can do here, and what its twin can, the cheapest first. */
  readonly trips: readonly Trip[]
  readonly blockingTrips: readonly Trip[]
  /** Writes all of `source` and makes it durable, in one trip. The error's `syscall` tells a write that failed from a sync. */
  writeDurably(source: Uint8Array, lsn: number, trip: Trip): Promise<void>
  writeDurablySync(source: Uint8Array, lsn: number, trip: Trip): void
  /** Whether `finishSync` can wait for unfinished writes. */
  readonly canFinish: boolean
  /** Blocks until they have ended. Throws the error that one of them rejects with, or the last ones have. */
  finishSync(): void
  /** What is written and waited for comes from within this memory, until the space is closed: the system may prepare for it. */
  register(memory: Uint8Array): Registered
  dataSync(): Promise<void>
  dataSyncSync(): void
  /** As those of a file; what is set aside past the end is remembered. */
  preallocate(lsn: number, length: number): Promise<boolean>
  preallocateSync(lsn: number, length: number): boolean
  advise(lsn: number, length: number, advice: Advice): Promise<boolean>
  adviseSync(lsn: number, length: number, advice: Advice): boolean
  /** Whether `startWriteback` has a call for it. */
  readonly canStartWriteback: boolean
  /** Has the disk begin with what has been written there, and waits for none of it. False where that cannot be. */
  startWriteback(lsn: number, length: number): Promise<boolean>
  /** Blocks until all that it has started has ended. Throws what one of them failed with, whether it was heard of or not. */
  finishWritebackSync(): void
  /** Cuts off what lies past `lsn`, and gives back what is set aside there. */
  truncateSync(lsn: number): void
  /**
   * The same, if there ever was anything: padding, zeros written ahead, blocks set aside, unless these are to be kept. True if
   * so.
   */
  trimSync(lsn: number, keepsPreallocated: boolean): boolean
  closeSync(): void
}

/**
 * What a write that is its own sync makes durable (D4): its own bytes and nothing else, or everything that had been written
 * by then.
 */
export type Trip = 'own' | 'all'

/** The open descriptions of a journal's file. */
export interface LogFiles {
  /** For what may be waited for: past the page cache if the journal is in direct mode. */
  readonly waiting: StorageFile
  /** For blocking syncs. */
  readonly blocking: StorageFile
  /** Past the page cache, each write a sync of its own bytes; in direct mode where `waiting` cannot do that. */
  readonly through?: StorageFile | undefined
}

/**
 * The journal as one flat file.
 *
 * It holds two open descriptions of the file for syncs, because the kernel reports a failed write-back once to each: if
 * one served both, a blocking sync and an unfinished one could run side by side, only one of them would be told, and the
 * other would confirm what is lost.
 */
export class SingleFileSpace implements LogSpace {
  readonly alignment: number
  readonly trips: readonly Trip[]
  readonly blockingTrips: readonly Trip[]
  readonly #files: LogFiles
  /** Where blocking writes that are synced go: in the page cache, to the description of blocking syncs. */
  readonly #synced: StorageFile
  #endLsn: number
  #preallocatedEnd = 0

  constructor(files: LogFiles, endLsn: number, alignment = 1) {
    this.#files = files
    this.#endLsn = endLsn
    this.alignment = alignment
    const { waiting, blocking, through } = files
    const isDirect = alignment > 1
    this.#synced = isDirect ? waiting : blocking
    const hasOwn = (name: keyof StorageFile): boolean => isDirect && (through !== undefined || has(waiting, name))
    this.trips = tripsOf(hasOwn('writeThrough'), has(waiting, 'writeAndSync'))
    this.blockingTrips = tripsOf(hasOwn('writeThroughSync'), has(this.#synced, 'writeAndSyncSync'))
  }

  get endLsn(): number {
    return this.#endLsn
  }

  /** It counts from its beginning: who blocks until it has ended may cut the file before its promise is heard. */
  write(source: Uint8Array, lsn: number): Promise<number> {
    this.#written(lsn, source.length)
    return this.#files.waiting.write(source, lsn)
  }

  writeSync(source: Uint8Array, lsn: number): number {
    return this.#written(lsn, this.#files.waiting.writeSync(source, lsn))
  }

  async writeDurably(source: Uint8Array, lsn: number, trip: Trip): Promise<void> {
    const { waiting, through } = this.#files
    this.#written(lsn, source.length)
    if (trip === 'all') await waiting.writeAndSync?.(source, lsn)
    else if (through === undefined) await waiting.writeThrough?.(source, lsn)
    else await run(writeWhole(through, source, lsn))
  }

  writeDurablySync(source: Uint8Array, lsn: number, trip: Trip): void {
    const { waiting, through } = this.#files
    if (trip === 'all') this.#synced.writeAndSyncSync?.(source, lsn)
    else if (through === undefined) waiting.writeThroughSync?.(source, lsn)
    else runSync(writeWhole(through, source, lsn))
    this.#written(lsn, source.length)
  }

  get canFinish(): boolean {
    return this.#files.waiting.finishSync !== undefined
  }

  finishSync(): void {
    this.#files.waiting.finishSync?.()
  }

  register(memory: Uint8Array): Registered {
    if (this.alignment === 1) return { inUse: 'none', reason: 'in the page cache it gains nothing' }
    return this.#files.waiting.registerForWrites?.(memory) ?? { inUse: 'none', reason: 'this engine has no use for it' }
  }

  dataSync(): Promise<void> {
    return this.#files.waiting.dataSync()
  }

  dataSyncSync(): void {
    this.#files.blocking.dataSyncSync()
  }

  async preallocate(lsn: number, length: number): Promise<boolean> {
    return this.#preallocated(lsn + length, await this.#files.waiting.preallocate(lsn, length))
  }

  preallocateSync(lsn: number, length: number): boolean {
    return this.#preallocated(lsn + length, this.#files.waiting.preallocateSync(lsn, length))
  }

  advise(lsn: number, length: number, advice: Advice): Promise<boolean> {
    return this.#files.waiting.advise(lsn, length, advice)
  }

  adviseSync(lsn: number, length: number, advice: Advice): boolean {
    return this.#files.waiting.adviseSync(lsn, length, advice)
  }

  get canStartWriteback(): boolean {
    return this.#files.waiting.startWriteback !== undefined
  }

  async startWriteback(lsn: number, length: number): Promise<boolean> {
    return (await this.#files.waiting.startWriteback?.(lsn, length)) ?? false
  }

  finishWritebackSync(): void {
    this.#files.waiting.finishWritebackSync?.()
  }

  truncateSync(lsn: number): void {
    this.#files.waiting.truncateSync(lsn)
    this.#endLsn = lsn
    this.#preallocatedEnd = lsn
  }

  trimSync(lsn: number, keepsPreallocated: boolean): boolean {
    const end = this.#preallocatedEnd
    if (this.#endLsn <= lsn && (end <= lsn || keepsPreallocated)) return false
    this.truncateSync(lsn)
    if (end > lsn && keepsPreallocated) this.preallocateSync(lsn, end - lsn)
    return true
  }

  closeSync(): void {
    try {
      this.#files.through?.closeSync()
    } finally {
      this.#closeOthers()
    }
  }

  #closeOthers(): void {
    try {
      this.#files.waiting.closeSync()
    } finally {
      this.#files.blocking.closeSync()
    }
  }

  #preallocated(end: number, isDone: boolean): boolean {
    if (isDone) this.#preallocatedEnd = Math.max(this.#preallocatedEnd, end)
    return isDone
  }

  #written(lsn: number, count: number): number {
    this.#endLsn = Math.max(this.#endLsn, lsn + count)
    return count
  }
}

function has(file: StorageFile, name: keyof StorageFile): boolean {
  return file[name] !== undefined
}

function tripsOf(hasOwn: boolean, hasAll: boolean): Trip[] {
  return [...(hasOwn ? ['own' as const] : []), ...(hasAll ? ['all' as const] : [])]
}
