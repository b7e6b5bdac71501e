/**
 * What can go wrong, by stable code. The codes are API; the messages are not.
 *
 * Three kinds: the caller's mistakes are a `TypeError` or `RangeError` that carries one of these codes, what the world
 * does is a `FsysError`, and our own are assertions.
 */
export type ErrorCode =
  /** A value of the wrong type or form. TypeError. */
  | 'ERR_FSYS_INVALID_ARGUMENT'
  /** A number outside its limits. RangeError. */
  | 'ERR_FSYS_OUT_OF_RANGE'
  /** A record larger than `recordBytesMax`. RangeError from a journal, FsysError from a reader. */
  | 'ERR_FSYS_RECORD_TOO_LARGE'
  /** The journal would grow past 2^53 - 1 bytes. RangeError. */
  | 'ERR_FSYS_LSN_LIMIT'
  /** An LSN that the journal has not handed out. RangeError. */
  | 'ERR_FSYS_LSN_UNKNOWN'
  /** `readAt` of an LSN at which no whole, valid record stands. */
  | 'ERR_FSYS_NO_RECORD'
  /** The journal, the reader or the handle is closed. */
  | 'ERR_FSYS_CLOSED'
  /**
   * The reader is in the middle of another read; or a blocking call would have to wait for an unfinished write; or the operating
   * system is using what was to be changed: something is mounted there, say.
   */
  | 'ERR_FSYS_BUSY'
  /** A write or a sync has failed, and the journal refuses further work. `cause` is that failure. */
  | 'ERR_FSYS_POISONED'
  /** Somebody else has the journal open for writing. `holder` says who, as far as it is known. */
  | 'ERR_FSYS_LOCKED'
  /** FSYS_ENGINE names an engine that is not to be had here. */
  | 'ERR_FSYS_ENGINE_UNAVAILABLE'
  /** The file does not begin like a journal. */
  | 'ERR_FSYS_NOT_A_JOURNAL'
  /** The journal is damaged in a way that no crash explains. */
  | 'ERR_FSYS_DAMAGED'
  /** The journal has a zero gap that an older direct-mode writer may have left, or a power cut. */
  | 'ERR_FSYS_AMBIGUOUS_GAP'
  /** What a crash left behind the last record could not be saved, and so was not cut off. */
  | 'ERR_FSYS_TAIL_NOT_SAVED'
  /** What was read of the journal before does not stand there any more: it was cut, overwritten or replaced. */
  | 'ERR_FSYS_CHANGED'
  /**
   * A path leads out of the handle's root: by `..`, by being absolute, or through a symbolic link. Or a file beside a journal there
   * is a link; or what was opened by its path is not what is beneath the root.
   */
  | 'ERR_FSYS_OUTSIDE_ROOT'
  /** A name that is too long for the file system, or that Windows keeps for a device. */
  | 'ERR_FSYS_BAD_NAME'
  /** Too many symbolic links on the way; or one has appeared where there was none a moment before, and was not followed. */
  | 'ERR_FSYS_LINKS'
  /** A batch has stopped at an operation that failed, or was given up. A `BatchError` says what became of each. */
  | 'ERR_FSYS_BATCH'
  /** What was to be done is done and seen by everybody, but a power cut may undo it: syncing the directory has failed. */
  | 'ERR_FSYS_UNCONFIRMED'
  /**
   * The draft of a file was removed before it got its name: by somebody who clears up, or with its whole directory; or by a sweep
   * from elsewhere, after a day without a write. Nothing has changed.
   */
  | 'ERR_FSYS_DRAFT_LOST'
  /** There is no such file, or no such directory. */
  | 'ERR_FSYS_NOT_FOUND'
  /** What a path names, or leads through, is something else than a directory. */
  | 'ERR_FSYS_NOT_A_DIRECTORY'
  /** There is something already. */
  | 'ERR_FSYS_EXISTS'
  /** The directory is not empty. */
  | 'ERR_FSYS_NOT_EMPTY'
  /** A directory would be moved into itself, or into something in it. */
  | 'ERR_FSYS_INTO_ITSELF'
  /** The two paths are on different file systems. */
  | 'ERR_FSYS_CROSS_DEVICE'
  /** A directory, a pipe, a device: something that is not a regular file. */
  | 'ERR_FSYS_NOT_A_FILE'
  /** The operating system refuses access. */
  | 'ERR_FSYS_ACCESS'
  /** The file system is read-only. */
  | 'ERR_FSYS_READ_ONLY'
  /** The disk, or a quota on it, is full, or the file would become too large for it. */
  | 'ERR_FSYS_NO_SPACE'
  /** The operating system reports another error. `errno` names it. */
  | 'ERR_FSYS_IO'

