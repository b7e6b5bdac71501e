import type { Engine } from '../platform/engine.js'

/**
 * The seam: everything that touches a disk goes through here, locks and marks too, so that one journal runs on Node's
 * file system, on a native path, and on a simulated disk that loses power.
 *
 * Each method that can wait has a twin that blocks: `read` and `readSync`. Positions and sizes are in bytes, times in
 * nanoseconds. Failures are Node's own errors (`code`, `errno`, `syscall`); the callers give them their meaning.
 */
export interface Storage {
  /** What does the work. */
  readonly engine: StorageEngine
  /** Why it is not a better one, if there is one. */
  readonly engineReason?: string | undefined
  readonly clock: Clock
  readonly owners: Owners
  /** `create` makes a new file and fails with EEXIST if there is one; the other modes fail with ENOENT if there is none. */
  open(path: string, mode: OpenMode, permissions?: number): Promise<StorageFile>
  openSync(path: string, mode: OpenMode, permissions?: number): StorageFile
  /** The path without symbolic links. Fails with ENOENT if nothing is there. */
  realPath(path: string): Promise<string>
  realPathSync(path: string): string
  /** What is at the path (links followed), or undefined if nothing is. */
  stat(path: string): Promise<FileFacts | undefined>
  statSync(path: string): FileFacts | undefined
  /** The names in a directory, unsorted. */
  list(directory: string): Promise<string[]>
  listSync(directory: string): string[]
  /** Replaces what is at `to`, if anything is. */
  rename(from: string, to: string): Promise<void>
  renameSync(from: string, to: string): void
  /** Makes a second name for a file. Fails with EEXIST if there is something at `to`. */
  link(from: string, to: string): Promise<void>
  linkSync(from: string, to: string): void
  unlink(path: string): Promise<void>
  unlinkSync(path: string): void
  /** Makes the names in a directory survive power loss. False where the platform cannot do that. */
  syncDirectory(path: string): Promise<boolean>
  syncDirectorySync(path: string): boolean
}

/** Those of the platform, and a disk that exists in memory only. */
export type StorageEngine = Engine | 'simulated'

export interface StorageFile {
  /** Fills `target` from `position` on, and returns how many bytes that were: fewer only at the end of the file or by chance. */
  read(target: Uint8Array, position: number): Promise<number>
  readSync(target: Uint8Array, position: number): number
  /**
   * Writes some of `source` at `position` and returns how many bytes that were, one system call and no loop. The memory
   * must not change before it has answered.
   */
  write(source: Uint8Array, position: number): Promise<number>
  writeSync(source: Uint8Array, position: number): number
  /** Makes the data that was written before the call, and the size, survive power loss. */
  dataSync(): Promise<void>
  dataSyncSync(): void
  /** As `dataSync`, with all the metadata. */
  sync(): Promise<void>
  syncSync(): void
  /**
   * There where it takes one trip: writes all of `source`, then makes the data that was written until then, and the size,
   * survive power loss. The error's `syscall` tells a write that failed from a sync.
   */
  writeAndSync?(source: Uint8Array, position: number): Promise<void>
  writeAndSyncSync?(source: Uint8Array, position: number): void
  /** The same, but of these bytes only: what else has been written may still be lost. */
  writeThrough?(source: Uint8Array, position: number): Promise<void>
  writeThroughSync?(source: Uint8Array, position: number): void
  /**
   * There where unfinished writes can be waited for, each of which there writes all of its source: blocks until those that
   * `write`, `writeAndSync` and `writeThrough` have begun on this file have ended. Throws an error that one of them rejects
   * with.
   */
  finishSync?(): void
  truncate(size: number): Promise<void>
  truncateSync(size: number): void
  stat(): Promise<FileFacts>
  statSync(): FileFacts
  /**
   * Sets aside the blocks of a range, past the end of the file too, whose size stays; a truncation gives back those past its
   * end. False where that cannot be done.
   */
  preallocate(position: number, length: number): Promise<boolean>
  preallocateSync(position: number, length: number): boolean
  /** Tells the system how a range will be used; a length of 0 reaches to the end. False where nobody listens. */
  advise(position: number, length: number, advice: Advice): Promise<boolean>
  adviseSync(position: number, length: number, advice: Advice): boolean
  /**
   * Locks the whole file for this open description, if nobody else has it locked. The lock goes with the description. Does not
   * wait for anybody.
   */
  lock(): Promise<LockAnswer>
  lockSync(): LockAnswer
  close(): Promise<void>
  closeSync(): void
}

/** A lock is taken; or there is no such thing here; or somebody else has it, who can mostly not be named. */
export type LockAnswer =
  | { readonly state: 'taken' }
  | { readonly state: 'none'; readonly reason: string }
  | { readonly state: 'held'; readonly pid?: number }

/**
 * How a range of a file will be used, as posix_fadvise(2) knows it: in order, at random; soon, or not soon, so that the page
 * cache reads it now or forgets what of it is on the disk; only once.
 */
export type Advice = 'normal' | 'sequential' | 'random' | 'will-need' | 'dont-need' | 'no-reuse'

/**
 * `read`: must exist; `write`: must exist, for reading and writing; `create`: must not exist; `replace`: made or emptied;
 * `direct`: as `write`, but past the page cache, with positions, lengths and memory aligned to the device's sectors, or
 * EINVAL; `direct-through`: as that, and each write is on stable storage when it has returned, it and what leads to it
 * (O_DSYNC). Where there is no such thing, opening fails, mostly with EINVAL or ENOTSUP.
 */
export type OpenMode = 'read' | 'write' | 'create' | 'replace' | 'direct' | 'direct-through'

export interface FileFacts {
  readonly isFile: boolean
  readonly size: number
  readonly device: bigint
  readonly inode: bigint
  /** How many names it has. */
  readonly links: number
  /** Nanoseconds since 1970, or 0 where the file system keeps no birth time. */
  readonly birthTime: bigint
}

/** Time, so that tests can own it. */
export interface Clock {
  /** Milliseconds that only grow, from any beginning. */
  now(): number
  /** Calls back once after so many milliseconds, without keeping the process alive. Returns what cancels it. */
  startTimer(delayMs: number, callback: () => void): () => void
  sleep(ms: number): Promise<void>
  sleepSync(ms: number): void
  /** Calls back before any I/O: after the current synchronous work, or, asked for in a microtask, when no more of them wait. */
  soon(callback: () => void): void
}

/** Who takes locks, and whether somebody who took one is still there. */
export interface Owners {
  /** The calling thread. */
  self(): Owner
  /** True only where it is certain that the owner is gone for good. */
  isGone(owner: Owner): boolean
  /**
   * How many open descriptions the calling process has, in all its threads, with which it can write to the file. 0 where
   * the platform does not tell.
   */
  writersHere(file: FileFacts): number
  /** A name that nobody else has or will have. */
  token(): string
}

export interface Owner {
  readonly host: string
  /** Which boot of the host; 'unknown' where the platform does not tell. */
  readonly boot: string
  readonly pidNamespace: string
  readonly pid: number
  /** The thread's id for the operating system; 0 where the platform does not tell. */
  readonly thread: number
  /** Since boot, in clock ticks: tells a thread from a later one with the same id; 0 where the platform does not tell. */
  readonly startTime: number
}
