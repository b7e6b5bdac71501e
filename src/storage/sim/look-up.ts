import type { DirectoryNode, Node } from './directory-node.js'
import { systemError } from './sim-errors.js'

/** What a call names for its errors. */
export interface Call {
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

export type Target = string | NameAt

/** Where a path leads: to a node, or to a place in a directory where there is none yet. */
export interface Place {
  readonly directory: DirectoryNode
  readonly name: string
  readonly node: Node | undefined
}

// As on Linux.
const LINKS_MAX = 40
const NAME_LENGTH_MAX = 255

/** Walks a path; symbolic links on the way are followed, one at its end if asked for. */
export function find(root: DirectoryNode, call: Call, target: Target, isEndFollowed: boolean): Place {
  return typeof target === 'string' ? walk(root, call, target, isEndFollowed) : lookUp(call, target)
}

export function shown(target: Target): string {
  return typeof target === 'string' ? target : target.path
}

export function failure(code: string, call: Call): NodeJS.ErrnoException {
  return systemError(code, call.syscall, call.path, call.to)
}

function walk(root: DirectoryNode, call: Call, path: string, isEndFollowed: boolean): Place {
  if (path === '') throw failure('ENOENT', call)
  let rest = path
  let directory = root
  let name = '.'
  let node: Node | undefined = root
  let links = 0
  for (let start = 0; start <= rest.length;) {
    const slash = rest.indexOf('/', start)
    const end = slash === -1 ? rest.length : slash
    const part = rest.slice(start, end)
    start = end + 1
    if (node === undefined) throw failure('ENOENT', call)
    if (node.kind !== 'directory') throw failure('ENOTDIR', call)
    // At the end of a path, that asks for a directory.
    if (part === '' || part === '.') continue
    directory = node
    name = part
    if (part === '..') {
      node = directory = node.parent ?? node
      name = '.'
      continue
    }
    if (part.length > NAME_LENGTH_MAX) throw failure('ENAMETOOLONG', call)
    node = directory.get(part)
    if (node?.kind !== 'link' || (!isEndFollowed && slash === -1)) continue
    links += 1
    if (links > LINKS_MAX) throw failure('ELOOP', call)
    rest = node.target + rest.slice(end)
    start = 0
    node = directory = node.target.startsWith('/') ? root : directory
    name = '.'
  }
  return { directory, name, node }
}

function lookUp(call: Call, { directory, name }: NameAt): Place {
  if (name === '.') return { directory, name, node: directory }
  if (directory.isRemoved) throw failure('ENOENT', call)
  if (name.length > NAME_LENGTH_MAX) throw failure('ENAMETOOLONG', call)
  return { directory, name, node: directory.get(name) }
}
