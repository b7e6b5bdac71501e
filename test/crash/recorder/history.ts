import { constants } from 'node:fs'
import { dirname } from 'node:path'

import type { Call, Log } from './log.js'

/** As the kernel has it. */
export const RWF_DSYNC = 2

/** From an entry of the log to another; `ended` is Infinity for what was never answered. */
export interface Span {
  readonly begun: number
  readonly ended: number
}

/** A write, or a change of size. */
export interface Change extends Span {
  readonly position: number
  /** What was written; undefined for a file that was cut (or lengthened) to `position`. */
  readonly data: Buffer | undefined
  /** It is a sync of its own bytes, and of as much of the size as leads to them (O_DSYNC, RWF_DSYNC). */
  readonly isSynced: boolean
  /** It went past the page cache (O_DIRECT), to the device sector by sector. */
  readonly isDirect: boolean
}

/** One file, whatever its names were. */
export interface FileHistory {
  readonly inode: bigint
  readonly birthTime: bigint
  readonly changes: Change[]
  /** The first one is what it was made with. */
  readonly modes: ModeChange[]
  readonly syncs: Span[]
  /** Those of them that are syncs of its permission bits, too. */
  readonly fullSyncs: Span[]
}

export interface ModeChange extends Span {
  readonly permissions: number
}

/** Names that have appeared (with a file) or disappeared, all at once. */
export interface NameMove extends Span {
  readonly directory: string
  readonly names: readonly (readonly [path: string, file: FileHistory | undefined])[]
}

/** What a process did to an empty directory: all that a power cut could have left at any moment follows from it. */
export interface History {
  readonly moves: readonly NameMove[]
  readonly directorySyncs: ReadonlyMap<string, readonly Span[]>
  /** Behind each of these entries of the log there is something new to be lost, or to be kept. */
  readonly points: readonly number[]
}

export function historyOf({ calls, notes }: Log): History {
  const past = new Past()
  const ended = calls.filter((call) => call.result >= 0).toSorted((one, other) => one.ended - other.ended)
  for (const call of ended) past.add(call)
  const points = ended.filter(({ kind }) => kind !== 'read' && kind !== 'close' && kind !== 'open')
  const entries = [...points.flatMap((call) => [call.begun, call.ended]), ...notes.map(({ at }) => at)]
  return {
    moves: past.moves,
    directorySyncs: past.directorySyncs,
    points: entries.toSorted((one, other) => one - other).map((entry) => entry + 1),
  }
}

/** Takes in the calls in the order in which they ended. */
class Past {
  readonly moves: NameMove[] = []
  readonly directorySyncs: Map<string, Span[]> = new Map()
  readonly #names = new Map<string, FileHistory>()
  /** By the number of an open description: the file, or the path of the directory. */
  readonly #open = new Map<number, FileHistory | string>()
  /** Of the same: the flags that it was opened with. */
  readonly #modes = new Map<number, number>()

  add(call: Call): void {
    const { kind, path, to = '', begun, ended } = call
    const span = { begun, ended }
    switch (kind) {
      case 'open':
      case 'create':
        this.#open.set(call.description, this.#opened(call))
        this.#modes.set(call.description, call.modes)
        return
      case 'write':
        this.#file(call).changes.push(this.#written(call))
        return
      case 'truncate':
        this.#file(call).changes.push(cutTo(call.length, span))
        return
      case 'sync':
      case 'dataSync': {
        const synced = this.#open.get(call.description)
        if (typeof synced === 'object') {
          synced.syncs.push(span)
          if (kind === 'sync') synced.fullSyncs.push(span)
        } else this.directorySyncs.set(path, [...(this.directorySyncs.get(path) ?? []), span])
        return
      }
      case 'rename':
        this.#move(call, [path, undefined], [to, this.#names.get(path)])
        return
      case 'link':
        this.#move(call, [to, this.#names.get(path)])
        return
      case 'unlink':
        this.#move(call, [path, undefined])
        return
      case 'changeMode':
        this.#file(call).modes.push({ ...span, permissions: call.length })
        return
      case 'makeDirectory':
      case 'removeDirectory':
        throw new Error(`a call that is not understood here: ${kind} ${path}`)
    }
  }

  #opened(call: Call): FileHistory | string {
    const { path, inode, birthTime, begun, ended, modes } = call
    const known = this.#names.get(path)
    if (known !== undefined) {
      if (known.inode !== inode) throw new Error(`${path} is inode ${inode}, but was ${known.inode}`)
      if ((modes & O_TRUNC) !== 0) known.changes.push(cutTo(0, { begun, ended }))
      return known
    }
    if (call.kind === 'open') return path
    const made = [{ begun, ended, permissions: call.length }]
    const file = { inode, birthTime, changes: [], modes: made, syncs: [], fullSyncs: [] }
    this.#move(call, [path, file])
    return file
  }

  #written({ begun, ended, position, data, result, modes, description }: Call): Change {
    if ((modes & ~RWF_DSYNC) !== 0) throw new Error(`what a write with the flags ${modes} does is not known here`)
    const opened = this.#modes.get(description) ?? 0
    const isSynced = (modes & RWF_DSYNC) !== 0 || (opened & O_DSYNC) !== 0
    return { begun, ended, position, data: data.subarray(0, result), isSynced, isDirect: (opened & O_DIRECT) !== 0 }
  }

  #file({ description, path }: Call): FileHistory {
    const file = this.#open.get(description)
    if (typeof file !== 'object') throw new Error(`not a file: ${path}`)
    return file
  }

  #move({ begun, ended }: Call, ...names: (readonly [string, FileHistory | undefined])[]): void {
    for (const [path, file] of names) {
      if (file === undefined) this.#names.delete(path)
      else this.#names.set(path, file)
    }
    this.moves.push({ begun, ended, directory: dirname(names[0]?.[0] ?? ''), names })
  }
}

function cutTo(size: number, span: Span): Change {
  return { ...span, position: size, data: undefined, isSynced: false, isDirect: false }
}

const { O_DIRECT, O_DSYNC, O_TRUNC } = constants
