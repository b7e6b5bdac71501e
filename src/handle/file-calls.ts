import { checkBytes, encodeText, wholeNumber } from '../checks.js'
import type { Steps } from '../storage/steps.js'
import type { FileFacts } from '../storage/storage.js'
import { type Replaced, replacePath } from './atomic-write.js'
import type { KeptAttributes } from './attributes.js'
import { copyFile, type Copied } from './copy-file.js'
import {
  appendToFile,
  type HoleOutcome,
  punchHoleInFile,
  syncPath,
  truncateFile,
  writeInFile,
  writeZerosInFile,
} from './file-changes.js'
import { findFacts, readFile, readRange, statPath } from './file-reads.js'
import { HandleLife } from './handle-life.js'
import { deleteFile, renamePath } from './names.js'
import { settleWriteOptions, type WriteOptions } from './options.js'
import { COPIED, MOVED, READ, WRITTEN, WRITTEN_COPY } from './outcome.js'
import { abandon, type Data, sourceOf, type StreamedData } from './source.js'

type Path = string | URL

/**
 * What a handle does with files. Everything that changes something is durable when it resolves, or when the blocking twin
 * returns. A symbolic link at the end of a path is followed, except by `delete` and `rename`.
 *
 * All reject with a FsysError of code ERR_FSYS_NOT_FOUND, ERR_FSYS_NOT_A_FILE, ERR_FSYS_ACCESS, ERR_FSYS_READ_ONLY,
 * ERR_FSYS_NO_SPACE, ERR_FSYS_OUTSIDE_ROOT, ERR_FSYS_BAD_NAME, ERR_FSYS_LINKS, ERR_FSYS_IO or ERR_FSYS_CLOSED as it happens,
 * and with a TypeError or RangeError for bad arguments. ERR_FSYS_UNCONFIRMED means of all: it is done, but the directory
 * could not be synced, so that a power cut may undo it.
 */
