import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { getSystemErrorMap } from 'node:util'

import { programInterpreter } from './program-interpreter.js'

/**
 * The native addon of native/, which is optional. It is loaded when it is first asked for, once a thread; never throws: where
 * it cannot be had, this says why.
 */
export function nativeAddon(): NativeAddonFound {
  return (found ??= find())
}

/** From now on this thread does without the addon, for this reason. What has been made with it goes on working. */
export function forbidNativeAddon(reason: string): void {
  found = { addon: undefined, reason }
}

/** Loads the addon from a file. Throws if it is not one, or not of this version. */
export function loadNativeAddon(path: string): NativeAddon {
  const addon = createRequire(import.meta.url)(path) as NativeAddon
  if (addon.interfaceVersion !== INTERFACE_VERSION) {
    throw new Error(`its interface is version ${addon.interfaceVersion}, not ${INTERFACE_VERSION}`)
  }
  return addon
}

/** What a negative result of the addon means, as Node's own errors say it. */
export function nativeError(result: number, syscall: string): NodeJS.ErrnoException {
  const code = errorCodes.get(-result) ?? `errno ${-result}`
  return Object.assign(new Error(`${code}: ${syscall}`), { code, errno: result, syscall })
}

export type NativeAddonFound =
  | { readonly addon: NativeAddon; readonly path: string }
  | { readonly addon: undefined; readonly reason: string }

/**
 * What the addon can do. Thin: mostly one function a system call; offsets and lengths are in bytes.
 *
 * **Results.** A function whose name ends in `Sync` blocks, and returns 0 or what else it says; or a negative errno: nothing of
 * the world's failures is thrown. One that takes a callback waits; it returns the number of its operation, which `finish` takes,
 * or a negative errno if it failed at once: then the callback is never called. A callback gets the result, 0 or a negative errno
 * unless it says otherwise. `nativeError` makes an error of a negative result. Arguments of a wrong type are a TypeError, a range
 * that is none is a RangeError.
 *
 * **Memory** that is written from must not change, grow or be transferred until the callback is called. It is kept from being
 * collected until then, also when the thread is terminated meanwhile: the environment ends when the system has done with it.
 * Where a process exits, Node waits for the pool, and nobody waits for the ring: an exit handler can, by `finish`.
 *
 * **Operations** under way keep the event loop running. Their callbacks do not carry the caller's AsyncLocalStorage.
 */
export interface NativeAddon {
  readonly interfaceVersion: number

  /** By what instructions checksums are made. Undefined where the processor has none: then the next three are missing. */
  readonly checksumEngine?: string
  /** Continues a CRC-32C over `bytes` from `start` to `end`; `before` is 0 to begin with. */
  checksum(bytes: Uint8Array, start: number, end: number, before: number): number
  /** As `Kernel.seal`, but returns where it stopped. */
  seal(bytes: Uint8Array, start: number, end: number): number
  /** As `Kernel.scan`; `end` is at most 2^31 - 1. */
  scan(bytes: Uint8Array, start: number, end: number, offsets: Int32Array): number
  /** The address of the first byte modulo 2^32, to tell how it is aligned. */
  addressOf(bytes: Uint8Array): number

  /**
   * Writes `bytes` from `start` to `end` at `position`, however many system calls that takes, then syncs: one of `How`, which
   * see. -EIO can also mean that a write came back with nothing written. After a failure, `writtenBytes` says how many bytes
   * are: fewer than all if it was the write that failed, all if it was the sync.
   */
  writeAndSyncSync(fd: number, bytes: Uint8Array, start: number, end: number, position: number, how: number): number
  /** How many bytes were written by the last call in this thread that blocked for it, be it one `atOnce`. */
  writtenBytes(): number
  /** The same as one job on libuv's thread pool. */
  writeAndSync: WriteAndSync

