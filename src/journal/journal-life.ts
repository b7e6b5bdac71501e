import type { FsysError } from '../errors.js'
import type { Attempt, Committer } from './committer.js'
import { keepUntilExit } from './exit.js'
import { busy, refusalOf } from './journal-errors.js'
import type { JournalMeter } from './journal-meter.js'
import type { LogBuffer } from './log-buffer.js'
import type { LogMemory } from './log-memory.js'
import type { OpenedJournal } from './open.js'
import type { Writer } from './writer.js'
import type { ZeroAhead } from './zero-ahead.js'

/** What a journal consists of, and has to let go of. */
export interface JournalParts {
  readonly opened: OpenedJournal
  readonly memory: LogMemory
  readonly buffer: LogBuffer
  readonly writer: Writer
  readonly zeroAhead: ZeroAhead
  readonly meter: JournalMeter
  readonly committer: Committer
  readonly keepsPreallocated: boolean
  /** To be called when nothing of the storage is needed any more. */
  readonly letGo: () => void
}

/**
 * How a journal ends: by `close`, by a failure, or with the process. Each settles what is promised, and lets go of the file,
 * the memory and the lock only when the operating system needs nothing of them any more (D4b, D5, D10).
 */
export class JournalLife {
  readonly #opened: OpenedJournal
  readonly #memory: LogMemory
  readonly #buffer: LogBuffer
  readonly #writer: Writer
  readonly #zeroAhead: ZeroAhead
  readonly #meter: JournalMeter
  readonly #committer: Committer
  readonly #keepsPreallocated: boolean
  readonly #letGo: () => void
  readonly #forgetAtExit: () => void
  #state: 'open' | 'poisoned' | 'closing' | 'handed over' | 'closed' = 'open'
  #closed: Promise<void> | undefined

  constructor(parts: JournalParts) {
    this.#opened = parts.opened
    this.#memory = parts.memory
    this.#buffer = parts.buffer
    this.#writer = parts.writer
    this.#zeroAhead = parts.zeroAhead
    this.#meter = parts.meter
    this.#committer = parts.committer
    this.#keepsPreallocated = parts.keepsPreallocated
    this.#letGo = parts.letGo
    this.#forgetAtExit = keepUntilExit(() => this.#handOver())
  }

  /** Whether it takes work. */
  get isOpen(): boolean {
    return this.#state === 'open'
  }

  /** Why it takes no more work. */
  refusal(attempt: string): FsysError {
    return refusalOf(this.#opened.path, attempt, this.#committer.failure)
  }

  checkOpen(attempt: string): void {
    if (this.#state !== 'open') throw this.refusal(attempt)
  }

  /** What it was refuses all further work, and after a failed write the file is cut back to what is whole. */
  giveUp(attempt: Attempt): void {
    if (this.#state === 'open') this.#state = 'poisoned'
    if (attempt === 'write to') this.#writer.whenIdle(() => this.#cutBack())
  }

  close(): Promise<void> {
    this.#closed ??= this.#meter.traceClose(() => this.#closed ?? this.#close())
    return this.#closed
  }

  closeSync(): void {
    if (this.#state !== 'closed') this.#meter.traceCloseSync(() => this.#closeSync())
  }

  async #close(): Promise<void> {
    this.#startClosing()
    try {
      if (this.#committer.failure !== undefined) throw this.refusal('close')
      const { nextLsn } = this.#buffer
      if (!this.#isSynced) await this.#committer.groups.join(nextLsn).waitTogether(nextLsn)
      if (this.#trim()) await this.#writer.sync().catch(() => {})
    } finally {
      await this.#releaseWhenIdle()
    }
  }

  #closeSync(): void {
    if (this.#state === 'closed') return
    if (this.#committer.failure === undefined && !this.#isSynced && this.#writer.mustWait)
      throw busy(this.#opened.path, 'close')
    this.#startClosing()
    try {
      if (this.#committer.failure !== undefined) throw this.refusal('close')
      if (!this.#isSynced) this.#committer.syncSync()
      if (this.#trim()) this.#trySyncSync()
    } finally {
      this.#closed ??= this.#releaseWhenIdle()
    }
  }

  #startClosing(): void {
    this.#state = 'closing'
    this.#zeroAhead.rest()
  }

  get #isSynced(): boolean {
    return this.#committer.durableLsn >= this.#buffer.nextLsn
  }

  /**
   * Cuts off the zeros past the records, and what is set aside there. True if the file has changed. Best effort: everything
   * that was promised is synced, and zeros at the end are no harm.
   */
  #trim(): boolean {
    try {
      return this.#opened.space.trimSync(this.#buffer.nextLsn, this.#keepsPreallocated)
    } catch {
      return false
    }
  }

  #trySyncSync(): void {
    try {
      this.#writer.syncSync()
    } catch {
      // As above.
    }
  }

  /** Lets go of everything, once the operating system needs nothing of it any more (D4b). */
  #releaseWhenIdle(): Promise<void> {
    return new Promise((resolve) => {
      this.#writer.whenIdle(() => {
        this.#release()
        resolve()
      })
    })
  }

  #release(): void {
    this.#state = 'closed'
    // What was set aside while it was being closed.
    if (this.#committer.failure === undefined) this.#trim()
    this.#forgetAtExit()
    this.#meter.stop()
    this.#opened.mark.closeSync()
    try {
      this.#writer.closeSync()
    } catch {
      // Everything that was promised has been synced; a descriptor that will not close takes nothing back.
    }
    // Behind the file, with which it may be registered.
    this.#memory.release()
    this.#opened.unregister()
    this.#opened.lock.releaseSync()
    this.#letGo()
  }

  /** The process ends: what is staged goes to the operating system. The lock stays where a late write may still happen. */
  #handOver(): void {
    if (this.#committer.failure !== undefined || this.#state === 'closed') return
    try {
      this.#writer.handOverSync()
    } catch (error) {
      this.#committer.poison(error, 'write to')
    }
    // An exit handler that comes later may still sync this by `closeSync`; the mark is not written without the lock.
    this.#state = 'handed over'
    this.#opened.mark.closeSync()
    if (this.#writer.isBusy) return
    this.#trim()
    this.#opened.lock.releaseSync()
    this.#letGo()
  }

  #cutBack(): void {
    if (this.#state === 'closed') return
    try {
      this.#writer.cutBack()
    } catch {
      // Then the next open has a tail to save.
    }
  }
}
