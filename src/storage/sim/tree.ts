import type { OpenMode } from '../storage.js'
import { type AttributeStore, inheritedAttributes, initialAttributes } from './attributes.js'
import { DirectoryNode, LinkNode, type Node } from './directory-node.js'
import { type Fate, fateBy } from './fate.js'
import { FileNode } from './file-node.js'
import { InodeTable } from './inode-table.js'
import { type Call, failure, find, type NameAt, type Place, shown, type Target } from './look-up.js'
import type { Medium } from './medium.js'
import { PAGE_BYTES } from './sparse-bytes.js'

/** Names, directories and links: what the calls that take paths do, with the errors that Linux has for them. */
export class Tree {
  readonly #medium: Medium
  readonly #inodes: InodeTable
  readonly #root: DirectoryNode

  constructor(medium: Medium, inodes: InodeTable = new InodeTable(medium), root?: DirectoryNode) {
    this.#medium = medium
    this.#inodes = inodes
    this.#root = root ?? new DirectoryNode(inodes.create(undefined), undefined)
  }

  open(target: Target, mode: OpenMode, permissions: number): FileNode | DirectoryNode {
    const call = { syscall: 'open', path: shown(target) }
    const place = find(this.#root, call, target, mode !== 'create')
    const { node } = place
    if (node === undefined) {
      if (mode !== 'create' && mode !== 'replace') throw failure('ENOENT', call)
      this.#mustBeWritable(call, place.directory)
      return this.#createFile(place, permissions)
    }
    if (mode === 'create') throw failure('EEXIST', call)
    if (node.kind === 'link') throw failure('ELOOP', call)
    if (node.kind === 'directory' && mode !== 'read') throw failure('EISDIR', call)
    const needed = mode === 'read' ? 0o400 : 0o600
    if (node.kind === 'file' && (node.permissions & needed) !== needed) throw failure('EACCES', call)
    if (mode !== 'read') this.#mustBeWritable(call)
    if (node.kind === 'file' && mode === 'replace') node.truncate(0)
    return node
  }

  stat(path: string): FileNode | DirectoryNode | undefined {
    try {
      const { node } = find(this.#root, { syscall: 'stat', path }, path, true)
      return node?.kind === 'link' ? undefined : node
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw error
    }
  }

  /** What is at the name itself, a link or anything. */
  statAt(target: NameAt): Node | undefined {
    return find(this.#root, { syscall: 'lstat', path: target.path }, target, false).node
  }

  readLink(target: NameAt): string {
    const call = { syscall: 'readlink', path: target.path }
    const { node } = find(this.#root, call, target, false)
    if (node === undefined) throw failure('ENOENT', call)
    if (node.kind !== 'link') throw failure('EINVAL', call)
    return node.target
  }

  realPath(path: string): string {
    const call = { syscall: 'realpath', path }
    const { directory, name, node } = find(this.#root, call, path, true)
    if (node === undefined) throw failure('ENOENT', call)
    if (node.kind === 'directory') return this.pathOf(node)
    const above = this.pathOf(directory)
    return above === '/' ? `/${name}` : `${above}/${name}`
  }

  /** Where a directory is. */
  pathOf(directory: DirectoryNode): string {
    let [found, real] = [directory, '']
    for (let parent = found.parent; parent; found = parent, parent = found.parent) {
      for (const [key, child] of parent.names) if (child === found) real = `/${key}${real}`
    }
    return real === '' ? '/' : real
  }

  list(path: string): string[] {
    const call = { syscall: 'scandir', path }
    return [...this.#directory(call, path).names.keys()]
  }

  /** The file at a path; what is no file, or is not there, is the caller's mistake. */
  fileAt(path: string): FileNode {
    const node = this.stat(path)
    if (node?.kind !== 'file') throw new TypeError(`there is no file at ${path}`)
    return node
  }

  directory(target: Target): DirectoryNode {
    return this.#directory({ syscall: 'open', path: shown(target) }, target)
  }

  rename(from: Target, to: Target): void {
    const call = { syscall: 'rename', path: shown(from), to: shown(to) }
    const source = find(this.#root, call, from, false)
    const target = find(this.#root, call, to, false)
    const node = source.node
    if (node === undefined) throw failure('ENOENT', call)
    this.#mustBeWritable(call, source.directory)
    this.#mustBeWritable(call, target.directory)
    if (source.name === '.' || target.name === '.') throw failure('EBUSY', call)
    if (isWithin(node, target.directory)) throw failure('EINVAL', call)
    if (target.node && isWithin(target.node, source.directory)) throw failure('ENOTEMPTY', call)
    if (node === target.node) return
    if (target.node) checkReplacement(call, node, target.node)
    if (source.directory === target.directory) {
      source.directory.change([
        [source.name, undefined],
        [target.name, node],
      ])
    } else {
      DirectoryNode.move(source.directory, [[source.name, undefined]], target.directory, [[target.name, node]])
      if (node.kind === 'file') node.home = undefined
      if (node.kind === 'directory') node.parent = target.directory
    }
    if (target.node) this.#drop(target.node)
  }

  /** False if there is something at `to`. */
  link(from: Target, to: Target): boolean {
    const call = { syscall: 'link', path: shown(from), to: shown(to) }
    const { node } = find(this.#root, call, from, false)
    if (node === undefined) throw failure('ENOENT', call)
    const target = find(this.#root, call, to, false)
    if (target.node) return false
    this.#mustBeWritable(call, target.directory)
    if (node.kind === 'directory') throw failure('EPERM', call)
    target.directory.change([[target.name, node]])
    node.links += 1
    if (node.kind === 'file' && node.home !== target.directory) node.home = undefined
    return true
  }

  unlink(target: Target): void {
    const call = { syscall: 'unlink', path: shown(target) }
    const { directory, name, node } = find(this.#root, call, target, false)
    if (node === undefined) throw failure('ENOENT', call)
    this.#mustBeWritable(call, directory)
    if (node.kind === 'directory') throw failure('EISDIR', call)
    directory.change([[name, undefined]])
    this.#drop(node)
  }

  /** What is said of a file or a directory. */
  attributesAt(path: string): AttributeStore {
    const call = { syscall: 'stat', path }
    const { node } = find(this.#root, call, path, true)
    if (node === undefined || node.kind === 'link') throw failure('ENOENT', call)
    return node.attributes
  }

  makeDirectory(target: Target, permissions?: number): void {
    const call = { syscall: 'mkdir', path: shown(target) }
    const plain = typeof target === 'string' ? target.replace(/\/+$/, '') : target
    const { directory, name, node } = find(this.#root, call, plain, false)
    if (node) throw failure('EEXIST', call)
    this.#mustBeWritable(call, directory)
    const identity = this.#inodes.create(undefined)
    const attributes = initialAttributes(
      permissions === undefined ? 0o700 : permissions & ~this.#medium.rules.umask,
      identity,
    )
    directory.change([[name, new DirectoryNode(identity, directory, attributes)]])
  }

  removeDirectory(target: Target): void {
    const call = { syscall: 'rmdir', path: shown(target) }
    const { directory, name, node } = find(this.#root, call, target, false)
    if (node === undefined) throw failure('ENOENT', call)
    if (name === '.') throw failure(node === this.#root ? 'EBUSY' : 'EINVAL', call)
    this.#mustBeWritable(call, directory)
    if (node.kind !== 'directory') throw failure('ENOTDIR', call)
    if (node.names.size > 0) throw failure('ENOTEMPTY', call)
    directory.change([[name, undefined]])
    this.#drop(node)
  }

  /** Makes all names of the directory at a path durable, and of the one that holds it. */
  persistNames(path: string): void {
    const directory = this.directory(path)
    directory.persist(directory.sequence)
    directory.parent?.persist(directory.parent.sequence)
  }

  /** Makes a symbolic link, and its name durable. */
  symlink(target: string, path: string): void {
    const call = { syscall: 'symlink', path: target, to: path }
    const { directory, name, node } = find(this.#root, call, path, false)
    if (node) throw failure('EEXIST', call)
    const link = new LinkNode(this.#inodes.create(undefined), target)
    link.links = 1
    directory.change([[name, link]])
    directory.persist(directory.sequence)
  }

  /** To be called when a description of the file has been closed. */
  closed(file: FileNode): void {
    file.openings -= 1
    this.#releaseUnused(file)
  }

  /** The paths of all files, in order. */
  files(): string[] {
    const paths: string[] = []
    collectFiles(this.#root, '', paths)
    return paths.toSorted()
  }

  /**
   * The bytes of a file as they survive a power cut that leaves nothing unsynced, without making all of what survives.
   * Undefined if there is none, or where the rules or a link make it more than following durable names.
   */
  certainImage(path: string): Uint8Array | undefined {
    const { unsyncedData, unsyncedSizes, unsyncedNames } = this.#medium.rules
    if (unsyncedData === 'all' || unsyncedSizes === 'all' || unsyncedNames === 'all') return undefined
    let node: Node | undefined = this.#root
    for (const part of path.split('/').slice(1)) {
      if (node?.kind !== 'directory' || part === '' || part === '.' || part === '..') return undefined
      node = node.durable(part)
    }
    return node?.kind === 'file' ? node.durableImage() : undefined
  }

  /** The names, directories and files as they are after a power cut. */
  survivor(medium: Medium, fate: Fate): Tree {
    const fates = { fate: fateBy(medium.rules.unsyncedNames, fate), sequences: new Map<DirectoryNode, number>() }
    const survivors = new Map<Node, Node>()
    const survivorOf = (node: Node, parent: DirectoryNode): Node => {
      let copy = survivors.get(node)
      if (copy === undefined) {
        if (node.kind === 'file') copy = surviveFile(node, medium, fate)
        else if (node.kind === 'link') copy = new LinkNode(node.identity, node.target)
        else copy = node.survivor(parent, fates, survivorOf)
        survivors.set(node, copy)
      }
      if (copy.kind === 'file' && copy.home !== parent) copy.home = copy.links === 0 ? parent : undefined
      if (copy.kind !== 'directory') copy.links += 1
      return copy
    }
    const root = this.#root.survivor(undefined, fates, survivorOf)
    return new Tree(medium, this.#inodes.survivor(medium), root)
  }

  #mustBeWritable(call: Call, directory?: DirectoryNode): void {
    if (this.#medium.isReadOnly) throw failure('EROFS', call)
    if (directory && (directory.permissions & 0o300) !== 0o300) throw failure('EACCES', call)
  }

  #createFile({ directory, name }: Place, permissions: number): FileNode {
    const identity = this.#inodes.create(directory)
    const initial = initialAttributes(permissions & ~this.#medium.rules.umask, identity)
    const file = new FileNode(this.#medium, identity, inheritedAttributes(initial, directory.attributes.now))
    file.links = 1
    file.home = directory
    directory.change([[name, file]])
    return file
  }

  #drop(node: Node): void {
    if (node.kind === 'directory') {
      node.isRemoved = true
      return
    }
    node.links -= 1
    if (node.kind === 'file') this.#releaseUnused(node)
  }

  #releaseUnused(file: FileNode): void {
    if (file.links > 0 || file.openings > 0) return
    this.#medium.usedBytes -= file.pageCount * PAGE_BYTES
    if (file.home) this.#inodes.release(file.identity.inode, file.home)
  }

  #directory(call: Call, target: Target): DirectoryNode {
    const { node } = find(this.#root, call, target, true)
    if (node === undefined) throw failure('ENOENT', call)
    if (node.kind !== 'directory') throw failure('ENOTDIR', call)
    return node
  }
}

function isWithin(node: Node, directory: DirectoryNode): boolean {
  for (let at: DirectoryNode | undefined = directory; at; at = at.parent) if (at === node) return true
  return false
}

function checkReplacement(call: Call, node: Node, old: Node): void {
  if (node.kind !== 'directory' && old.kind === 'directory') throw failure('EISDIR', call)
  if (node.kind !== 'directory') return
  if (old.kind !== 'directory') throw failure('ENOTDIR', call)
  if (old.names.size > 0) throw failure('ENOTEMPTY', call)
}

function surviveFile(file: FileNode, medium: Medium, fate: Fate): FileNode {
  const copy = file.survivor(medium, fate)
  medium.usedBytes += copy.pageCount * PAGE_BYTES
  return copy
}

function collectFiles(directory: DirectoryNode, path: string, paths: string[]): void {
  for (const [name, node] of directory.names) {
    if (node.kind === 'file') paths.push(`${path}/${name}`)
    if (node.kind === 'directory') collectFiles(node, `${path}/${name}`, paths)
  }
}
