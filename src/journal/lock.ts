import { basename, dirname, join } from 'node:path'

import { FsysError, errnoOf } from '../errors.js'
import { call, runSync, type Steps } from '../storage/steps.js'
import type { Owner, Owners, Storage, StorageFile } from '../storage/storage.js'
import { unlinkQuietly } from '../storage/unlink-quietly.js'
import { readWhole, writeWhole } from '../storage/whole.js'

/** What a lock file says: who took it, and a token that no other lock will ever have. */
export interface LockHolder {
  readonly token: string
  readonly owner: Owner
}

/** A lock that is held (D8). */
export class FileLock {
  readonly #storage: Storage
  readonly #path: string
  readonly #token: string
  /** What the lock file says. */
  readonly #text: string
  #isHeld = true

  constructor(storage: Storage, path: string, token: string, text: string) {
    this.#storage = storage
    this.#path = path
    this.#token = token
    this.#text = text
  }

  /** Lets go, best effort: a lock file that stays behind names a holder who will be gone. */
  releaseSync(): void {
    runSync(this.release())
  }

  *release(): Steps<void> {
    if (!this.#isHeld) return
    this.#isHeld = false
    try {
      const text = yield* readText(this.#storage, this.#path)
      if (text === this.#text) yield* call(this.#storage, 'unlink', this.#path)
    } catch {
      // The next one to come will see that this holder is gone: this thread at once, others when it has ended.
      const { owners } = this.#storage
      leftBehind.set(owners, (leftBehind.get(owners) ?? new Set()).add(this.#token))
    }
  }
}

/**
 * The tokens of locks that were let go of while nothing could be removed: a file system that has become read-only, or was
 * shut down. They name this thread, which is alive, and must not keep it out when the file system is well again.
 */
const leftBehind = new WeakMap<Owners, Set<string>>()

function isGone({ owners }: Storage, { token, owner }: LockHolder): boolean {
  return leftBehind.get(owners)?.has(token) === true || owners.isGone(owner)
}

/**
 * Takes the lock file at `path`, or fails with ERR_FSYS_LOCKED and says who holds it; `attempt` says what for.
 *
 * A lock file is made whole: written and synced under a name of its own, then linked, which fails if there is a lock. A
 * lock whose holder is certainly gone is taken over by whoever first takes a second lock, named after the dead holder's
 * token; that one alone may replace it, after a second look. Tokens are unique, so the right to succeed one holder is
 * given once, and if its taker dies it is taken over in the same way.
 */
export function* acquireLock(storage: Storage, path: string, attempt: string): Steps<FileLock> {
  return yield* acquire(storage, path, path, attempt)
}

/** Somebody who wants a lock, has written down who it is, and may have to take other locks first. */
interface Claim {
  readonly storage: Storage
  readonly basePath: string
  readonly attempt: string
  readonly token: string
  /** What it has written down. */
  readonly text: string
  readonly draft: string
  /** What it wants on the way to what it wants in the end. */
  readonly wanted: readonly string[]
}

function* acquire(
  storage: Storage,
  path: string,
  basePath: string,
  attempt: string,
  wanted: readonly string[] = [],
): Steps<FileLock> {
  const token = storage.owners.token()
  const text = formatHolder({ token, owner: storage.owners.self() })
  const draft = `${basePath}.${token}${DRAFT_SUFFIX}`
  const claim: Claim = { storage, basePath, attempt, token, text, draft, wanted: [...wanted, path] }
  const lock = new FileLock(storage, path, token, text)
  try {
    yield* writeDraft(storage, draft, text)
    const isTakenOver = yield* take(claim, path)
    if (!isTakenOver) yield* unlinkQuietly(storage, draft)
    else if (path === basePath) yield* sweep(storage, basePath)
    return lock
  } catch (error) {
    // A call can fail although it has done its work. What stayed would be a lock that nobody lets go of.
    yield* lock.release()
    yield* unlinkQuietly(storage, draft)
    throw error
  }
}

/** Gives the draft the lock's name. True if that was a dead holder's before: then the draft has no other name any more. */
function* take(claim: Claim, path: string): Steps<boolean> {
  const { storage, basePath, attempt, text, draft } = claim
  for (let round = 0; round < ROUNDS_MAX; round++) {
    if (yield* tryLink(storage, draft, path, text)) return false
    const found = yield* readText(storage, path)
    if (found === undefined) continue
    const holder = parseHolder(found)
    if (holder === undefined || !isGone(storage, holder)) throw locked(basePath, holder, attempt)
    const right = `${basePath}.${holder.token}`
    yield* takeRight(claim, right)
    try {
      const again = yield* readText(storage, path)
      if (again !== found) continue
      yield* call(storage, 'rename', draft, path)
      leftBehind.get(storage.owners)?.delete(holder.token)
      return true
    } finally {
      // Nobody takes it from a holder who lives, so there is no need to look whose it is.
      yield* unlinkQuietly(storage, right)
    }
  }
  throw locked(basePath, undefined, attempt)
}

/**
 * Takes the right to succeed a dead holder. The draft says already who wants it, so that one more name for it will do; only
 * where somebody has died with the right is it taken over from them, with a token and a draft of its own.
 */
function* takeRight(claim: Claim, right: string): Steps<void> {
  const { storage, basePath, attempt, token, text, draft, wanted } = claim
  // Locks that name each other's tokens are none of ours: nobody could ever succeed their holders.
  if (wanted.includes(right)) throw locked(basePath, undefined, attempt)
  try {
    if (yield* tryLink(storage, draft, right, text)) return
  } catch (error) {
    yield* new FileLock(storage, right, token, text).release()
    throw error
  }
  yield* acquire(storage, right, basePath, attempt, wanted)
}

/**
 * Each further round means that somebody else has just taken this lock or let go of it. So many in a row are no race: a
 * dangling symbolic link is there for `link`, and is not for `stat`.
 */
const ROUNDS_MAX = 100

/**
 * Removes a lock because a person says that nobody needs it any more, or because its holder is gone; only if it is still
 * the one that was `seen`. False if it has changed hands meanwhile, and was left alone. Nobody else removes it or takes it
 * over at the same time: this takes the right to succeed its holder, as a taker does.
 */
export function* breakLock(storage: Storage, path: string, seen: LockReading, attempt: string): Steps<boolean> {
  const right = yield* acquire(storage, `${path}.${seen.holder?.token ?? UNREADABLE}`, path, attempt)
  try {
    const again = yield* readLock(storage, path)
    if (!again.isThere) return true
    if (again.holder?.token !== seen.holder?.token) return false
    yield* call(storage, 'unlink', path)
    return true
  } finally {
    yield* right.release()
  }
}

/** Stands for the token of a lock that does not say whose it is. */
const UNREADABLE = 'unreadable'

const DRAFT_SUFFIX = '.new'

/** What stands at a lock's path. A file that is there but says nothing (empty, garbage) has no holder. */
export interface LockReading {
  readonly isThere: boolean
  readonly holder: LockHolder | undefined
}

export function* readLock(storage: Storage, path: string): Steps<LockReading> {
  const text = yield* readText(storage, path)
  return { isThere: text !== undefined, holder: text === undefined ? undefined : parseHolder(text) }
}

/** Undefined if nothing is there; empty if that is no file. */
function* readText(storage: Storage, path: string): Steps<string | undefined> {
  const facts = yield* call(storage, 'stat', path)
  if (facts === undefined) return undefined
  // Opening a pipe would wait for somebody to write to it.
  if (!facts.isFile) return ''
  let file: StorageFile
  try {
    file = yield* call(storage, 'open', path, 'read')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
  try {
    const bytes = Buffer.allocUnsafe(Math.min(facts.size, LOCK_BYTES_MAX))
    const length = yield* readWhole(file, bytes, 0)
    return bytes.toString('utf8', 0, length)
  } finally {
    yield* call(file, 'close')
  }
}

/** More than any lock of ours has: names of hosts are the only part without a fixed length. */
const LOCK_BYTES_MAX = 4096

/** In words, for a message: `process 4711 on host "a"`. */
export function describeHolder(holder: LockHolder | undefined): string {
  if (holder === undefined) return 'a holder that its lock file does not name'
  const { pid, thread, host } = holder.owner
  const threadWords = thread === 0 || thread === pid ? '' : ` (thread ${thread})`
  return `process ${pid}${threadWords} on host ${JSON.stringify(host)}`
}

function locked(path: string, holder: LockHolder | undefined, attempt: string): FsysError {
  return new FsysError(
    'ERR_FSYS_LOCKED',
    `${attempt}: ${describeHolder(holder)} holds its lock; where it is certain that nobody writes to it any more, ` +
      '`fsys unlock` removes that lock',
    { path, holder: holder?.owner },
  )
}

function formatHolder({ token, owner }: LockHolder): string {
  return `${JSON.stringify({ token, ...owner })}\n`
}

function parseHolder(text: string): LockHolder | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { token, host, boot, pidNamespace, pid, thread, startTime } = value as Record<string, unknown>
  if (typeof token !== 'string' || !/^[0-9a-z-]{1,64}$/u.test(token)) return undefined
  if (typeof host !== 'string' || typeof boot !== 'string' || typeof pidNamespace !== 'string') return undefined
  if (!isInteger(pid) || !isInteger(thread) || !isInteger(startTime)) return undefined
  return { token, owner: { host, boot, pidNamespace, pid, thread, startTime } }
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value)
}

/** Synced before it gets its name, so that no power loss leaves an empty lock file for a person to remove. */
function* writeDraft(storage: Storage, path: string, text: string): Steps<void> {
  const file = yield* call(storage, 'open', path, 'create', LOCK_PERMISSIONS)
  try {
    yield* writeWhole(file, Buffer.from(text), 0)
    yield* call(file, 'sync')
  } catch (error) {
    yield* unlinkQuietly(storage, path)
    throw error
  } finally {
    yield* call(file, 'close')
  }
}

/** Others must be able to read who holds the lock. */
const LOCK_PERMISSIONS = 0o644

/** Gives the draft the lock's name. False if the name is taken. */
function* tryLink(storage: Storage, draft: string, path: string, text: string): Steps<boolean> {
  try {
    return yield* call(storage, 'link', draft, path)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === undefined || !NO_LINKS.has(errno)) throw error
  }
  // A file system without hard links: the name first, then what stands in it. Killed in between, it leaves an empty lock.
  try {
    yield* writeDraft(storage, path, text)
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  }
}

const NO_LINKS: ReadonlySet<string> = new Set([
  'EPERM',
  'ENOSYS',
  'ENOTSUP',
  'EOPNOTSUPP',
  'EMLINK',
  'EXDEV',
  'UNKNOWN',
])

function* sweep(storage: Storage, basePath: string): Steps<void> {
  try {
    for (const path of yield* findLeftovers(storage, basePath)) yield* unlinkQuietly(storage, path)
  } catch {
    // The next takeover sweeps again.
  }
}

/** What dead takers of a lock have left beside it: drafts, and rights to succeed somebody. */
export function* findLeftovers(storage: Storage, lock: string): Steps<string[]> {
  const directory = dirname(lock)
  const prefix = `${basename(lock)}.`
  const leftovers: string[] = []
  for (const name of yield* call(storage, 'list', directory)) {
    if (!name.startsWith(prefix)) continue
    const path = join(directory, name)
    const { holder } = yield* readLock(storage, path)
    if (holder !== undefined && isGone(storage, holder)) leftovers.push(path)
  }
  return leftovers
}
