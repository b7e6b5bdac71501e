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
  /** Whether extended attributes can be given to files here; then directories answer about them. */
  readonly hasAttributes: boolean
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
  /** Makes a second name for a file. False if there is something at `to`: nothing has been done then. */
  link(from: string, to: string): Promise<boolean>
  linkSync(from: string, to: string): boolean
  unlink(path: string): Promise<void>
  unlinkSync(path: string): void
  /** Makes the names in a directory survive power loss. False where the platform cannot do that. */
  syncDirectory(path: string): Promise<boolean>
  syncDirectorySync(path: string): boolean
  /** Opens a directory; links on the way and at its end are followed. */
  openDirectory(path: string): Promise<StorageDirectory>
  openDirectorySync(path: string): StorageDirectory
}

/**
 * An open directory, and what its names lead to. A name is one step: it holds no slash. Symbolic links are what they are
 * here, and never followed: what opens a name fails with ELOOP at a link (ENOTDIR: where a directory is asked for). Opening
 * does not wait for the other end of a pipe.
 */
export interface StorageDirectory {
  /** The path by which it was opened: for messages. */
  readonly path: string
  /**
   * Whether names are looked up in the directory that was opened, wherever it has been moved to since and whatever its path
   * leads to now. Where it is false, the path is walked anew by each call.
   */
  readonly isPinned: boolean
  /** Where it is now: its path without symbolic links. */
  realPath(): Promise<string>
  realPathSync(): string
  open(name: string, mode: OpenMode, permissions?: number): Promise<StorageFile>
  openSync(name: string, mode: OpenMode, permissions?: number): StorageFile
  /** One step down. */
  openDirectory(name: string): Promise<StorageDirectory>
  openDirectorySync(name: string): StorageDirectory
  /**
   * Many steps in one call, links followed, which never leaves this directory: EXDEV where the path would, be it for a moment.
   * Undefined where the platform has no such call.
   */
  openBeneath(path: string): Promise<StorageDirectory | undefined>
  openBeneathSync(path: string): StorageDirectory | undefined
  /** What is at the name itself, or undefined if nothing is. '.' is the directory that was opened, where that can be. */
  stat(name: string): Promise<FileFacts | undefined>
  statSync(name: string): FileFacts | undefined
  /** Where a link leads to. Fails with EINVAL if it is none. */
  readLink(name: string): Promise<string>
  readLinkSync(name: string): string
  /** Begins to read what is in it. */
  list(): Promise<Listing>
  listSync(): Listing
  /** Replaces what is at `toName` there, if anything is. */
  rename(name: string, to: StorageDirectory, toName: string): Promise<void>
  renameSync(name: string, to: StorageDirectory, toName: string): void
  /** Makes a second name for a file, in this directory. False if there is something at `toName`: nothing has been done then. */
  link(name: string, toName: string): Promise<boolean>
  linkSync(name: string, toName: string): boolean
  unlink(name: string): Promise<void>
  unlinkSync(name: string): void
  makeDirectory(name: string, permissions?: number): Promise<void>
  makeDirectorySync(name: string, permissions?: number): void
  /** Fails with ENOTEMPTY if it is not empty. */
  removeDirectory(name: string): Promise<void>
  removeDirectorySync(name: string): void
  /**
   * Whether what is at the name has a POSIX access control list; of '.', whether what is made here gets one. Where there is
   * one, the permission bits of the group are its mask, and do not say what the group may do. Fails with ENOENT if nothing is
   * there.
   */
  hasAccessList(name: string): Promise<boolean>
  hasAccessListSync(name: string): boolean
  /**
   * Gives an open file what is at the name: its access control list; or its other extended attributes, but for those that
   * speak of its content or its inode. The bits of the file become those of the list. 'no-access-list' takes the file's own
   * list away, whatever is at the name. False if something was not permitted, and so was left out, or if there is no list
   * (any more). They survive power loss with `sync` of the file, and not with
   * `dataSync`.
   */
  copyAttributes(name: string, to: StorageFile, kind: AttributeKind): Promise<boolean>
  copyAttributesSync(name: string, to: StorageFile, kind: AttributeKind): boolean
  /**
   * There where it takes one trip: replaces plain files, each as `stat`, `open` with 'create', `write`, `sync` (or `dataSync`), `close`
   * and `rename` would. The outcomes come in their order; one that fails leaves the others alone, and no draft. At most
   * `REPLACED_AT_ONCE_MAX`. This directory is not synced.
   */
  replaceFiles?(files: readonly FileReplacement[], needsFullSync: boolean): Promise<ReplaceOutcome[]>
  /** Makes its names survive power loss. False where the platform cannot do that. */
  sync(): Promise<boolean>
  syncSync(): boolean
  /** A second close does nothing. */
  close(): Promise<void>
  closeSync(): void
}

export type AttributeKind = 'access-list' | 'no-access-list' | 'others'

/** A small file that is to be replaced. */
export interface FileReplacement {
  readonly name: string
  /** The name that it is written under, in the same directory. */
  readonly draft: string
  readonly content: Uint8Array
  /** Of a file that is made, before the umask; one that is replaced keeps the last nine bits of its own. */
  readonly permissions: number
}

