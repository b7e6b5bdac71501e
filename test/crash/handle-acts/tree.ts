import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'

import { type Act, type SingleAct, textBytes } from './act.js'

/** What is at a path. */
export type Thing = 'directory' | { readonly content: Buffer; readonly mode: number }

/** All that is below a directory, by its path from there. */
export type Tree = Map<string, Thing>

/** What drafts are called, which nobody counts as being there. */
export const isDraft = (path: string): boolean => path.includes('.fsys-draft-')

/** What stands on the disk. */
export function readTree(base: string): Tree {
  const tree: Tree = new Map()
  for (const entry of readdirSync(base, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const thing = entry.isDirectory()
      ? 'directory'
      : { content: readFileSync(path), mode: statSync(path).mode & 0o7777 }
    tree.set(relative(base, path), thing)
  }
  return tree
}

/** Puts it on the disk, and nothing else. A directory comes before what is in it. */
export function writeTree(base: string, tree: Tree): void {
  rmSync(base, { recursive: true, force: true })
  mkdirSync(base)
  for (const [path, thing] of tree) {
    if (thing === 'directory') mkdirSync(join(base, path))
    else {
      writeFileSync(join(base, path), thing.content)
      chmodSync(join(base, path), thing.mode)
    }
  }
}

/** A part of what an act does, which a crash finds done or not, whatever it finds of the others. */
export interface Part {
  /** What is at these paths when it is done. */
  readonly after: ReadonlyMap<string, Thing | undefined>
  /** It is not atomic: a crash can find some of its bytes old and some new. */
  readonly isInPlace: boolean
}

/** What an act does to a tree. */
export function partsOf(act: Act, tree: Tree): readonly Part[] {
  if ('acts' in act) return act.acts.flatMap((each) => partsOf(each, tree))
  const { kind, path } = act
  if (kind === 'rename') {
    const moved = tree.get(path)
    return [atOnce([path, undefined], [act.to, moved])]
  }
  if (kind === 'mkdirAll')
    return levelsOf(path).flatMap((level) => (tree.has(level) ? [] : [atOnce([level, 'directory'])]))
  if (kind === 'rmdirAll') {
    const all = [...tree.keys()].filter((each) => each === path || each.startsWith(`${path}/`))
    return all.map((each) => atOnce([each, undefined]))
  }
  if (kind === 'mkdir') return [atOnce([path, 'directory'])]
  if (kind === 'delete' || kind === 'rmdir') return [atOnce([path, undefined])]
  if (kind === 'copy') {
    const { content, mode } = fileAt(tree, path) as File
    return [atOnce([act.to, { content, mode: fileAt(tree, act.to)?.mode ?? mode }])]
  }
  const old = fileAt(tree, path)
  const mode = old?.mode ?? ('mode' in act ? act.mode : 0)
  if (kind === 'write' || kind === 'writeCopy') return [atOnce([path, { content: textBytes(act.text), mode }])]
  const content = contentAfter(act, old?.content ?? Buffer.alloc(0))
  return [{ after: new Map([[path, { content, mode }]]), isInPlace: true }]
}

export function apply(tree: Tree, parts: readonly Part[]): void {
  for (const { after } of parts) {
    for (const [path, thing] of after) {
      if (thing === undefined) tree.delete(path)
      else tree.set(path, thing)
    }
  }
}

export function isSame(one: Thing | undefined, other: Thing | undefined): boolean {
  if (typeof one !== 'object' || typeof other !== 'object') return one === other
  return one.mode === other.mode && one.content.equals(other.content)
}

/** Whether each byte is the old or the new one, and the length lies between the two; what is beyond an end is zero. */
export function isBetween(found: Thing | undefined, before: Thing | undefined, after: Thing | undefined): boolean {
  if (found === undefined) return before === undefined
  if (typeof found !== 'object' || typeof after !== 'object' || found.mode !== after.mode) return false
  const [old, { content: next }] = [typeof before === 'object' ? before.content : Buffer.alloc(0), after]
  const { content } = found
  if (content.length < Math.min(old.length, next.length) || content.length > Math.max(old.length, next.length))
    return false
  return content.every((byte, at) => byte === (old[at] ?? 0) || byte === (next[at] ?? 0))
}

type File = Exclude<Thing, string>

function fileAt(tree: Tree, path: string): File | undefined {
  const thing = tree.get(path)
  return typeof thing === 'object' ? thing : undefined
}

function atOnce(...after: readonly (readonly [string, Thing | undefined])[]): Part {
  return { after: new Map(after), isInPlace: false }
}

/** 'a/b/c' as 'a', 'a/b', 'a/b/c'. */
function levelsOf(path: string): string[] {
  const names = path.split('/')
  return names.map((_, at) => names.slice(0, at + 1).join('/'))
}

function contentAfter(act: SingleAct, old: Buffer): Buffer {
  switch (act.kind) {
    case 'append':
      return Buffer.concat([old, textBytes(act.text)])
    case 'writeAt':
      return placed(old, textBytes(act.text), act.offset)
    case 'writeZeros':
      return placed(old, Buffer.alloc(act.length), act.offset)
    case 'punchHole':
      return placed(old, Buffer.alloc(Math.max(0, Math.min(act.length, old.length - act.offset))), act.offset)
    case 'truncate':
      return Buffer.concat([old.subarray(0, act.size), Buffer.alloc(Math.max(0, act.size - old.length))])
    default:
      throw new Error(`a ${act.kind} is not in place`)
  }
}

function placed(old: Buffer, bytes: Buffer, offset: number): Buffer {
  const content = Buffer.alloc(bytes.length === 0 ? old.length : Math.max(old.length, offset + bytes.length))
  old.copy(content)
  bytes.copy(content, offset)
  return content
}
