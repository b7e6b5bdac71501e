import type { Primitive } from './info.js'
import type { LogSpace } from './log-space.js'

/**
 * Has the disk begin with what has been written, while more of the same group is being staged: the sync at its end then has
 * less to wait for. Measured, groups of four megabytes are a quarter faster by it. One that fits into a slot gains nothing, and
 * what nobody waits for is better left to the system's own time.
 *
 * It makes nothing durable. Of some failures it alone is told: where ext4 finds no blocks for what is written, it drops that, and
 * a sync that comes later finds nothing to do and answers that all is well. So no sync is believed while something that was
 * started before its end is unfinished, and a failure ends the journal (D5).
 */
export class Writeback {
  readonly #space: LogSpace
  /** What has failed stays in it. */
  readonly #unfinished = new Set<Promise<void>>()
  #offReason: string | undefined

  constructor(space: LogSpace) {
    this.#space = space
    if (space.alignment > 1) this.#offReason = 'past the page cache, writes begin at once'
    else if (!space.canStartWriteback) this.#offReason = 'Node has no call for it'
  }

  get primitive(): Primitive<'sync_file_range' | 'none'> {
    return this.#offReason === undefined ? { inUse: 'sync_file_range' } : { inUse: 'none', reason: this.#offReason }
  }

  /** Resolves once all that has been started has ended, and rejects with what failed. Undefined if there is nothing such. */
  get unfinished(): Promise<unknown> | undefined {
    return this.#unfinished.size === 0 ? undefined : Promise.all(this.#unfinished)
  }

  /** The same, blocking. */
  finishSync(): void {
    if (this.#unfinished.size > 0) this.#space.finishWritebackSync()
  }

  /** Undefined if it does nothing. Otherwise the descriptor is needed until the promise settles; it rejects with what failed. */
  start(lsn: number, length: number): Promise<void> | undefined {
    if (this.#offReason !== undefined || this.#unfinished.size === UNFINISHED_MAX) return undefined
    const starting: Promise<void> = this.#space.startWriteback(lsn, length).then((isStarted) => {
      this.#unfinished.delete(starting)
      if (!isStarted) this.#offReason = 'the system has no such call'
    })
    this.#unfinished.add(starting)
    return starting
  }
}

/** Each takes a thread of libuv's pool, which has four by default; the sync is to find one too. */
const UNFINISHED_MAX = 3