/** Facts about a failure, beside its code. */
export interface FailureFacts {
  readonly cause?: unknown
  /** The file that it concerns. */
  readonly path?: string
  /** The operating system's name for the error: 'ENOSPC'. */
  readonly errno?: string
  /** Where in the journal: the end of what is valid, for instance. */
  readonly lsn?: number
  /** Why reading stopped there. */
  readonly tailState?: string
  /** Who holds a lock. */
  readonly holder?: unknown
}

/** What the world did to us. */
export class FsysError extends Error implements FailureFacts {
  override readonly name: string = 'FsysError'
  readonly code: ErrorCode
  declare readonly path?: string
  declare readonly errno?: string
  declare readonly lsn?: number
  declare readonly tailState?: string
  declare readonly holder?: unknown

  constructor(code: ErrorCode, message: string, facts: FailureFacts = {}) {
    const { cause, ...rest } = facts
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    Object.assign(this, rest)
  }
}

/** A value of the wrong type or form: the caller's mistake. */
export function invalidArgument(message: string): TypeError {
  return Object.assign(new TypeError(message), { code: 'ERR_FSYS_INVALID_ARGUMENT' satisfies ErrorCode })
}

/** A number, a size or an LSN outside its limits: the caller's mistake. */
export function outOfRange(message: string, code: ErrorCode = 'ERR_FSYS_OUT_OF_RANGE'): RangeError {
  return Object.assign(new RangeError(message), { code })
}

/** What a path of a handle leads to, or may lead to, is not beneath its root. */
export function outsideRoot(path: string, why: string, cause?: unknown): FsysError {
  const message = `the path ${JSON.stringify(path)} leads out of the root: ${why}`
  return new FsysError('ERR_FSYS_OUTSIDE_ROOT', message, { path, cause })
}

/** Something that cannot happen did: ours. */
export function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`fsys is broken, please report it: ${what}`)
}

/** The operating system's name for an error, if it is one of its own. */
export function errnoOf(error: unknown): string | undefined {
  const { code, errno } = error as NodeJS.ErrnoException
  if (errno === EDQUOT) return 'EDQUOT'
  return typeof code === 'string' && /^E[A-Z0-9]+$/u.test(code) ? code : undefined
}

/** There is nothing. A path through something that is not a directory leads to nothing as well. */
export function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Linux's number for an exceeded quota, for which libuv has no name (it answers with 'Unknown system error -122'). */
const EDQUOT = -122

const CODE_OF_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOENT: 'ERR_FSYS_NOT_FOUND',
  ENOTDIR: 'ERR_FSYS_NOT_A_DIRECTORY',
  EEXIST: 'ERR_FSYS_EXISTS',
  ENOTEMPTY: 'ERR_FSYS_NOT_EMPTY',
  EXDEV: 'ERR_FSYS_CROSS_DEVICE',
  EBUSY: 'ERR_FSYS_BUSY',
  ETXTBSY: 'ERR_FSYS_BUSY',
  ENAMETOOLONG: 'ERR_FSYS_BAD_NAME',
  ELOOP: 'ERR_FSYS_LINKS',
  EISDIR: 'ERR_FSYS_NOT_A_FILE',
  EACCES: 'ERR_FSYS_ACCESS',
  EPERM: 'ERR_FSYS_ACCESS',
  EROFS: 'ERR_FSYS_READ_ONLY',
  ENOSPC: 'ERR_FSYS_NO_SPACE',
  EDQUOT: 'ERR_FSYS_NO_SPACE',
  EFBIG: 'ERR_FSYS_NO_SPACE',
}

/**
 * Gives an error of the storage its meaning: `attempt` says what was tried, on what ('cannot open journal "/x/app.wal"').
 * What is no error of the operating system goes through as it is.
 */
export function storageFailure(error: unknown, attempt: string, facts: FailureFacts = {}): unknown {
  const errno = errnoOf(error)
  if (errno === undefined) return error
  const code = CODE_OF_ERRNO[errno] ?? 'ERR_FSYS_IO'
  return new FsysError(code, `${attempt}: ${(error as Error).message}`, { ...facts, cause: error, errno })
}

/** For a call that did nothing and reported nothing, again and again. */
export function noProgress(syscall: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`EIO: ${syscall} made no progress`), { code: 'EIO', errno: -5, syscall })
}

/** An error as the operating system would have it, where it is found out before it is asked. */
export function systemFailure(
  code: 'ELOOP' | 'EISDIR' | 'ENOTDIR' | 'ENOENT' | 'EEXIST',
  text: string,
  path: string,
): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${text}, '${path}'`), { code, path })
}
