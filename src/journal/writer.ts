import { CHECKSUM_BYTES, FRAME_OVERHEAD_BYTES, HEADER_BYTES, encodeHeader } from '../frame/frame.js'
import { run, runSync } from '../storage/steps.js'
import { writeWhole } from '../storage/whole.js'
import type { LogBuffer } from './log-buffer.js'
import type { LogSpace } from './log-space.js'

/** Up to this much a blocking write costs less than the trip to the thread pool and back. */
export const BLOCKING_WRITE_BYTES_MAX: number = 64 * 1024

/**
 * Moves staged bytes to the operating system, in LSN order, and knows which memory unfinished writes still need (D4b).
 * There is at most one unfinished write. What fails is thrown to the caller, who poisons the journal: nothing here is
 * tried twice.
 */
export class Writer {
  readonly #space: LogSpace
  readonly #buffer: LogBuffer
  #writtenLsn: number
  /** The slot that the unfinished write reads from. */
  #pinnedSlot: number | undefined
  #draining: Promise<void> | undefined
  #isGivenUp = false
  #unfinished = 0
  #whenIdle: (() => void)[] = []

  constructor(space: LogSpace, buffer: LogBuffer) {
    this.#space = space
    this.#buffer = buffer
    this.#writtenLsn = buffer.nextLsn
  }

  /** Everything below this has been handed to the operating system; always the end of a frame. */
  get writtenLsn(): number {
    return this.#writtenLsn
  }

  /** True while the operating system has a write or a sync of ours that it has not answered. */
  get isBusy(): boolean {
    return this.#unfinished > 0
  }

  /** True if what is staged is little enough, and nothing else under way, so that a blocking write is the quickest. */
  get prefersBlocking(): boolean {
    return this.#draining === undefined && this.#buffer.nextLsn - this.#writtenLsn <= BLOCKING_WRITE_BYTES_MAX
  }

  /** Calls back as soon as no write and no sync is unfinished: at once if that is so. */
  whenIdle(callback: () => void): void {
    if (this.isBusy) this.#whenIdle.push(callback)
    else callback()
  }

  /**
   * Writes all that is staged, before it returns. What an unfinished write covers is written again, the same bytes at the
   * same place, because nothing can be waited for here.
   */
  writeSync(): void {
    this.#buffer.seal()
    while (this.#writtenLsn < this.#buffer.nextLsn) {
      const source = this.#buffer.staged(this.#writtenLsn)
      runSync(writeWhole(this.#space, source, this.#writtenLsn))
      this.#writtenLsn += source.length
    }
  }

  /** Something has failed: no write begins after the unfinished one, so that nothing lands behind a hole or a cut. */
  giveUp(): void {
    this.#isGivenUp = true
  }

  /** Writes what is staged now. Records that are staged meanwhile may or may not go with it. */
  async write(): Promise<void> {
    const target = this.#buffer.nextLsn
    while (this.#writtenLsn < target) {
      this.#draining ??= this.#drain(target).finally(() => (this.#draining = undefined))
      // One write after the other: the frontier moves contiguously (D4).
      // oxlint-disable-next-line no-await-in-loop
      await this.#draining
    }
  }

  /** Makes all that has been written durable, if it is written when this is called. */
  sync(): Promise<void> {
    return this.#track(this.#space.dataSync())
  }

  syncSync(): void {
    this.#space.dataSyncSync()
  }

  /**
   * Makes room for a frame that does not fit into the slot in use. May block for a write: this is where appending faster
   * than the disk becomes slower (D9).
   */
  makeRoom(): void {
    if (this.#pinnedSlot === this.#buffer.slot) {
      this.#buffer.switchSlot()
    } else {
      this.writeSync()
      this.#buffer.restart(this.#buffer.slot, this.#writtenLsn)
    }
  }

  /**
   * Writes a record whose frame is larger than a slot, in pieces through the memory of one, before it returns. What is
   * checksummed and what is written are the same private copy (D3).
   */
  writeOversize(record: Uint8Array): void {
    this.writeSync()
    const slot = this.#pinnedSlot === this.#buffer.slot ? 1 - this.#buffer.slot : this.#buffer.slot
    const memory = this.#buffer.slotMemory(slot)
    const view = new DataView(memory.buffer, memory.byteOffset, memory.length)
    let lsn = this.#writtenLsn
    let checksum = 0
    let taken = 0
    // `subarray` of a subclass goes through its constructor.
    const source = new Uint8Array(record.buffer, record.byteOffset, record.length)
    let filled = HEADER_BYTES
    encodeHeader(view, 0, record.length)
    for (;;) {
      const piece = Math.min(record.length - taken, memory.length - filled)
      memory.set(source.subarray(taken, taken + piece), filled)
      taken += piece
      filled += piece
      checksum = this.#buffer.checksum(checksum, slot, filled)
      const isLast = taken === record.length && filled + CHECKSUM_BYTES <= memory.length
      if (isLast) {
        view.setUint32(filled, checksum, true)
        filled += CHECKSUM_BYTES
      }
      runSync(writeWhole(this.#space, memory.subarray(0, filled), lsn))
      lsn += filled
      if (isLast) break
      filled = 0
    }
    this.#writtenLsn += record.length + FRAME_OVERHEAD_BYTES
    this.#buffer.restart(slot, this.#writtenLsn)
  }

  /** After a failed write: cuts the file back to what is whole, so that a reopen on a full disk has nothing to save. */
  cutBack(): void {
    this.#space.truncateSync(this.#writtenLsn)
  }

  closeSync(): void {
    this.#space.closeSync()
  }

  /** One slot's part of what is staged below `target`, in an unfinished write that others may overtake with the same bytes. */
  async #drain(target: number): Promise<void> {
    while (this.#writtenLsn < target) {
      if (this.#isGivenUp) throw new Error('the journal was given up before all of it was written')
      this.#buffer.seal()
      const lsn = this.#writtenLsn
      const source = this.#buffer.staged(lsn)
      this.#pinnedSlot = this.#buffer.slotOf(lsn)
      try {
        // oxlint-disable-next-line no-await-in-loop
        await this.#track(this.#writePiece(source, lsn))
      } finally {
        this.#pinnedSlot = undefined
      }
    }
  }

  /** The frontier has moved before anybody hears that the writer is idle: a cut goes by it. */
  async #writePiece(source: Buffer, lsn: number): Promise<void> {
    await run(writeWhole(this.#space, source, lsn))
    this.#writtenLsn = Math.max(this.#writtenLsn, lsn + source.length)
  }

  async #track<Value>(operation: Promise<Value>): Promise<Value> {
    this.#unfinished++
    try {
      return await operation
    } finally {
      this.#unfinished--
      if (this.#unfinished === 0 && this.#whenIdle.length > 0) {
        const callbacks = this.#whenIdle
        this.#whenIdle = []
        for (const callback of callbacks) callback()
      }
    }
  }
}
