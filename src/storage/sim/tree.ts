import type { OpenMode } from '../storage.js'
import { type AttributeStore, inheritedAttributes } from './attributes.js'
import { DirectoryNode, LinkNode, type Node } from './directory-node.js'
import { type Fate, fateBy } from './fate.js'
import { FileNode } from './file-node.js'
import { InodeTable } from './inode-table.js'
import type { Medium } from './medium.js'
import { systemError } from './sim-errors.js'
import { PAGE_BYTES } from './sparse-bytes.js'

/** What a call names for its errors. */
interface Call {
  readonly syscall: string
  readonly path: string
  readonly to?: string
}

/** A name in a directory that is open; no link is followed. The path is for errors. */
export interface NameAt {
  readonly directory: DirectoryNode
  readonly name: string
  readonly path: string
}

type Target = string | NameAt

/** Where a path leads: to a node, or to a place in a directory where there is none yet. */
interface Place {
  readonly directory: DirectoryNode
  readonly name: string
  readonly node: Node | undefined
}

// As on Linux.
const LINKS_MAX = 40
const NAME_LENGTH_MAX = 255

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
    const place = this.#find(call, target, mode !== 'create')
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
      const { node } = this.#find({ syscall: 'stat', path }, path, true)
      return node?.kind === 'link' ? undefined : node
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw error
    }
  }

  /** What is at the name itself, a link or anything. */
  statAt(target: NameAt): Node | undefined {
    return this.#find({ syscall: 'lstat', path: target.path }, target, false).node
  }

  readLink(target: NameAt): string {
    const call = { syscall: 'readlink', path: target.path }
    const { node } = this.#find(call, target, false)
    if (node === undefined) throw failure('ENOENT', call)
    if (node.kind !== 'link') throw failure('EINVAL', call)
    return node.target
  }

  realPath(path: string): string {
    const call = { syscall: 'realpath', path }
    const { directory, name, node } = this.#find(call, path, true)
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
    const source = this.#find(call, from, false)
    const target = this.#find(call, to, false)
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
  link(from: string, to: string): boolean {
    const call = { syscall: 'link', path: from, to }
    const { node } = this.#find(call, from, false)
    if (node === undefined) throw failure('ENOENT', call)
    const target = this.#find(call, to, false)
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
    const { directory, name, node } = this.#find(call, target, false)
    if (node === undefined) throw failure('ENOENT', call)
    this.#mustBeWritable(call, directory)
    if (node.kind === 'directory') throw failure('EISDIR', call)
    directory.change([[name, undefined]])
    this.#drop(node)
  }

  /** What is said of a file or a directory. */
  attributesAt(path: string): AttributeStore {
    const call = { syscall: 'stat', path }
    const { node } = this.#find(call, path, true)
    if (node === undefined || node.kind === 'link') throw failure('ENOENT', call)
    return node.attributes
  }

  makeDirectory(target: Target, permissions?: number): void {
    const call = { syscall: 'mkdir', path: shown(target) }
    const plain = typeof target === 'string' ? target.replace(/\/+$/, '') : target
    const { directory, name, node } = this.#find(call, plain, false)
    if (node) throw failure('EEXIST', call)
    this.#mustBeWritable(call, directory)
    const bits = permissions === undefined ? undefined : permissions & ~this.#medium.rules.umask
    directory.change([[name, new DirectoryNode(this.#inodes.create(undefined), directory, bits)]])
  }

  removeDirectory(target: Target): void {
    const call = { syscall: 'rmdir', path: shown(target) }
    const { directory, name, node } = this.#find(call, target, false)
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
    const { directory, name, node } = this.#find(call, path, false)
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
    for (const part of partsOf(path)) {
      if (node?.kind !== 'directory' || part === '..' || part === '.') return undefined
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
    const file = new FileNode(this.#medium, this.#inodes.create(directory), permissions & ~this.#medium.rules.umask)
    file.attributes.become(inheritedAttributes(file.attributes.now, directory.attributes.now))
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
    const { node } = this.#find(call, target, true)
    if (node === undefined) throw failure('ENOENT', call)
    if (node.kind !== 'directory') throw failure('ENOTDIR', call)
    return node
  }

  /** Walks a path; symbolic links on the way are followed, one at its end if asked for. */
  #find(call: Call, target: Target, isEndFollowed: boolean): Place {
    return typeof target === 'string' ? this.#walk(call, target, isEndFollowed) : lookUp(call, target)
  }

  #walk(call: Call, path: string, isEndFollowed: boolean): Place {
    if (path === '') throw failure('ENOENT', call)
    let parts = partsOf(path)
    let directory = this.#root
    let name = '.'
    let node: Node | undefined = this.#root
    let links = 0
    for (let index = 0; index < parts.length; index += 1) {
      const part = parts[index] as string
      if (node === undefined) throw failure('ENOENT', call)
      if (node.kind !== 'directory') throw failure('ENOTDIR', call)
      if (part === '.') continue
      directory = node
      name = part
      if (part === '..') {
        node = directory = node.parent ?? node
        name = '.'
        continue
      }
      if (part.length > NAME_LENGTH_MAX) throw failure('ENAMETOOLONG', call)
      node = directory.get(part)
      if (node?.kind !== 'link' || (!isEndFollowed && index === parts.length - 1)) continue
      links += 1
      if (links > LINKS_MAX) throw failure('ELOOP', call)
      parts = [...partsOf(node.target), ...parts.slice(index + 1)]
      index = -1
      node = directory = node.target.startsWith('/') ? this.#root : directory
      name = '.'
    }
    return { directory, name, node }
  }
}

function lookUp(call: Call, { directory, name }: NameAt): Place {
  if (name === '.') return { directory, name, node: directory }
  if (directory.isRemoved) throw failure('ENOENT', call)
  if (name.length > NAME_LENGTH_MAX) throw failure('ENAMETOOLONG', call)
  return { directory, name, node: directory.get(name) }
}

function shown(target: Target): string {
  return typeof target === 'string' ? target : target.path
}

/** Paths come again and again. */
const knownParts = new Map<string, readonly string[]>()
const KNOWN_PARTS_MAX = 1000

/** What a path is made of, without what leads nowhere; but a slash or a dot at its end asks for a directory. */
function partsOf(path: string): readonly string[] {
  let parts = knownParts.get(path)
  if (parts === undefined) {
    parts = path
      .split('/')
      .map((part) => (part === '' ? '.' : part))
      .filter((part, index, all) => part !== '.' || index === all.length - 1)
    if (knownParts.size >= KNOWN_PARTS_MAX) knownParts.clear()
    knownParts.set(path, parts)
  }
  return parts
}

function failure(code: string, call: Call): NodeJS.ErrnoException {
  return systemError(code, call.syscall, call.path, call.to)
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
