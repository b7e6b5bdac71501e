import * as fs from 'node:fs'

import { errnoOf, isAbsence } from '../errors.js'
import type { Engine } from '../platform/engine.js'
import type { NativeAddon } from '../platform/native-addon.js'
import { owners } from '../platform/owners.js'
import { NodeDirectory, type NodeDirectoryTools } from './node-directory.js'
import { factsOf, NodeFile } from './node-file.js'
import { flagsOf } from './node-flags.js'
import type { Clock, FileFacts, OpenMode, Owners, Storage, StorageDirectory, StorageFile } from './storage.js'

export interface NodeStorageOptions {
  readonly engine?: Engine
  readonly engineReason?: string | undefined
  /** Makes a file of an open descriptor; by default, one that goes by Node's own calls. */
  readonly makeFile?: (fd: number, mode: OpenMode) => StorageFile
  /** For calls on directories that Node does not have. */
  readonly addon?: NativeAddon | undefined
  /** False: does without the names that Linux has for what is open, as other platforms must. */
  readonly pinsDirectories?: boolean
}

/** Node's own file system calls: there on every platform. Every descriptor is closed on exec, as Node does by default. */
export class NodeStorage implements Storage {
  readonly engine: Engine
  readonly engineReason: string | undefined
  readonly hasAttributes: boolean
  readonly clock: Clock = clock
  readonly owners: Owners = owners
  readonly #makeFile: (fd: number, mode: OpenMode) => StorageFile
  readonly #tools: NodeDirectoryTools

  constructor(options: NodeStorageOptions = {}) {
    this.engine = options.engine ?? 'portable'
    this.engineReason = options.engineReason
    this.hasAttributes = options.addon !== undefined
    this.#makeFile = options.makeFile ?? ((fd) => new NodeFile(fd))
    this.#tools = { makeFile: this.#makeFile, addon: options.addon, pins: options.pinsDirectories ?? true }
  }

  open(path: string, mode: OpenMode, permissions: number = PERMISSIONS): Promise<StorageFile> {
    return new Promise((resolve, reject) => {
      fs.open(path, flagsOf(path, mode), permissions, (error, fd) =>
        error ? reject(error) : resolve(this.#makeFile(fd, mode)),
      )
    })
  }

  openSync(path: string, mode: OpenMode, permissions: number = PERMISSIONS): StorageFile {
    return this.#makeFile(fs.openSync(path, flagsOf(path, mode), permissions), mode)
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

  link(from: string, to: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      fs.link(from, to, (error) => {
        if (!error) resolve(true)
        else if (error.code === 'EEXIST') resolve(false)
        else reject(error)
      })
    })
  }

  linkSync(from: string, to: string): boolean {
    try {
      fs.linkSync(from, to)
      return true
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false
      throw error
    }
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
    const directory = await this.openDirectory(path)
    try {
      return await directory.sync()
    } finally {
      await directory.close()
    }
  }

  syncDirectorySync(path: string): boolean {
    const directory = this.openDirectorySync(path)
    try {
      return directory.syncSync()
    } finally {
      directory.closeSync()
    }
  }

  openDirectory(path: string): Promise<StorageDirectory> {
    return NodeDirectory.open(path, this.#tools)
  }

  openDirectorySync(path: string): StorageDirectory {
    return NodeDirectory.openSync(path, this.#tools)
  }
}

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
