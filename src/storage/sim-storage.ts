import { FileDescription } from './sim/file-description.js'
import { DirectorySyncOperation } from './sim/file-operations.js'
import { PlainOperation, type Operation } from './sim/operation.js'
import { SimDirectory } from './sim/sim-directory.js'
import { factsOf, SimFile } from './sim/sim-file.js'
import type { SimProcess } from './sim/sim-process.js'
import type { Clock, FileFacts, OpenMode, Owners, Storage, StorageDirectory, StorageFile } from './storage.js'

/**
 * What one simulated process sees of a simulated disk (`SimDisk.process`). Waiting calls take effect some time after they
 * were made, in an order that the disk's seed decides; blocking calls at once, though waiting ones can slip in before.
 */
export class SimStorage implements Storage {
  readonly engine = 'simulated'
  readonly clock: Clock
  readonly owners: Owners
  readonly #process: SimProcess

  constructor(process: SimProcess) {
    this.#process = process
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

  link(from: string, to: string): Promise<void> {
    return this.#process.issue(this.#linking(from, to))
  }

  linkSync(from: string, to: string): void {
    this.#process.block(this.#linking(from, to))
  }

  unlink(path: string): Promise<void> {
    return this.#process.issue(this.#unlinking(path))
  }

  unlinkSync(path: string): void {
    this.#process.block(this.#unlinking(path))
  }

  syncDirectory(path: string): Promise<boolean> {
    return this.#process.issue(new DirectorySyncOperation(this.#process, path))
  }

  syncDirectorySync(path: string): boolean {
    return this.#process.block(new DirectorySyncOperation(this.#process, path))
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
    return new PlainOperation(process, { kind: 'openDirectory', syscall: 'open', path, work })
  }

  #opening(path: string, mode: OpenMode, permissions: number): Operation<StorageFile> {
    const process = this.#process
    const work = (): SimFile => {
      process.checkOpenFiles(path)
      const node = process.tree.open(path, mode, permissions)
      return new SimFile(process, process.opened(new FileDescription(node, path, mode)))
    }
    return new PlainOperation(process, { kind: 'open', syscall: 'open', path, work })
  }

  #realPathFinding(path: string): Operation<string> {
    const work = (): string => this.#process.tree.realPath(path)
    return new PlainOperation(this.#process, { kind: 'realPath', syscall: 'realpath', path, work })
  }

  #statFinding(path: string): Operation<FileFacts | undefined> {
    const work = (): FileFacts | undefined => {
      const node = this.#process.tree.stat(path)
      return node && factsOf(this.#process, node)
    }
    return new PlainOperation(this.#process, { kind: 'stat', syscall: 'stat', path, work })
  }

  #listing(path: string): Operation<string[]> {
    const work = (): string[] => this.#process.tree.list(path)
    return new PlainOperation(this.#process, { kind: 'list', syscall: 'scandir', path, work })
  }

  #renaming(path: string, to: string): Operation<void> {
    const work = (): void => this.#process.tree.rename(path, to)
    return new PlainOperation(this.#process, { kind: 'rename', syscall: 'rename', path, to, work })
  }

  #linking(path: string, to: string): Operation<void> {
    const work = (): void => this.#process.tree.link(path, to)
    return new PlainOperation(this.#process, { kind: 'link', syscall: 'link', path, to, work })
  }

  #unlinking(path: string): Operation<void> {
    const work = (): void => this.#process.tree.unlink(path)
    return new PlainOperation(this.#process, { kind: 'unlink', syscall: 'unlink', path, work })
  }
}

const PERMISSIONS = 0o600