  /**
   * Makes this thread's io_uring, if it has none yet. Fails with ENOSYS or EPERM where the system or a sandbox does not let it
   * (also `kernel.io_uring_disabled`), with ENOSYS before Linux 5.6, and with ENOMEM where RLIMIT_MEMLOCK is next to nothing.
   */
  ringOpen(): number
  /** Why no files and no buffers can be registered: 0 if they can, or a negative errno. */
  ringRefusals(): [files: number, buffers: number]
  /**
   * The same as `writeAndSync` through the ring: the sync is linked to the write. `fd` may be what `ringRegisterFile`
   * returned. More than 128 operations wait for each other. ENXIO if there is no ring.
   *
   * A ring's operation outlives a killed process, by as long as the device takes. It keeps the open file description, and with
   * it a lock taken by `lockSync` on this descriptor: whoever then gets that lock is safe from it.
   */
  ringWrite: WriteAndSync
  /**
   * A number that stands for the descriptor in `ringWrite`; at most 64. It holds the file open, and its lock: unregister it
   * before the descriptor is closed.
   */
  ringRegisterFile(fd: number): number
  /** EBUSY while an operation on it is under way. */
  ringUnregisterFile(file: number): number
  /**
   * Pins memory for `ringWrite`, which then does so no more for each O_DIRECT write from anywhere within it; returns its slot.
   * At most 64. ENOMEM where RLIMIT_MEMLOCK forbids it. The memory is kept until it is unregistered.
   */
  ringRegisterBuffer(bytes: Uint8Array): number
  /** EBUSY while an operation on it is under way. */
  ringUnregisterBuffer(slot: number): number

  /**
   * Blocks until an operation has ended, and calls its callback before it returns true. False if that was called before. A job
   * that no thread has taken up yet is done in this one. A negative errno if it cannot be waited for.
   */
  finish(operation: number): boolean | number

  /** fallocate(2); `mode` is made of `FallocateMode`, 0 grows the file. */
  fallocateSync(fd: number, mode: number, offset: number, length: number): number
  fallocate(fd: number, mode: number, offset: number, length: number, callback: NativeCallback): number
  /** posix_fadvise(2); a length of 0 reaches to the end. `advice` is one of `Advice`. */
  fadviseSync(fd: number, offset: number, length: number, advice: number): number
  fadvise(fd: number, offset: number, length: number, advice: number, callback: NativeCallback): number
  /** sync_file_range(2) with SYNC_FILE_RANGE_WRITE: has the disk begin with a range, and makes nothing durable. */
  startWriteback(fd: number, offset: number, length: number, callback: NativeCallback): number
  /** copy_file_range(2), once: returns how many bytes it copied, which can be fewer, and is 0 at the end of the source. */
  copyFileRangeSync(from: number, fromOffset: number, to: number, toOffset: number, length: number): number
  copyFileRange(
    from: number,
    fromOffset: number,
    to: number,
    toOffset: number,
    length: number,
    callback: NativeCallback,
  ): number
  /** Lets `to` share all that `from` holds (ioctl FICLONE). */
  cloneFileSync(from: number, to: number): number
  cloneFile(from: number, to: number, callback: NativeCallback): number
  statxSync(fd: number): StatxFacts | number
  /**
   * Takes a lock on the whole file for the open file description (F_OFD_SETLK): it goes with the last descriptor of it. EAGAIN
   * if somebody else has a lock.
   */
  lockSync(fd: number): number
  unlockSync(fd: number): number
  /** 0 if nobody else has a lock; the id of the process that has; or `HOLDER_IS_A_DESCRIPTION`. */
  lockHolderSync(fd: number): number
  /**
   * openat2(2): returns a descriptor, which no child process inherits. `directory` is a descriptor or `WORKING_DIRECTORY`,
   * `resolve` is made of `Resolve`.
   */
  openat2Sync(directory: number, path: string, flags: number, permissions: number, resolve: number): number
  /**
   * Replaces files in an open directory: each gets a draft that is written, synced and then renamed. `names` holds the name of
   * each and that of its draft, each with a NUL at its end; `contents` their bytes, one after the other; `table` four numbers
   * for each: how many bytes, the permissions if it is not there, and what came of it: 0, or 1 if it is no plain file (see
   * `ReplaceOutcome`), or a negative errno, and the number of the step that failed. At most 64. `isFull`: 1 for fsync, or 0.
   */
  replaceFiles(
    directory: number,
    table: Int32Array,
    names: Uint8Array,
    contents: Uint8Array,
    isFull: number,
    callback: NativeCallback,
  ): number
  /**
   * Whether what is at a path has a POSIX access control list, or, `isDefault` being 1, a directory one for what is made in
   * it: 0 or 1. 0 where the file system knows no lists. Paths are bytes with a NUL at their end, and links are not followed.
   */
  hasAccessListSync(path: Uint8Array, isDefault: number): number
  /**
   * Gives an open file what is at a path, one of `Attributes`: the access control list; or all others of user.*, trusted.*
   * and security.*, but for hashes and signatures (IMA, EVM) and what overlay file systems keep there. `noAccessList` takes
   * its own list away. 1 if something was not permitted, and so was left out, or if there is no list. What cannot be read for another reason, or does not fit on
   * the disk, is a negative errno.
   */
  copyAttributesSync(path: Uint8Array, to: number, kind: number): number
  copyAttributes(path: Uint8Array, to: number, kind: number, callback: NativeCallback): number
  /** For what openat2Sync opened: in worker threads Node warns when `fs` closes what `fs` has not opened. */
  closeSync(fd: number): number
}

