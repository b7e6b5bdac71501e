import { errnoOf } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { DirectoryEntry, Listing, StorageDirectory } from '../storage/storage.js'
import { isDraftName } from './draft-name.js'
import type { Pieces } from './scan.js'
import { checkSignal } from './source.js'

/** Something that was found beneath a directory. */
export interface TreeEntry extends DirectoryEntry {
  /** From the directory that was asked for on, with slashes: 'sub/name'; what `find` gives is fit for the handle. */
  readonly path: string
}

/** What a walk shows, and where it goes. `State` is what it knows of a directory: which part of a pattern is left, say. */
export interface WalkRules<State> {
  readonly start: State
  /** What becomes of an entry in a directory of that state; `below` is undefined where nothing beneath it is wanted. */
  visit(state: State, entry: DirectoryEntry, path: string): { readonly isShown: boolean; readonly below?: State }
}

/** Where a walk begins. */
export interface WalkBeginning {
  readonly open: () => Steps<StorageDirectory>
  /** What all paths begin with. */
  readonly prefix: string
  /** Nothing is found where there is no such directory. */
  readonly isOptional: boolean
}

/** One directory on the way down. */
interface Level<State> {
  readonly directory: StorageDirectory
  readonly listing: Listing
  /** What stands before its names in paths. */
  readonly prefix: string
  readonly state: State
  entries: readonly DirectoryEntry[]
  index: number
}

/**
 * Walks down from a directory, depth first, in the order in which the file system lists. What it holds is bounded by how deep
 * it is, not by how much there is: for each level, the open directory and a piece of its names. Symbolic links are shown, and
 * not followed.
 */
export class Walk<State> implements Pieces<TreeEntry> {
  readonly #begin: WalkBeginning
  readonly #rules: WalkRules<State>
  readonly #signal: AbortSignal | undefined
  readonly #levels: Level<State>[] = []
  #isBegun = false

  constructor(begin: WalkBeginning, rules: WalkRules<State>, signal?: AbortSignal) {
    this.#begin = begin
    this.#rules = rules
    this.#signal = signal
  }

  /** The next entries; none at the end. */
  *next(): Steps<readonly TreeEntry[]> {
    checkSignal(this.#signal)
    if (!this.#isBegun) yield* this.#enterFirst()
    const found: TreeEntry[] = []
    for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
      if (level.index < level.entries.length) {
        yield* this.#visit(level, found)
        continue
      }
      if (found.length > 0) return found
      checkSignal(this.#signal)
      level.entries = yield* call(level.listing, 'next', PIECE_ENTRIES)
      level.index = 0
      if (level.entries.length === 0) yield* this.#leave()
    }
    return found
  }

  *close(): Steps<void> {
    while (this.#levels.length > 0) yield* this.#leave()
  }

  *#enterFirst(): Steps<void> {
    this.#isBegun = true
    const { open, prefix, isOptional } = this.#begin
    const directory = isOptional ? yield* ifThere(open()) : yield* open()
    if (directory !== undefined) yield* this.#enter(directory, prefix, this.#rules.start)
  }

  *#visit(level: Level<State>, found: TreeEntry[]): Steps<void> {
    const entry = level.entries[level.index++] as DirectoryEntry
    if (isDraftName(entry.name)) return
    const path = level.prefix + entry.name
    const { isShown, below } = this.#rules.visit(level.state, entry, path)
    if (isShown) found.push({ name: entry.name, kind: entry.kind, path })
    if (entry.kind !== 'directory' || below === undefined) return
    const directory = yield* ifThere(call(level.directory, 'openDirectory', entry.name))
    if (directory !== undefined) yield* this.#enter(directory, `${path}/`, below)
  }

  *#enter(directory: StorageDirectory, prefix: string, state: State): Steps<void> {
    try {
      const listing = yield* call(directory, 'list')
      this.#levels.push({ directory, listing, prefix, state, entries: [], index: 0 })
    } catch (error) {
      yield* call(directory, 'close')
      throw error
    }
  }

  *#leave(): Steps<void> {
    const level = this.#levels.pop()
    if (level === undefined) return
    try {
      yield* call(level.listing, 'close')
    } finally {
      yield* call(level.directory, 'close')
    }
  }
}

/** Undefined if it is not there, or something else: since it was listed, maybe. */
function* ifThere(opening: Steps<StorageDirectory>): Steps<StorageDirectory | undefined> {
  try {
    return yield* opening
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT' || errno === 'ENOTDIR' || errno === 'ELOOP') return undefined
    throw error
  }
}

/** The entries of one directory. */
export const flatRules: WalkRules<undefined> = {
  start: undefined,
  visit: () => ({ isShown: true }),
}

/** All that is in a directory, and in those in it. */
export const deepRules: WalkRules<'deep'> = {
  start: 'deep',
  visit: () => ({ isShown: true, below: 'deep' }),
}

/** The same, but only of one kind. */
export function onlyOfKind<State>(rules: WalkRules<State>, kind: DirectoryEntry['kind'] | undefined): WalkRules<State> {
  if (kind === undefined) return rules
  return {
    start: rules.start,
    visit(state, entry, path) {
      const visited = rules.visit(state, entry, path)
      return entry.kind === kind ? visited : { ...visited, isShown: false }
    },
  }
}

const PIECE_ENTRIES = 256
