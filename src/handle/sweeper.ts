import { call, type Steps } from '../storage/steps.js'
import type { Storage, StorageDirectory } from '../storage/storage.js'
import { draftOwner } from './draft-name.js'

/**
 * Removes the drafts of those who are gone: killed, or cut off from power, before they could do it themselves. Only of those
 * of whom that is certain.
 */
export class Sweeper {
  readonly #storage: Storage
  readonly #swept = new Set<string>()

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /**
   * To be called before something is written into a directory: looks through it once, up to a limit. Whatever goes wrong is
   * no matter: nothing here is needed.
   */
  *sweepOnce(directory: StorageDirectory): Steps<void> {
    try {
      const facts = yield* call(directory, 'stat', '.')
      const identity = `${facts?.device}:${facts?.inode}`
      if (this.#swept.has(identity)) return
      if (this.#swept.size >= SWEPT_MAX) this.#swept.clear()
      this.#swept.add(identity)
      yield* this.sweep(directory, ENTRIES_MAX)
    } catch {
      // It is the write that counts.
    }
  }

  /** Looks through a directory, at so many entries at most, and returns how many drafts it has removed. */
  *sweep(directory: StorageDirectory, entriesMax: number): Steps<number> {
    const me = this.#storage.owners.self()
    const listing = yield* call(directory, 'list')
    let [removed, left] = [0, entriesMax]
    try {
      while (left > 0) {
        const entries = yield* call(listing, 'next', PIECE_ENTRIES)
        if (entries.length === 0) break
        left -= entries.length
        for (const { name, kind } of entries) {
          const owner = kind === 'file' ? draftOwner(name, me) : undefined
          if (owner === undefined || !this.#storage.owners.isGone(owner)) continue
          if (yield* remove(directory, name)) removed += 1
        }
      }
    } finally {
      yield* call(listing, 'close')
    }
    return removed
  }
}

function* remove(directory: StorageDirectory, name: string): Steps<boolean> {
  try {
    yield* call(directory, 'unlink', name)
    return true
  } catch {
    // Somebody else has been faster, or it is another user's.
    return false
  }
}

const PIECE_ENTRIES = 1024

/** Takes some 30 ms on a warm directory. */
const ENTRIES_MAX = 65_536

/** What a handle remembers is bounded, too. */
const SWEPT_MAX = 10_000