export type WriteAndSync = (
  fd: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  position: number,
  how: number,
  /** `written` is how many bytes are, as `writtenBytes` says it. */
  callback: (result: number, written: number) => void,
) => number

export type NativeCallback = (result: number) => void

export interface StatxFacts {
  readonly blockBytes: number
  /** What direct I/O asks of memory and of file offsets; 0 where the file system, or Linux before 6.1, does not say. */
  readonly directMemoryAlignment: number
  readonly directOffsetAlignment: number
  /** Nanoseconds since 1970, or 0 where the file system keeps no birth time. */
  readonly birthTime: bigint
}

/** How a range is written. */
export const How = {
  writeOnly: 0,
  /** Then fdatasync. Of an empty range: fdatasync alone. */
  writeAndSync: 1,
  /** Each write with RWF_DSYNC: what it wrote is durable with it, and nothing else. */
  writeWithDsync: 2,
  /** The write blocks and may fail at once; only the sync is waited for. */
  writeAtOnceAndSync: 5,
} as const

export const Attributes = { accessList: 0, others: 1, noAccessList: 2 } as const
export const FallocateMode = { keepSize: 1, punchHole: 2, zeroRange: 16 } as const
export const Advice = { normal: 0, random: 1, sequential: 2, willNeed: 3, dontNeed: 4, noReuse: 5 } as const
export const Resolve = { noOtherDevice: 1, noMagicLinks: 2, noSymlinks: 4, beneath: 8, inRoot: 16 } as const
export const WORKING_DIRECTORY = -100
export const HOLDER_IS_A_DESCRIPTION: number = 2 ** 31

/** Grows with every change of what the addon offers; native/addon.c has the same number. */
const INTERFACE_VERSION = 5

/** Where one number has several names, the one that libuv uses. */
const errorCodes = new Map([
  ...Object.entries(constants.errno).map(([code, errno]): [number, string] => [errno, code]),
  ...Array.from(getSystemErrorMap(), ([errno, [code]]): [number, string] => [-errno, code]),
])

let found: NativeAddonFound | undefined

function find(): NativeAddonFound {
  if (process.env['FSYS_ENGINE'] === 'portable') return { addon: undefined, reason: 'FSYS_ENGINE says so' }
  if (process.platform !== 'linux') return { addon: undefined, reason: 'it is for Linux' }
  const { arch } = process
  const libc = libcHere()
  // As node-gyp-build and prebuildify name them.
  const path = fileURLToPath(new URL(`../../prebuilds/linux-${arch}/fsys.${libc}.node`, import.meta.url))
  if (!existsSync(path)) return { addon: undefined, reason: `there is none for linux-${arch} with ${libc}` }
  try {
    return { addon: loadNativeAddon(path), path }
  } catch (error) {
    return { addon: undefined, reason: `it does not load: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** Which C library this program runs on: its loader says so. A report of the process would tell too, in 20 ms. */
function libcHere(): 'glibc' | 'musl' {
  return programInterpreter('/proc/self/exe')?.includes('/ld-musl-') === true ? 'musl' : 'glibc'
}
