import type { Primitive } from './info.js'
import type { LogSpace } from './log-space.js'

/**
 * Has the disk begin with what has been written, while more of the same group is being staged: the sync at its end then has
 * less to wait for. Measured, groups of four megabytes are a quarter faster by it. One that fits into a slot gains nothing, and
 * what nobody waits for is better left to the system's own time.
 *
 * It makes nothing durable. The sync hears of what fails, as it does where the system has begun by itself; all the same, a
 * failure is told at once (D5).
 */
export class Writeback {
  readonly #space: LogSpace
  #unfinished = 0
  #offReason: string | undefined

  constructor(space: LogSpace) {
    this.#space = space
    if (space.alignment > 1) this.#offReason = 'past the page cache, writes begin at once'
    else if (!space.canStartWriteback) this.#offReason = 'Node has no call for it'
  }

  get primitive(): Primitive<'sync_file_range' | 'none'> {
    return this.#offReason === undefined ? { inUse: 'sync_file_range' } : { inUse: 'none', reason: this.#offReason }
  }

  /** Undefined if it does nothing. Otherwise the descriptor is needed until the promise settles; it rejects with what failed. */
  start(lsn: number, length: number): Promise<void> | undefined {
    if (this.#offReason !== undefined || this.#unfinished === UNFINISHED_MAX) return undefined
    return this.#start(lsn, length)
  }

  async #start(lsn: number, length: number): Promise<void> {
    this.#unfinished++
    const isStarted = await this.#space.startWriteback(lsn, length)
    this.#unfinished--
    if (!isStarted) this.#offReason = 'the file system has no such thing'
  }
}

/** Each takes a thread of libuv's pool, which has four by default; the sync is to find one too. */
const UNFINISHED_MAX = 3