/**
 * What came of it; 'not-plain': nothing was done, as there is more to it than content and bits. At the name is a link, a
 * directory or something else, or there is an access control list, or the file that is there is of another group.
 */
export type ReplaceOutcome = 'replaced' | 'not-plain' | Error

export const REPLACED_AT_ONCE_MAX = 64

/** What is in a directory, piece by piece, in any order. Names that come and go meanwhile may be in it or not. */
export interface Listing {
  /** The next ones: at most so many, and none at the end. */
  next(countMax: number): Promise<DirectoryEntry[]>
  nextSync(countMax: number): DirectoryEntry[]
  close(): Promise<void>
  closeSync(): void
}

export interface DirectoryEntry {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'link' | 'other'
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
  /**
   * Writes some of `source` at the end of the file, wherever that is by now, and returns how many bytes that were. For files
   * that were opened for it.
   */
  append(source: Uint8Array): Promise<number>
  appendSync(source: Uint8Array): number
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
   * There where it can be: has the disk begin with a range that has been written, and waits for none of it, so that a sync soon
   * after has less to do. Makes nothing durable. False where the system has no such call.
   *
   * What it rejects with may be lost, and no sync need hear of it.
   */
  startWriteback?(position: number, length: number): Promise<boolean>
  /** There where `startWriteback` is: blocks until all that it began has ended. Throws an error that one of them rejects with. */
  finishWritebackSync?(): void
  /**
   * There where unfinished writes can be waited for, each of which there writes all of its source: blocks until those that
   * `write`, `writeAndSync` and `writeThrough` have begun on this file have ended. Throws the error that one of them rejects
   * with; also if it has ended already and its promise was perhaps not heard yet: until the next one begins.
   */
  finishSync?(): void
  /**
   * There where writes get cheaper by it: lets the system know this file and this memory beforehand, until the file is closed.
   * What waits and is written from within the memory then takes less of the processor. Works without it, too: never throws.
   */
  registerForWrites?(memory: Uint8Array): Registered
  /**
   * There where the system can be asked: what positions and lengths of writes past the page cache to this file must be
   * multiples of, in bytes. Undefined if it does not tell. Blocks, on local file systems for some microseconds.
   */
  directAlignment?(): number | undefined
  truncate(size: number): Promise<void>
  truncateSync(size: number): void
  stat(): Promise<FileFacts>
  statSync(): FileFacts
  /** The permission bits, set-user-id and the like included. Survives power loss with `sync`, and not with `dataSync`. */
  setPermissions(permissions: number): Promise<void>
  setPermissionsSync(permissions: number): void
  setOwner(user: number, group: number): Promise<void>
  setOwnerSync(user: number, group: number): void
  /** Nanoseconds since 1970; the platform may round them. */
  setTimes(accessTime: bigint, modificationTime: bigint): Promise<void>
  setTimesSync(accessTime: bigint, modificationTime: bigint): void
  /** Lets this file share all that `source` holds, instead of what it held. False where that cannot be done. */
  cloneFrom(source: StorageFile): Promise<boolean>
  cloneFromSync(source: StorageFile): boolean
  /**
   * Copies within the kernel: returns how many bytes that were, which can be fewer, and is 0 at the end of the source.
   * Undefined where that cannot be done.
   */
  copyFrom(source: StorageFile, sourcePosition: number, position: number, length: number): Promise<number | undefined>
  copyFromSync(source: StorageFile, sourcePosition: number, position: number, length: number): number | undefined
  /** Gives the blocks of a range back: it reads as zeros, and the size stays. False where that cannot be done. */
  punchHole(position: number, length: number): Promise<boolean>
  punchHoleSync(position: number, length: number): boolean
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

/** What the system knows beforehand, and why not all of it. */
export interface Registered {
  readonly inUse: 'file and memory' | 'file' | 'memory' | 'none'
  readonly reason?: string
}

/** Up to this much a blocking write to the page cache costs less than the trip to another thread and back. */
export const BLOCKING_WRITE_BYTES_MAX: number = 64 * 1024

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
 * `append`: must exist, for reading and for `append`; `direct`: as `write`, but past the page cache, with positions, lengths and memory aligned to the device's sectors, or
 * EINVAL; `direct-through`: as that, and each write is on stable storage when it has returned, it and what leads to it
 * (O_DSYNC). Where there is no such thing, opening fails, mostly with EINVAL or ENOTSUP.
 */
export type OpenMode = 'read' | 'write' | 'create' | 'replace' | 'append' | 'direct' | 'direct-through'

export interface FileFacts {
  readonly isFile: boolean
  readonly isDirectory: boolean
  readonly isLink: boolean
  readonly size: number
  /** The permission bits, set-user-id and the like included. */
  readonly permissions: number
  readonly user: number
  readonly group: number
  /** Nanoseconds since 1970. */
  readonly accessTime: bigint
  readonly modificationTime: bigint
  /** When the content or anything else of it was last changed, as the file system's own clock said: nobody can set it. */
  readonly changeTime: bigint
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
