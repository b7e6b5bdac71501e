import { directorySyncOperation } from './sim/file-effects.js'
import { openedFile } from './sim/opened-file.js'
import { Operation, PlainEffect, plainOperation } from './sim/operation.js'
import { SimDirectory } from './sim/sim-directory.js'
import { factsOf } from './sim/sim-file.js'
import type { SimProcess } from './sim/sim-process.js'
import type { Clock, FileFacts, OpenMode, Owners, Storage, StorageDirectory, StorageFile } from './storage.js'

/**
 * What one simulated process sees of a simulated disk (`SimDisk.process`). Waiting calls take effect some time after they
 * were made, in an order that the disk's seed decides; blocking calls at once, though waiting ones can slip in before.
 */
export class SimStorage implements Storage {
  readonly engine = 'simulated'
  readonly hasAttributes: boolean
  readonly clock: Clock
  readonly owners: Owners
  readonly #process: SimProcess

  constructor(process: SimProcess) {
    this.#process = process
    this.hasAttributes = process.medium.rules.attributes
    this.clock = process.clock
    this.owners = process.owners
  }

  open(path: string, mode: OpenMode, permissions: number = PERMISSIONS): Promise<StorageFile> {
    return this.#process.issue(this.#opening(path, mode, permissions))
  }

  openSync(path: string, mode: OpenMode, permissions: number = PERMISSIONS): StorageFile {
    return this.#process.block(this.#opening(path, mode, permissions))
  }

  realPath(path: string): Promise<string> {
    return this.#process.issue(this.#realPathFinding(path))
  }

  realPathSync(path: string): string {
    return this.#process.block(this.#realPathFinding(path))
  }

  stat(path: string): Promise<FileFacts | undefined> {
    return this.#process.issue(this.#statFinding(path))
  }

  statSync(path: string): FileFacts | undefined {
    return this.#process.block(this.#statFinding(path))
  }

  list(directory: string): Promise<string[]> {
    return this.#process.issue(this.#listing(directory))
  }

  listSync(directory: string): string[] {
    return this.#process.block(this.#listing(directory))
  }

  rename(from: string, to: string): Promise<void> {
    return this.#process.issue(this.#renaming(from, to))
  }

  renameSync(from: string, to: string): void {
    this.#process.block(this.#renaming(from, to))
  }

  link(from: string, to: string): Promise<boolean> {
    return this.#process.issue(this.#linking(from, to))
  }

  linkSync(from: string, to: string): boolean {
    return this.#process.block(this.#linking(from, to))
  }

  unlink(path: string): Promise<void> {
    return this.#process.issue(this.#unlinking(path))
  }

  unlinkSync(path: string): void {
    this.#process.block(this.#unlinking(path))
  }

  syncDirectory(path: string): Promise<boolean> {
    return this.#process.issue(this.#syncing(path))
  }

  syncDirectorySync(path: string): boolean {
    return this.#process.block(this.#syncing(path))
  }

  openDirectory(path: string): Promise<StorageDirectory> {
    return this.#process.issue(this.#directoryOpening(path))
  }

  openDirectorySync(path: string): StorageDirectory {
    return this.#process.block(this.#directoryOpening(path))
  }

  #directoryOpening(path: string): Operation<StorageDirectory> {
    const process = this.#process
    const work = (): StorageDirectory => SimDirectory.open(process, path, path)
    return plainOperation(process, { kind: 'openDirectory', syscall: 'open', path, work })
  }

  #opening(path: string, mode: OpenMode, permissions: number): Operation<StorageFile> {
    return new Operation(this.#process, new OpenEffect(mode, permissions), 'open', path)
  }

  #realPathFinding(path: string): Operation<string> {
    return new Operation(this.#process, REAL_PATH, 'realPath', path)
  }

  #statFinding(path: string): Operation<FileFacts | undefined> {
    return new Operation(this.#process, STAT, 'stat', path)
  }

  #listing(path: string): Operation<string[]> {
    return new Operation(this.#process, LIST, 'list', path)
  }

  #renaming(path: string, to: string): Operation<void> {
    return new Operation(this.#process, RENAME, 'rename', path, undefined, undefined, undefined, to)
  }

  #linking(path: string, to: string): Operation<boolean> {
    return new Operation(this.#process, LINK, 'link', path, undefined, undefined, undefined, to)
  }

  #unlinking(path: string): Operation<void> {
    return new Operation(this.#process, UNLINK, 'unlink', path)
  }

  #syncing(path: string): Operation<boolean> {
    return directorySyncOperation(this.#process, path)
  }
}

const REAL_PATH = new PlainEffect<string>('realpath', ({ caller, path }) => caller.tree.realPath(path))
const LIST = new PlainEffect<string[]>('scandir', ({ caller, path }) => caller.tree.list(path))
const RENAME = new PlainEffect<void>('rename', ({ caller, path, to }) => caller.tree.rename(path, to as string))
const LINK = new PlainEffect<boolean>('link', ({ caller, path, to }) => caller.tree.link(path, to as string))
const UNLINK = new PlainEffect<void>('unlink', ({ caller, path }) => caller.tree.unlink(path))
const STAT = new PlainEffect<FileFacts | undefined>('stat', ({ caller, path }) => {
  const node = caller.tree.stat(path)
  return node && factsOf(caller, node)
})

const PERMISSIONS = 0o600

class OpenEffect extends PlainEffect<StorageFile> {
  constructor(mode: OpenMode, permissions: number) {
    super('open', ({ caller, path }) => {
      caller.checkOpenFiles(path)
      return openedFile(caller, caller.tree.open(path, mode, permissions), path, mode)
    })
  }
}
