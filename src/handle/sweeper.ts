import { call, type Steps } from '../storage/steps.js'
import type { Owner, Storage, StorageDirectory } from '../storage/storage.js'
import { whereabouts } from '../storage/whereabouts.js'
import { closeQuietly, discardDraft } from './atomic-write.js'
import { draftName, draftOwner } from './draft-name.js'

/**
 * Removes the drafts of those who are gone: killed, or cut off from power, before they could do it themselves. Of those who can
 * be looked up from here, only if that is certain. Of those elsewhere, on another host or in another container, if nothing has
 * changed in the draft for a day: who is still writing it then gets ERR_FSYS_DRAFT_LOST, and the old file stays.
 */
export class Sweeper {
  readonly #storage: Storage
  readonly #entriesMax: number
  /** By directory. */
  readonly #looks = new Map<string, Look>()

  constructor(storage: Storage, entriesMax: number = ENTRIES_MAX) {
    this.#storage = storage
    this.#entriesMax = entriesMax
  }

  /**
   * To be called before something is written into a directory: looks through it, up to a limit, the first time and then once
   * an hour at most. Where the limit was met, the next look goes on. Whatever goes wrong is no matter: nothing here is needed.
   */
  *sweepWhenDue(directory: StorageDirectory): Steps<void> {
    try {
      const facts = yield* call(directory, 'stat', '.')
      const identity = `${facts?.device}:${facts?.inode}`
      const now = this.#storage.clock.now()
      const last = this.#looks.get(identity)
      if (last !== undefined && now < last.nextAt) return
      if (this.#looks.size >= LOOKS_MAX) this.#looks.clear()
      const look = { nextAt: now + LOOK_EVERY_MS, nextFrom: 0 }
      this.#looks.set(identity, look)
      look.nextFrom = (yield* this.#sweep(directory, last?.nextFrom ?? 0)).nextFrom
    } catch {
      // It is the write that counts.
    }
  }

  /** Looks through a directory, up to the limit, and returns how many drafts it has removed. */
  *sweepNow(directory: StorageDirectory): Steps<number> {
    return (yield* this.#sweep(directory, 0)).removed
  }

  /** `from`: how many entries to pass over. Directories cannot be entered in the middle; passing over is what costs least. */
  *#sweep(directory: StorageDirectory, from: number): Steps<{ removed: number; nextFrom: number }> {
    const me = this.#storage.owners.self()
    const judge = new Judge(this.#storage, directory, me)
    const listing = yield* call(directory, 'list')
    let [removed, seen] = [0, 0]
    try {
      while (seen < from + this.#entriesMax) {
        const entries = yield* call(listing, 'next', PIECE_ENTRIES)
        if (entries.length === 0) return { removed, nextFrom: 0 }
        seen += entries.length
        if (seen <= from) continue
        for (const { name, kind } of entries) {
          // Most are none, and cost a comparison.
          const owner = kind === 'file' ? draftOwner(name, me) : undefined
          if (owner === undefined || !(yield* judge.isLeft(name, owner))) continue
          if (yield* remove(directory, name)) removed += 1
        }
      }
      return { removed, nextFrom: seen - removed }
    } finally {
      yield* call(listing, 'close')
    }
  }
}

interface Look {
  /** By the storage's clock. */
  readonly nextAt: number
  /** After how many entries. */
  nextFrom: number
}

/** Says which drafts in a directory nobody will go on with. */
class Judge {
  readonly #storage: Storage
  readonly #directory: StorageDirectory
  readonly #me: Owner
  /** The time there, when it was first asked for. */
  #now: bigint | 'unknown' | undefined

  constructor(storage: Storage, directory: StorageDirectory, me: Owner) {
    this.#storage = storage
    this.#directory = directory
    this.#me = me
  }

  *isLeft(name: string, owner: Owner): Steps<boolean> {
    if (this.#storage.owners.isGone(owner)) return true
    return whereabouts(this.#me, owner) === 'elsewhere' && (yield* this.#isStill(name))
  }

  /** Not by the time that it says it was modified: a draft can be given that of the file that it replaces. */
  *#isStill(name: string): Steps<boolean> {
    const now = (this.#now ??= yield* this.#tellTime())
    if (now === 'unknown') return false
    const facts = yield* call(this.#directory, 'stat', name)
    return facts !== undefined && now - facts.changeTime > STILL_NS
  }

  /**
   * The time by the clock that gives files theirs, which can be another machine's: that of a file that is made there now. The
   * clock of this machine may stand wrong.
   */
  *#tellTime(): Steps<bigint | 'unknown'> {
    const name = draftName(this.#me, this.#storage.owners.token())
    try {
      const file = yield* call(this.#directory, 'open', name, 'create')
      try {
        return (yield* call(file, 'stat')).changeTime
      } finally {
        yield* closeQuietly(file)
        yield* discardDraft(this.#directory, name)
      }
    } catch {
      return 'unknown'
    }
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

/** Takes some 30 ms on a warm directory, 60 in a call that waits; so does passing over as many. */
const ENTRIES_MAX = 65_536

/** What a handle remembers is bounded, too. */
const LOOKS_MAX = 10_000

const LOOK_EVERY_MS = 3_600_000

/** A day: far longer than a write rests that goes on. */
const STILL_NS = 86_400n * 1_000_000_000n
