import * as fs from 'node:fs'

import { birthTimeOf } from '../platform/birth-times.js'
import type { Advice, FileFacts, LockAnswer, StorageFile } from './storage.js'

/**
 * An open file by its descriptor. One promise a call and no `FileHandle`, which costs more and closes itself when it is
 * collected.
 *
 * libuv writes on after a short write, and answers with the short count if that then fails (`uv__fs_write_all` in
 * src/unix/fs.c): a short count can be the only sign of a full disk.
 *
 * On macOS libuv makes both syncs by F_FULLFSYNC, because Apple's own do not flush the drive's cache; only where the file
 * system does not know that, by F_BARRIERFSYNC or else fsync (`uv__fs_fsync` and `uv__fs_fdatasync`, same file).
 */
export class NodeFile implements StorageFile {
  #fd: number

  constructor(fd: number) {
    this.#fd = fd
  }

  get fd(): number {
    return this.#fd
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#fd, target, 0, lengthOf(target), position, (error, count) =>
        error ? reject(error) : resolve(count),
      )
    })
  }

  readSync(target: Uint8Array, position: number): number {
    return fs.readSync(this.#fd, target, 0, lengthOf(target), position)
  }

  write(source: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.write(this.#fd, source, 0, lengthOf(source), position, (error, count) =>
        error ? reject(error) : resolve(count),
      )
    })
  }

  writeSync(source: Uint8Array, position: number): number {
    return fs.writeSync(this.#fd, source, 0, lengthOf(source), position)
  }

  append(source: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.write(this.#fd, source, 0, lengthOf(source), null, (error, count) => (error ? reject(error) : resolve(count)))
    })
  }

  appendSync(source: Uint8Array): number {
    return fs.writeSync(this.#fd, source, 0, lengthOf(source), null)
  }

  dataSync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#fd, (error) => (error ? reject(error) : resolve()))
    })
  }

  dataSyncSync(): void {
    fs.fdatasyncSync(this.#fd)
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fsync(this.#fd, (error) => (error ? reject(error) : resolve()))
    })
  }

  syncSync(): void {
    fs.fsyncSync(this.#fd)
  }

  truncate(size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.ftruncate(this.#fd, size, (error) => (error ? reject(error) : resolve()))
    })
  }

  truncateSync(size: number): void {
    fs.ftruncateSync(this.#fd, size)
  }

  stat(): Promise<FileFacts> {
    return new Promise((resolve, reject) => {
      fs.fstat(this.#fd, { bigint: true }, (error, stats) => (error ? reject(error) : resolve(factsOf(stats))))
    })
  }

  statSync(): FileFacts {
    return factsOf(fs.fstatSync(this.#fd, { bigint: true }))
  }

  setPermissions(permissions: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fchmod(this.#fd, permissions, (error) => (error ? reject(error) : resolve()))
    })
  }

  setPermissionsSync(permissions: number): void {
    fs.fchmodSync(this.#fd, permissions)
  }

  setOwner(user: number, group: number): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fchown(this.#fd, user, group, (error) => (error ? reject(error) : resolve()))
    })
  }

  setOwnerSync(user: number, group: number): void {
    fs.fchownSync(this.#fd, user, group)
  }

  /** Node takes seconds as a floating-point number, and libuv makes whole microseconds of them, rounded down. */
  setTimes(accessTime: bigint, modificationTime: bigint): Promise<void> {
    return new Promise((resolve, reject) => {
      const [accessed, modified] = [secondsOf(accessTime), secondsOf(modificationTime)]
      fs.futimes(this.#fd, accessed, modified, (error) => (error ? reject(error) : resolve()))
    })
  }

  setTimesSync(accessTime: bigint, modificationTime: bigint): void {
    fs.futimesSync(this.#fd, secondsOf(accessTime), secondsOf(modificationTime))
  }

  // Node has no calls for the next three that work on open files: the addon has.

  cloneFrom(_source: StorageFile): Promise<boolean> {
    return Promise.resolve(false)
  }

  cloneFromSync(_source: StorageFile): boolean {
    return false
  }

  copyFrom(
    _source: StorageFile,
    _sourcePosition: number,
    _position: number,
    _length: number,
  ): Promise<number | undefined> {
    return Promise.resolve(undefined)
  }

  copyFromSync(_source: StorageFile, _sourcePosition: number, _position: number, _length: number): number | undefined {
    return undefined
  }

  punchHole(_position: number, _length: number): Promise<boolean> {
    return Promise.resolve(false)
  }

  punchHoleSync(_position: number, _length: number): boolean {
    return false
  }

  /** Node has no such call; nor for advice. */
  preallocate(_position: number, _length: number): Promise<boolean> {
    return Promise.resolve(false)
  }

  preallocateSync(_position: number, _length: number): boolean {
    return false
  }

  advise(_position: number, _length: number, _advice: Advice): Promise<boolean> {
    return Promise.resolve(false)
  }

  adviseSync(_position: number, _length: number, _advice: Advice): boolean {
    return false
  }

  /** Those that Node could take go with the process, and not with the file. */
  lock(): Promise<LockAnswer> {
    return Promise.resolve(this.lockSync())
  }

  lockSync(): LockAnswer {
    return { state: 'none', reason: 'Node has no call for it' }
  }

  /** A second close does nothing: the number may belong to another file by then. */
  close(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#fd === FD_CLOSED) return resolve()
      fs.close(this.#take(), (error) => (error ? reject(error) : resolve()))
    })
  }

  closeSync(): void {
    if (this.#fd !== FD_CLOSED) fs.closeSync(this.#take())
  }

  #take(): number {
    const fd = this.#fd
    this.#fd = FD_CLOSED
    return fd
  }
}

export function factsOf(stats: fs.BigIntStats): FileFacts {
  return {
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
    isLink: stats.isSymbolicLink(),
    size: Number(stats.size),
    permissions: Number(stats.mode) & 0o7777,
    user: Number(stats.uid),
    group: Number(stats.gid),
    accessTime: stats.atimeNs,
    modificationTime: stats.mtimeNs,
    changeTime: stats.ctimeNs,
    device: stats.dev,
    inode: stats.ino,
    links: Number(stats.nlink),
    birthTime: birthTimeOf(stats),
  }
}

function secondsOf(time: bigint): number {
  return Number(time) / 1e9
}

// No system hands this descriptor out, so that a call on a closed file fails with EBADF, as it should.
const FD_CLOSED = 2 ** 31 - 1

// The most that Linux moves in one call; Node refuses more than 2^31 - 1.
const CALL_BYTES_MAX = 0x7fff_f000

function lengthOf(bytes: Uint8Array): number {
  return Math.min(bytes.byteLength, CALL_BYTES_MAX)
}
