import type { Steps } from '../storage/steps.js'
import {
  type FindOptions,
  type MkdirOptions,
  type ScanOptions,
  type SettledScanOptions,
  settleFindOptions,
  settleMkdirOptions,
  settleScanOptions,
} from './directory-options.js'
import { FileCalls } from './file-calls.js'
import { parseGlob } from './glob.js'
import { makeDirectories, makeDirectory } from './make-directories.js'
import { removeDirectory, removeTree } from './remove-directories.js'
import { countPieces, gather, type Scan } from './scan.js'
import { deepRules, flatRules, onlyOfKind, type TreeEntry, Walk, type WalkRules } from './walk.js'

type Path = string | URL

/**
 * What a handle does with directories. What changes something is durable when it resolves, or when the blocking twin
 * returns. Symbolic links on the way, and at the end of the path of a directory that is read, are followed; those within it
 * are shown as links, and neither followed nor removed through.
 *
 * Files that are just being written (`.fsys-draft-...`) are not shown and not counted: they have no name yet.
 *
 * All reject as the calls for files do, with ERR_FSYS_NOT_A_DIRECTORY where something else is, and with ERR_FSYS_UNCONFIRMED
 * where it is done, but the directory that holds the name could not be synced.
 */
export abstract class DirectoryCalls extends FileCalls {
  /** Makes a directory in one that is there. ERR_FSYS_EXISTS: there is something already. */
  async mkdir(path: Path, options?: MkdirOptions): Promise<void> {
    await this.wait('make the directory', path, this.#mkdir('mkdir', path, options))
  }

  mkdirSync(path: Path, options?: MkdirOptions): void {
    this.block('make the directory', path, this.#mkdir('mkdirSync', path, options))
  }

  /**
   * Makes a directory and all that lead to it, as far as they are missing. When it resolves, the whole path survives power
   * loss, also the part that was there before. Resolves to the first directory that it has made, or to undefined.
   *
   * A directory that this process may not read is not synced, where what it leads to was there before.
   */
  async mkdirAll(path: Path, options?: MkdirOptions): Promise<string | undefined> {
    return await this.wait('make the directory', path, this.#mkdirAll('mkdirAll', path, options))
  }

  mkdirAllSync(path: Path, options?: MkdirOptions): string | undefined {
    return this.block('make the directory', path, this.#mkdirAll('mkdirAllSync', path, options))
  }

  /**
   * Removes an empty directory. Resolves to false if there was nothing in the one that would hold it. ERR_FSYS_NOT_EMPTY: it is
   * not empty; ERR_FSYS_NOT_FOUND: the one that would hold it is missing.
   */
  async rmdir(path: Path): Promise<boolean> {
    return await this.wait('remove the directory', path, removeDirectory(this.context, this.settle(path)))
  }

  rmdirSync(path: Path): boolean {
    return this.block('remove the directory', path, removeDirectory(this.context, this.settle(path)))
  }

  /**
   * Removes a directory with all that is in it. Resolves to false if there was nothing. Not atomic: a crash before it
   * resolves, or an error, leaves some of it; do it again. What others make in it meanwhile is removed, or is the error
   * ERR_FSYS_NOT_EMPTY.
   */
  async rmdirAll(path: Path): Promise<boolean> {
    return await this.wait('remove the directory', path, removeTree(this.context, this.settle(path)))
  }

  rmdirAllSync(path: Path): boolean {
    return this.block('remove the directory', path, removeTree(this.context, this.settle(path)))
  }

  /** What is in a directory, sorted by name (by code units). All of it is in memory: for large ones, `scan`. */
  async list(path: Path, options?: ScanOptions): Promise<TreeEntry[]> {
    const steps = gather(this.#flat(path, settleScanOptions('list', options)))
    return (await this.wait('list', path, steps)).toSorted(byName)
  }

  listSync(path: Path, options?: Pick<ScanOptions, 'kind'>): TreeEntry[] {
    return this.block('list', path, gather(this.#flat(path, settleScanOptions('listSync', options)))).toSorted(byName)
  }

  /**
   * What is in a directory, in the file system's order, to be iterated over: `for await` waits, `for` blocks. Holds some
   * hundred names at a time, however many there are.
   */
  scan(path: Path, options?: ScanOptions): Scan<TreeEntry> {
    const settled = settleScanOptions('scan', options)
    return this.iterate('list', path, () => this.#flat(path, settled))
  }

  /**
   * What is in a directory and in all beneath it, each directory before what is in it. Holds some hundred names for each
   * level of depth, however many there are. Directories that disappear meanwhile are left out; one that may not be read is
   * an error.
   */
  scanAll(path: Path, options?: ScanOptions): Scan<TreeEntry> {
    const settled = settleScanOptions('scanAll', options)
    return this.iterate('list', path, () => this.#deep(path, settled))
  }

  /** How many entries a directory has. */
  async count(path: Path, options?: ScanOptions): Promise<number> {
    return await this.wait('count', path, countPieces(this.#flat(path, settleScanOptions('count', options))))
  }

  countSync(path: Path, options?: Pick<ScanOptions, 'kind'>): number {
    return this.block('count', path, countPieces(this.#flat(path, settleScanOptions('countSync', options))))
  }

  /** How many entries there are in a directory and in all beneath it. */
  async countAll(path: Path, options?: ScanOptions): Promise<number> {
    return await this.wait('count', path, countPieces(this.#deep(path, settleScanOptions('countAll', options))))
  }

  countAllSync(path: Path, options?: Pick<ScanOptions, 'kind'>): number {
    return this.block('count', path, countPieces(this.#deep(path, settleScanOptions('countAllSync', options))))
  }

  /**
   * What matches a pattern, to be iterated over: '*.json', 'logs/*.log'. `*`, `?`, `[...]` and `{a,b}` match within a
   * name, `**` any number of directories, and a slash at the end only directories. Slashes separate on every platform, and a
   * backslash takes a character as it is. Goes only where something can match, and holds no more than `scanAll`. The paths
   * that it gives are fit for the handle. A directory that is not there holds nothing. Throws ERR_FSYS_INVALID_ARGUMENT for a
   * pattern that is not well-formed: a bracket that is never closed, say.
   *
   * Patterns become regular expressions: do not take them from strangers.
   */
  find(pattern: string, options?: FindOptions): Scan<TreeEntry> {
    const { kind, signal, ...how } = settleFindOptions(options)
    const { base, prefix, rules } = parseGlob(pattern, how)
    const path = this.settle(base)
    const begin = { open: () => this.context.scope.openDirectory(path), prefix, isOptional: true }
    return this.iterate('look for', pattern, () => new Walk(begin, onlyOfKind(rules, kind), signal))
  }

  #mkdir(caller: string, path: Path, options: MkdirOptions | undefined): Steps<void> {
    return makeDirectory(this.context, this.settle(path), settleMkdirOptions(caller, options))
  }

  #mkdirAll(caller: string, path: Path, options: MkdirOptions | undefined): Steps<string | undefined> {
    return makeDirectories(this.context, this.settle(path), settleMkdirOptions(caller, options))
  }

  #flat(path: Path, options: SettledScanOptions): Walk<undefined> {
    return this.#walk(path, flatRules, options)
  }

  #deep(path: Path, options: SettledScanOptions): Walk<'deep'> {
    return this.#walk(path, deepRules, options)
  }

  #walk<State>(path: Path, rules: WalkRules<State>, { kind, signal }: SettledScanOptions): Walk<State> {
    const settled = this.settle(path)
    const begin = { open: () => this.context.scope.openDirectory(settled), prefix: '', isOptional: false }
    return new Walk(begin, onlyOfKind(rules, kind), signal)
  }
}

function byName(one: TreeEntry, other: TreeEntry): number {
  return one.name < other.name ? -1 : 1
}
