import { dirname } from 'node:path'

import type { Random } from '#src/storage/sim/random.js'
import type {
  Clock,
  FileFacts,
  LockAnswer,
  OpenMode,
  Owner,
  Owners,
  Storage,
  StorageDirectory,
  StorageFile,
} from '#src/storage/storage.js'

import { JOURNAL_BIRTH_TIME, JOURNAL_INODE } from './input.js'
import { checkTaken } from './taken-memory.js'

/**
 * Files in memory and nothing else: no power to lose and no time to wait for, so that a case takes microseconds. It counts
 * what is done, and refuses to be called without end.
 */
export class MemoryStorage implements Storage {
  readonly engine = 'simulated'
  readonly hasAttributes = false
  readonly clock: Clock = CLOCK
  readonly owners: Owners
  readonly files: Map<string, MemoryNode>
  readonly counts = { calls: 0, bytesWritten: 0, openFiles: 0 }
  /** Reads answer with fewer bytes than were asked for, as they may. */
  shortReads: Random | undefined
  birthTime = JOURNAL_BIRTH_TIME
  #nextInode = JOURNAL_INODE

  /** `files` are those of another process on the same machine. */
  constructor(owners: Owners = new MemoryOwners(), files: Map<string, MemoryNode> = new Map()) {
    this.owners = owners
    this.files = files
  }

  put(path: string, bytes: Buffer): void {
    this.files.set(path, this.#newNode(bytes))
  }

  /** The bytes of a file now. */
  image(path: string): Buffer | undefined {
    return this.files.get(path)?.image
  }

  /** All files, as they are now. */
  snapshot(): Map<string, Buffer> {
    return new Map(Array.from(this.files, ([path, node]) => [path, Buffer.from(node.image)]))
  }

  openSync(path: string, mode: OpenMode): StorageFile {
    this.step()
    let node = this.files.get(path)
    if (mode === 'create' && node !== undefined) throw systemError('EEXIST')
    // There is no cache to write past.
    if (mode === 'direct' || mode === 'direct-through') throw systemError('EINVAL')
    if (mode === 'read' || mode === 'write') {
      if (node === undefined) throw systemError('ENOENT')
    } else if (node === undefined) {
      node = this.#newNode(Buffer.alloc(0))
      this.files.set(path, node)
    } else {
      node.size = 0
    }
    this.counts.openFiles++
    return new MemoryFile(this, node)
  }

  realPathSync(path: string): string {
    this.step()
    if (!this.files.has(path) && !this.#isDirectory(path)) throw systemError('ENOENT')
    return path
  }

  statSync(path: string): FileFacts | undefined {
    this.step()
    const node = this.files.get(path)
    return node === undefined ? undefined : this.factsOf(node)
  }

  listSync(directory: string): string[] {
    this.step()
    return Array.from(this.files.keys(), (path) => path.slice(directory.length + 1))
  }

  renameSync(from: string, to: string): void {
    this.step()
    this.files.set(to, this.#mustExist(from))
    this.files.delete(from)
  }

  linkSync(from: string, to: string): boolean {
    this.step()
    if (this.files.has(to)) return false
    const node = this.#mustExist(from)
    node.links++
    this.files.set(to, node)
    return true
  }

  unlinkSync(path: string): void {
    this.step()
    this.#mustExist(path).links--
    this.files.delete(path)
  }

  syncDirectorySync(): boolean {
    this.step()
    return true
  }

  async open(path: string, mode: OpenMode): Promise<StorageFile> {
    return this.openSync(path, mode)
  }

  async realPath(path: string): Promise<string> {
    return this.realPathSync(path)
  }

  async stat(path: string): Promise<FileFacts | undefined> {
    return this.statSync(path)
  }

  async list(directory: string): Promise<string[]> {
    return this.listSync(directory)
  }

  async rename(from: string, to: string): Promise<void> {
    this.renameSync(from, to)
  }

  async link(from: string, to: string): Promise<boolean> {
    return this.linkSync(from, to)
  }

  async unlink(path: string): Promise<void> {
    this.unlinkSync(path)
  }

  async syncDirectory(): Promise<boolean> {
    return this.syncDirectorySync()
  }

  openDirectory(): Promise<StorageDirectory> {
    throw notForJournals()
  }

  openDirectorySync(): StorageDirectory {
    throw notForJournals()
  }

  factsOf({ size, inode, links }: MemoryNode): FileFacts {
    // In one piece: spreading two objects took a fifth of the time of a case.
    return {
      isFile: true,
      isDirectory: false,
      isLink: false,
      permissions: 0o600,
      user: 0,
      group: 0,
      accessTime: 0n,
      modificationTime: 0n,
      changeTime: 0n,
      size,
      links,
      device: 1n,
      inode,
      birthTime: this.birthTime,
    }
  }

  /** Called for each call. */
  step(): void {
    this.counts.calls++
    if (this.counts.calls > CALLS_MAX) throw new Error(`it does not end: ${CALLS_MAX} calls of the storage`)
  }

  #newNode(bytes: Buffer): MemoryNode {
    return new MemoryNode(bytes, this.#nextInode++)
  }

  #isDirectory(path: string): boolean {
    for (const name of this.files.keys()) if (dirname(name) === path) return true
    return false
  }

  #mustExist(path: string): MemoryNode {
    const node = this.files.get(path)
    if (node === undefined) throw systemError('ENOENT')
    return node
  }
}

/** It stands still. */
const CLOCK: Clock = {
  now: () => 0,
  startTimer: () => () => undefined,
  sleep: () => Promise.resolve(),
  sleepSync: () => {},
  soon: (callback) => process.nextTick(callback),
}

/** Far more than any case of this size needs. */
const CALLS_MAX = 200_000

class MemoryNode {
  bytes: Buffer
  size: number
  links = 1
  bytesRead = 0
  readonly inode: bigint

