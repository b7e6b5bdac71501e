import { setTimeout as delay } from 'node:timers/promises'

import { sharedKernelPool } from '../checksum/kernel-pool.js'
import type { Kernel } from '../checksum/kernel.js'
import { FsysError, storageFailure } from '../errors.js'
import { isRecoverable } from '../frame/frame.js'
import { CHUNK_BYTES, type FrameCursor } from '../journal/frame-cursor.js'
import { readMark } from '../journal/mark.js'
import { markPath } from '../journal/names.js'
import { nodeStorage } from '../storage/node-storage.js'
import { run } from '../storage/steps.js'
import { readWhole } from '../storage/whole.js'
import type { Io } from './command.js'
import { FrameGuard } from './guard.js'
import { type RecordFormat, writeRecords } from './record-format.js'
import type { JournalSource } from './source.js'
import { quote } from './text.js'

export interface FollowerOptions {
  readonly format: RecordFormat
  /** Given: goes no further than the mark, which says this by now. */
  readonly durableLsn: number | undefined
  readonly intervalMs: number
  readonly signal: AbortSignal
}

/** Shows the records of a journal as they come. */
export class Follower {
  readonly #source: JournalSource
  readonly #options: FollowerOptions
  readonly #io: Io
  /** For looking back, while the source's own holds what comes next. */
  readonly #kernel: Kernel = sharedKernelPool.acquire(CHUNK_BYTES)
  /** Where the next record begins. */
  #position: number
  /** How many records from there on are not shown. */
  #skipped: number
  /** What was read last. */
  #guard: FrameGuard | undefined
  #durableLsn: number | undefined
  /** Where damage was seen, and said. */
  #stuck = { position: -1, looks: 0 }

  constructor(
    source: JournalSource,
    beginning: { readonly lsn: number; readonly skipped: number; readonly guard: FrameGuard | undefined },
    options: FollowerOptions,
    io: Io,
  ) {
    this.#source = source
    this.#options = options
    this.#io = io
    this.#position = beginning.lsn
    this.#skipped = beginning.skipped
    this.#guard = beginning.guard
    this.#durableLsn = options.durableLsn
  }

  /** Resolves when the signal says so or nobody reads any more. Rejects with ERR_FSYS_CHANGED, and as reading does. */
  async run(): Promise<void> {
    const { intervalMs, signal } = this.#options
    const { output } = this.#io
    try {
      while (!this.#isOver) {
        await this.#look()
        await output.flush()
        if (!this.#isOver) await delay(intervalMs, undefined, { signal }).catch(() => undefined)
      }
    } finally {
      sharedKernelPool.release(this.#kernel)
    }
  }

  get #isOver(): boolean {
    return this.#options.signal.aborted || this.#io.output.isGone
  }

  /** Shows what is there by now. */
  async #look(): Promise<void> {
    const { path, file } = this.#source
    let to: number
    try {
      to = await this.#findEnd()
      if (to <= this.#position || (await this.#isZero())) return
    } catch (error) {
      throw storageFailure(error, `cannot follow journal ${quote(path)}`, { path })
    }
    const cursor = await this.#source.walk({ from: this.#position, to, wantsLargePayloads: true })
    while (!this.#isOver && (await this.#source.advance(cursor))) {
      // After these were read, not before: if what came before them is still there, they are its continuation.
      if (this.#guard !== undefined && !(await this.#guard.isThere(file, this.#kernel))) throw await this.#lost()
      await this.#show(cursor)
    }
    this.#noteDamage(cursor)
  }

  async #show(cursor: FrameCursor): Promise<void> {
    const records = cursor.large === undefined ? cursor.count : 1
    // Before it is shown: writing may take long, and the memory is used again.
    this.#guard = FrameGuard.of(cursor, records - 1)
    this.#position = cursor.position
    await writeRecords(this.#io.output, this.#options.format, cursor, this.#skipped, Infinity)
    this.#skipped = Math.max(this.#skipped - records, 0)
  }

  /** How far to read. Fails if the file is not what it was. */
  async #findEnd(): Promise<number> {
    const { path, file, facts } = this.#source
    const there = await nodeStorage.stat(path)
    if (there === undefined) throw this.#changed('it was removed, or renamed')
    if (there.inode !== facts.inode || there.device !== facts.device || there.birthTime !== facts.birthTime) {
      throw this.#changed('another file stands in its place')
    }
    const { size } = await file.stat()
    if (size < this.#position || (this.#guard !== undefined && !(await this.#guard.seemsThere(file)))) {
      throw await this.#lost()
    }
    if (this.#durableLsn === undefined) return size
    const mark = await run(readMark(nodeStorage, markPath(path), facts))
    // A mark that is not there for a moment says nothing new.
    if (mark.state === 'bound') this.#durableLsn = mark.mark.durableLsn
    return Math.min(size, this.#durableLsn)
  }

  /**
   * No record begins with a zero byte. Padding and preallocated space can be long: they are not read again at each look.
   * Only a gap that the mark knows as history is crossed.
   */
  async #isZero(): Promise<boolean> {
    const { file, mark } = this.#source
    if (mark.state === 'bound' && this.#position < mark.mark.gapFreeLsn) return false
    const first = Buffer.alloc(1)
    await run(readWhole(file, first, this.#position))
    return first[0] === 0
  }

  /** Once, if it has not changed since the look before: a write under way can look like anything. */
  #noteDamage({ tailState, position }: FrameCursor): void {
    if (tailState === undefined || isRecoverable(tailState)) return
    const looks = this.#stuck.position === position ? this.#stuck.looks + 1 : 1
    this.#stuck = { position, looks }
    if (looks === 2) this.#io.note(`waiting at LSN ${position}: ${tailState}, which no crash explains; see fsys verify`)
  }

  /** What was shown last is not there. Looks again: the file may have been cut since its size was asked for. */
  async #lost(): Promise<FsysError> {
    const { size } = await this.#source.file.stat()
    if (size < this.#position) return this.#changed(`it has shrunk to ${size} bytes`)
    return this.#changed('the record that was shown last is not there any more')
  }

  #changed(what: string): FsysError {
    const { path } = this.#source
    const until = this.#position === 0 ? '' : ` while it was followed, at LSN ${this.#position}`
    return new FsysError('ERR_FSYS_CHANGED', `journal ${quote(path)} has changed${until}: ${what}`, {
      path,
      lsn: this.#position,
    })
  }
}
