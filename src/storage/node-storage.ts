import * as fs from 'node:fs'

import type { Engine } from '../platform/engine.js'
import { owners } from '../platform/owners.js'
import { factsOf, NodeFile } from './node-file.js'
import type { Clock, FileFacts, OpenMode, Owners, Storage, StorageFile } from './storage.js'

export interface NodeStorageOptions {
  readonly engine?: Engine
  readonly engineReason?: string | undefined
  /** Makes a file of an open descriptor; by default, one that goes by Node's own calls. */
  readonly makeFile?: (fd: number) => StorageFile
}

/** Node's own file system calls: there on every platform. Every descriptor is closed on exec, as Node does by default. */
export class NodeStorage implements Storage {
  readonly engine: Engine
  readonly engineReason: string | undefined
  readonly clock: Clock = clock
  readonly owners: Owners = owners
  readonly #makeFile: (fd: number) => StorageFile

  constructor(options: NodeStorageOptions = {}) {
    this.engine = options.engine ?? 'portable'
    this.engineReason = options.engineReason
    this.#makeFile = options.makeFile ?? ((fd) => new NodeFile(fd))
  }

  open(path: string, mode: OpenMode, permissions: number = PERMISSIONS): Promise<StorageFile> {
    return new Promise((resolve, reject) => {
      fs.open(path, flagsOf(path, mode), permissions, (error, fd) =>
        error ? reject(error) : resolve(this.#makeFile(fd)),
      )
    })
  }

  openSync(path: string, mode: OpenMode, permissions: number = PERMISSIONS): StorageFile {
    return this.#makeFile(fs.openSync(path, flagsOf(path, mode), permissions))
  }

  realPath(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      fs.realpath.native(path, (error, real) => (error ? reject(error) : resolve(real)))
    })
  }

  realPathSync(path: string): string {
    return fs.realpathSync.native(path)
  }

  stat(path: string): Promise<FileFacts | undefined> {
    return new Promise((resolve, reject) => {
      fs.stat(path, { bigint: true }, (error, stats) => {
        if (!error) resolve(factsOf(stats))
        else if (isAbsence(error)) resolve(undefined)
        else reject(error)
      })
    })
  }

  statSync(path: string): FileFacts | undefined {
    try {
      return factsOf(fs.statSync(path, { bigint: true }))
    } catch (error) {
      if (isAbsence(error)) return undefined
      throw error
    }
  }

  list(directory: string): Promise<string[]> {
    return new Promise((resolve, reject) => {
      fs.readdir(directory, (error, names) => (error ? reject(error) : resolve(names)))
    })
  }

  listSync(directory: string): string[] {
    return fs.readdirSync(directory)
  }

  rename(from: string, to: string): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.rename(from, to, (error) => (error ? reject(error) : resolve()))
    })
  }

  renameSync(from: string, to: string): void {
    fs.renameSync(from, to)
  }

  link(from: string, to: string): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.link(from, to, (error) => (error ? reject(error) : resolve()))
    })
  }

  linkSync(from: string, to: string): void {
    fs.linkSync(from, to)
  }

  unlink(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.unlink(path, (error) => (error ? reject(error) : resolve()))
    })
  }

  unlinkSync(path: string): void {
    fs.unlinkSync(path)
  }

  async syncDirectory(path: string): Promise<boolean> {
    let directory
    try {
      directory = new NodeFile(await openDirectory(path))
    } catch (error) {
      return refusesDirectories(error)
    }
    try {
      await directory.sync()
      return true
    } catch (error) {
      return refusesDirectorySync(error)
    } finally {
      await directory.close()
    }
  }

  syncDirectorySync(path: string): boolean {
    let directory
    try {
      directory = new NodeFile(fs.openSync(path, DIRECTORY_FLAGS))
    } catch (error) {
      return refusesDirectories(error)
    }
    try {
      directory.syncSync()
      return true
    } catch (error) {
      return refusesDirectorySync(error)
    } finally {
      directory.closeSync()
    }
  }
}

// Windows has no O_DIRECTORY, whatever the types say.
// oxlint-disable-next-line typescript/no-useless-default-assignment
const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY = 0, O_DIRECT, O_DSYNC } = fs.constants

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  write: O_RDWR,
  create: O_RDWR | O_CREAT | O_EXCL,
  replace: O_RDWR | O_CREAT | O_TRUNC,
  direct: O_RDWR | O_DIRECT,
  'direct-through': O_RDWR | O_DIRECT | O_DSYNC,
}

/** Only where it is Linux's: other platforms have no such flag, or another way (macOS: F_NOCACHE). */
const hasDirect: boolean = process.platform === 'linux' && typeof O_DIRECT === 'number' && typeof O_DSYNC === 'number'

function flagsOf(path: string, mode: OpenMode): number {
  if (!mode.startsWith('direct') || hasDirect) return FLAGS[mode]
  const message = `ENOTSUP: this platform has no direct I/O, open '${path}'`
  throw Object.assign(new Error(message), { code: 'ENOTSUP', syscall: 'open', path })
}

const DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY

const PERMISSIONS = 0o600

const clock: Clock = {
  now: () => performance.now(),
  startTimer(delayMs, callback) {
    const timer = setTimeout(callback, delayMs).unref()
    return () => clearTimeout(timer)
  },
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  sleepSync: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
  soon: (callback) => process.nextTick(callback),
}

/** The file system of the machine. One for all who do not bring their own: what it remembers, it remembers of one process. */
export const nodeStorage: NodeStorage = new NodeStorage()

function openDirectory(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, DIRECTORY_FLAGS, (error, fd) => (error ? reject(error) : resolve(fd)))
  })
}

/** False where the platform cannot open directories; throws what is a real failure. */
function refusesDirectories(error: unknown): false {
  if (process.platform === 'win32' && WINDOWS_REFUSALS.has(codeOf(error))) return false
  throw error
}

/** False where the platform, or some network file system, cannot sync directories; throws what is a real failure. */
function refusesDirectorySync(error: unknown): false {
  if (FILE_SYSTEM_REFUSALS.has(codeOf(error))) return false
  return refusesDirectories(error)
}

const WINDOWS_REFUSALS: ReadonlySet<unknown> = new Set(['EPERM', 'EISDIR', 'EACCES'])
const FILE_SYSTEM_REFUSALS: ReadonlySet<unknown> = new Set(['EINVAL', 'ENOTSUP'])

/** A path through something that is not a directory leads to nothing as well. */
function isAbsence(error: unknown): boolean {
  return codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code
}