  constructor(bytes: Buffer, inode: bigint) {
    this.bytes = Buffer.from(bytes)
    this.size = bytes.length
    this.inode = inode
  }

  get image(): Buffer {
    return this.bytes.subarray(0, this.size)
  }

  resize(size: number): void {
    if (size > this.bytes.length) this.bytes = Buffer.concat([this.bytes], size * 2)
    if (size > this.size) this.bytes.fill(0, this.size, size)
    this.size = size
  }
}

/** What journals never ask of a file. */
class UnaskedOf {
  append = notForJournals
  appendSync = notForJournals
  setPermissions = notForJournals
  setPermissionsSync = notForJournals
  setOwner = notForJournals
  setOwnerSync = notForJournals
  setTimes = notForJournals
  setTimesSync = notForJournals
  cloneFrom = notForJournals
  cloneFromSync = notForJournals
  copyFrom = notForJournals
  copyFromSync = notForJournals
  punchHole = notForJournals
  punchHoleSync = notForJournals
}

function notForJournals(): never {
  throw new Error('a journal has asked for something that no journal needs')
}

class MemoryFile extends UnaskedOf implements StorageFile {
  readonly #storage: MemoryStorage
  readonly #node: MemoryNode
  #isClosed = false

  constructor(storage: MemoryStorage, node: MemoryNode) {
    super()
    this.#storage = storage
    this.#node = node
  }

  readSync(target: Uint8Array, position: number): number {
    this.#step()
    if (this.#storage.counts.calls % 4 === 0) checkTaken()
    const { shortReads } = this.#storage
    let count = Math.min(target.length, Math.max(this.#node.size - position, 0))
    if (shortReads !== undefined && count > 1 && shortReads.chance(0.5)) count = 1 + shortReads.below(count)
    if (count > 0) this.#node.bytes.copy(target, 0, position, position + count)
    this.#node.bytesRead += count
    return count
  }

  writeSync(source: Uint8Array, position: number): number {
    this.#step()
    const node = this.#node
    if (position + source.length > node.size) node.resize(position + source.length)
    node.bytes.set(source, position)
    this.#storage.counts.bytesWritten += source.length
    return source.length
  }

  dataSyncSync(): void {
    this.#step()
  }

  syncSync(): void {
    this.#step()
  }

  truncateSync(size: number): void {
    this.#step()
    this.#node.resize(size)
  }

  preallocateSync(): boolean {
    this.#step()
    return false
  }

  adviseSync(): boolean {
    this.#step()
    return false
  }

  lockSync(): LockAnswer {
    this.#step()
    return { state: 'none', reason: 'it is in memory' }
  }

  statSync(): FileFacts {
    this.#step()
    return this.#storage.factsOf(this.#node)
  }

  closeSync(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#storage.counts.openFiles--
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readSync(target, position)
  }

  async write(source: Uint8Array, position: number): Promise<number> {
    return this.writeSync(source, position)
  }

  async dataSync(): Promise<void> {
    this.dataSyncSync()
  }

  async sync(): Promise<void> {
    this.syncSync()
  }

  async truncate(size: number): Promise<void> {
    this.truncateSync(size)
  }

  async preallocate(): Promise<boolean> {
    return this.preallocateSync()
  }

  async advise(): Promise<boolean> {
    return this.adviseSync()
  }

  async lock(): Promise<LockAnswer> {
    return this.lockSync()
  }

  async stat(): Promise<FileFacts> {
    return this.statSync()
  }

  async close(): Promise<void> {
    this.closeSync()
  }

  #step(): void {
    if (this.#isClosed) throw systemError('EBADF')
    this.#storage.step()
  }
}

/** A process, and which others live on its machine. */
export class MemoryOwners implements Owners {
  readonly #me: Owner
  readonly #livingPids: ReadonlySet<number>
  #tokens = 0

  constructor(me: Owner = SOMEBODY, livingPids: ReadonlySet<number> = new Set([SOMEBODY.pid])) {
    this.#me = me
    this.#livingPids = livingPids
  }

  self(): Owner {
    return this.#me
  }

  /** DESIGN, D8: host, boot and namespace are mine and it is not there any more, or the host is mine and the boot is not. */
  isGone({ host, boot, pidNamespace, pid }: Owner): boolean {
    if (host !== this.#me.host) return false
    if (boot !== this.#me.boot) return true
    return pidNamespace === this.#me.pidNamespace && !this.#livingPids.has(pid)
  }

  writersHere(): number {
    return 0
  }

  token(): string {
    return `${this.#me.pid}-taker-${++this.#tokens}`
  }
}

export const SOMEBODY: Owner = { host: 'here', boot: 'now', pidNamespace: 'all', pid: 10, thread: 10, startTime: 5 }

function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code, errno: -1, syscall: 'memory' })
}