export abstract class FileCalls extends HandleLife {
  /**
   * Replaces a file, or makes it: atomically, so that everybody, also after a crash, sees the old content or the new one and
   * never a mixture; and durably: when it resolves, the new content survives power loss.
   *
   * The replaced file keeps its permission bits, its group where that is permitted, and with the native addon its access
   * control list (`keepsAttributes`). What of these cannot be kept makes the bits narrower, so that nobody can read it who
   * could not before. Its owner, its times and other extended attributes are new, and other hard links keep the old content.
   *
   * Bytes must not change until it has resolved. What comes in pieces is taken as fast as it can be written. A source is
   * always brought to its end: taken to the last piece, or told that no more is wanted (a stream is destroyed, `return` of an
   * iterator called and waited for, as `for await` does), whatever the call fails with or was refused for. An abort ends the
   * wait for it too.
   *
   * When it rejects, the old file is in place and nothing is left over (but see ERR_FSYS_UNCONFIRMED), also when its draft was
   * removed by somebody else before it got its name (ERR_FSYS_DRAFT_LOST: docs/files.md, "Drafts"); what the source has
   * thrown, and the signal's reason, come as they are.
   */
  async write(path: Path, data: Data | StreamedData, options?: WriteOptions): Promise<void> {
    await this.wait('write', path, this.#replace('write', path, data, options), WRITTEN)
  }

  /** As `write`, blocking: no async iterable, and no signal. */
  writeSync(path: Path, data: Data | Iterable<Data>, options?: WriteOptions): void {
    this.block('write', path, this.#replace('writeSync', path, data, options), WRITTEN)
  }

  /**
   * As `write`, and the new file also keeps the owner of the old one and its extended attributes, where that is permitted
   * (what it resolves to says whether), all its mode bits, and its times. Extended attributes take the native addon
   * (`keepsAttributes`), and are those named user.*, and where they may be given trusted.* and security.*, but for hashes and
   * signatures of the old content (security.ima, security.evm). ERR_FSYS_NO_SPACE: there is no room for them.
   */
  async writeCopy(path: Path, data: Data | StreamedData, options?: WriteOptions): Promise<KeptAttributes> {
    return await this.wait('write', path, this.#replace('writeCopy', path, data, options), WRITTEN_COPY)
  }

  writeCopySync(path: Path, data: Data | Iterable<Data>, options?: WriteOptions): KeptAttributes {
    return this.block('write', path, this.#replace('writeCopySync', path, data, options), WRITTEN_COPY)
  }

  /**
   * Writes at the end of a file, which is made if there is none. Not atomic: a crash before it resolves, or an error, can
   * leave a part of the data there, or zeros in its place. Calls at the same time, in other processes too, do not overwrite
   * each other. For records, use a journal.
   */
  async append(path: Path, data: Data, options?: Pick<WriteOptions, 'mode'>): Promise<void> {
    await this.wait('append to', path, this.#append('append', path, data, options), MOVED)
  }

  appendSync(path: Path, data: Data, options?: Pick<WriteOptions, 'mode'>): void {
    this.block('append to', path, this.#append('appendSync', path, data, options), MOVED)
  }

  /** Writes into a file that is there, in place. Not atomic: a crash or an error can leave some of it old and some new. */
  async writeAt(path: Path, offset: number, data: Data): Promise<void> {
    await this.wait('write into', path, this.#writeAt(path, offset, data), MOVED)
  }

  writeAtSync(path: Path, offset: number, data: Data): void {
    this.block('write into', path, this.#writeAt(path, offset, data), MOVED)
  }

  /** All of a file. Of a file that is only ever replaced (`write`), that is one version of it. */
  async read(path: Path): Promise<Buffer> {
    return await this.wait('read', path, readFile(this.context, this.settle(path)), READ)
  }

  readSync(path: Path): Buffer {
    return this.block('read', path, readFile(this.context, this.settle(path)), READ)
  }

  /** So many bytes from an offset on; fewer where the file ends. ERR_FSYS_OUT_OF_RANGE: more than a buffer can hold. */
  async readAt(path: Path, offset: number, length: number): Promise<Buffer> {
    return await this.wait('read', path, this.#readAt(path, offset, length), READ)
  }

  readAtSync(path: Path, offset: number, length: number): Buffer {
    return this.block('read', path, this.#readAt(path, offset, length), READ)
  }

  /**
   * Copies a file, atomically and durably as `write` does; a new file gets the permission bits of the source, one that is
   * replaced keeps its own. Of a source with an access control list, only what the group and others may both do: the other
   * bits are the list's mask. The list and extended attributes stay with the source, as with `cp`. Resolves to how much that was, and what it was copied by: reflinks where the file system has
   * them, else within the kernel, else by reading and writing.
   */
  async copy(from: Path, to: Path, options: { readonly signal?: AbortSignal } = {}): Promise<Copied> {
    const { signal } = settleWriteOptions('copy', options, ['signal'])
    const steps = copyFile(this.context, this.settle(from), this.settle(to), signal)
    return await this.wait('copy', from, steps, COPIED)
  }

  copySync(from: Path, to: Path): Copied {
    return this.block('copy', from, copyFile(this.context, this.settle(from), this.settle(to)), COPIED)
  }

  /**
   * Removes a file, or a symbolic link itself. Resolves to false if there was nothing. ERR_FSYS_NOT_A_DIRECTORY: the path ends in
   * a slash, at a file, which stays.
   */
  async delete(path: Path): Promise<boolean> {
    return await this.wait('delete', path, deleteFile(this.context, this.settle(path)))
  }

  deleteSync(path: Path): boolean {
    return this.block('delete', path, deleteFile(this.context, this.settle(path)))
  }

  /** Cuts a file, or makes it longer by zeros. */
  async truncate(path: Path, size: number): Promise<void> {
    await this.wait('truncate', path, truncateFile(this.context, this.settle(path), checkOffset('size', size)))
  }

  truncateSync(path: Path, size: number): void {
    this.block('truncate', path, truncateFile(this.context, this.settle(path), checkOffset('size', size)))
  }

  /**
   * Gives a file, a directory or a symbolic link another path, where it replaces what is there: atomically. The content of a
   * file is synced first; what is in a directory is not. ERR_FSYS_CROSS_DEVICE: the two are on different file systems;
   * ERR_FSYS_INTO_ITSELF: a directory would be in itself; ERR_FSYS_BUSY: something is mounted there;
   * ERR_FSYS_NOT_A_DIRECTORY: the other path ends in a slash, and this is none.
   */
  async rename(from: Path, to: Path): Promise<void> {
    await this.wait('rename', from, renamePath(this.context, this.settle(from), this.settle(to)))
  }

  renameSync(from: Path, to: Path): void {
    this.block('rename', from, renamePath(this.context, this.settle(from), this.settle(to)))
  }

  /**
   * Makes a range read as zeros and gives its room back to the file system; the size stays. Resolves to 'zeros' where that
   * cannot be done, and zeros were written instead. Not atomic.
   */
  async punchHole(path: Path, offset: number, length: number): Promise<HoleOutcome> {
    return await this.wait('punch a hole into', path, this.#punchHole(path, offset, length))
  }

  punchHoleSync(path: Path, offset: number, length: number): HoleOutcome {
    return this.block('punch a hole into', path, this.#punchHole(path, offset, length))
  }

  /** Writes zeros, past the end of the file too. Their room is taken. Not atomic. */
  async writeZeros(path: Path, offset: number, length: number): Promise<void> {
    await this.wait('write zeros into', path, this.#writeZeros(path, offset, length), MOVED)
  }

  writeZerosSync(path: Path, offset: number, length: number): void {
    this.block('write zeros into', path, this.#writeZeros(path, offset, length), MOVED)
  }

  /** Whether there is something at the path. A symbolic link that leads nowhere is nothing. */
  async exists(path: Path): Promise<boolean> {
    return (await this.wait('look at', path, findFacts(this.context, this.settle(path)))) !== undefined
  }

  existsSync(path: Path): boolean {
    return this.block('look at', path, findFacts(this.context, this.settle(path))) !== undefined
  }

  /**
   * What is at the path. ERR_FSYS_NOT_A_DIRECTORY, where `exists` says false: the path leads through a file, or ends in a slash
   * at one.
   */
  async stat(path: Path): Promise<FileFacts> {
    return await this.wait('look at', path, statPath(this.context, this.settle(path)))
  }

  statSync(path: Path): FileFacts {
    return this.block('look at', path, statPath(this.context, this.settle(path)))
  }

  /** Whether there is a regular file at the path. */
  async isFile(path: Path): Promise<boolean> {
    return (await this.wait('look at', path, findFacts(this.context, this.settle(path))))?.isFile === true
  }

  isFileSync(path: Path): boolean {
    return this.block('look at', path, findFacts(this.context, this.settle(path)))?.isFile === true
  }

  /** Whether there is a directory at the path. */
  async isDirectory(path: Path): Promise<boolean> {
    return (await this.wait('look at', path, findFacts(this.context, this.settle(path))))?.isDirectory === true
  }

  isDirectorySync(path: Path): boolean {
    return this.block('look at', path, findFacts(this.context, this.settle(path)))?.isDirectory === true
  }

  /**
   * Makes what others have written to a file durable, and its name; or the names in a directory, and its own. What was lost
   * before by a sync that failed, anybody's, is not brought back by one that succeeds.
   */
  async sync(path: Path): Promise<void> {
    await this.wait('sync', path, syncPath(this.context, this.settle(path)))
  }

  syncSync(path: Path): void {
    this.block('sync', path, syncPath(this.context, this.settle(path)))
  }

  #replace(caller: string, path: Path, data: Data | StreamedData, options: WriteOptions | undefined): Steps<Replaced> {
    const source = sourceOf(data)
    try {
      const settled = settleWriteOptions(caller, options, caller.endsWith('Sync') ? ['mode'] : undefined)
      const keeps = caller.startsWith('writeCopy') ? 'attributes' : 'permissions'
      // It will be refused, and none of it asked for.
      if (this.isClosed) abandon(source)
      return replacePath(this.context, path, source, { ...settled, keeps })
    } catch (error) {
      abandon(source)
      throw error
    }
  }

  #append(caller: string, path: Path, data: Data, options: Pick<WriteOptions, 'mode'> | undefined): Steps<number> {
    const { mode } = settleWriteOptions(caller, options, ['mode'])
    return appendToFile(this.context, this.settle(path), bytesOf(data), mode)
  }

  #writeAt(path: Path, offset: number, data: Data): Steps<number> {
    return writeInFile(this.context, this.settle(path), checkOffset('offset', offset), bytesOf(data))
  }

  #readAt(path: Path, offset: number, length: number): Steps<Buffer> {
    checkRange(offset, length)
    return readRange(this.context, this.settle(path), offset, length)
  }

  #punchHole(path: Path, offset: number, length: number): Steps<HoleOutcome> {
    checkRange(offset, length)
    return punchHoleInFile(this.context, this.settle(path), offset, length)
  }

  #writeZeros(path: Path, offset: number, length: number): Steps<number> {
    checkRange(offset, length)
    return writeZerosInFile(this.context, this.settle(path), offset, length)
  }
}

function bytesOf(data: Data): Uint8Array {
  if (typeof data === 'string') return encodeText(data, 'what is written')
  checkBytes(data, 'what is written')
  return data
}

function checkOffset(name: string, value: number): number {
  return wholeNumber(name, value, 0, Number.MAX_SAFE_INTEGER)
}

function checkRange(offset: number, length: number): void {
  checkOffset('offset', offset)
  wholeNumber('length', length, 0, Number.MAX_SAFE_INTEGER - offset)
}
