import { count } from './text.js'

/** Takes the input apart into records. What it gives to `emit` is valid during the call only. */
export interface Splitter {
  push(chunk: Buffer): void
  /** The input has ended. */
  finish(): void
  /** Bytes of a record that has not ended yet. */
  readonly pendingBytes: number
}

export type Emit = (record: Buffer) => void

/** The input is not what it should be. What was emitted before stands. */
export class InputError extends Error {
  override readonly name: string = 'InputError'
}

const NEWLINE = 0x0a

/** A record is what ends in a newline, without it; what stands behind the last newline is one too. */
export class LineSplitter implements Splitter {
  readonly #pending: Pending
  readonly #emit: Emit
  #lines = 0

  constructor(bytesMax: number, emit: Emit) {
    this.#pending = new Pending(bytesMax, () => {
      throw new InputError(`line ${this.#lines + 1} is longer than ${count(bytesMax, 'byte')}`)
    })
    this.#emit = emit
  }

  get pendingBytes(): number {
    return this.#pending.length
  }

  push(chunk: Buffer): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      if (end === -1) break
      this.#end(chunk, start, end)
      start = end + 1
    }
    this.#pending.add(chunk, start, chunk.length)
  }

  finish(): void {
    if (this.#pending.length > 0) this.#end(EMPTY, 0, 0)
  }

  #end(chunk: Buffer, start: number, end: number): void {
    this.#pending.check(end - start)
    if (this.#pending.length === 0) {
      this.#emit(chunk.subarray(start, end))
    } else {
      this.#pending.add(chunk, start, end)
      this.#emit(this.#pending.bytes)
      this.#pending.clear()
    }
    this.#lines++
  }
}

const LENGTH_BYTES = 4

/** A record is a u32, little-endian, and then so many bytes: what `cat --frames` writes. */
export class FrameSplitter implements Splitter {
  readonly #pending: Pending
  readonly #bytesMax: number
  readonly #emit: Emit
  readonly #length = Buffer.alloc(LENGTH_BYTES)
  /** How much of the length is known. */
  #lengthBytes = 0
  #records = 0

  constructor(bytesMax: number, emit: Emit) {
    // A length over the limit is refused before anything is gathered.
    this.#pending = new Pending(bytesMax, () => undefined)
    this.#bytesMax = bytesMax
    this.#emit = emit
  }

  get pendingBytes(): number {
    return this.#lengthBytes + this.#pending.length
  }

  push(chunk: Buffer): void {
    let start = 0
    while (start < chunk.length || this.#isWhole) {
      if (this.#lengthBytes < LENGTH_BYTES) {
        const taken = chunk.copy(this.#length, this.#lengthBytes, start)
        this.#lengthBytes += taken
        start += taken
        this.#checkLength()
        continue
      }
      const end = Math.min(chunk.length, start + this.#recordBytes - this.#pending.length)
      this.#take(chunk, start, end)
      start = end
    }
  }

  finish(): void {
    if (this.pendingBytes === 0) return
    const what = `record ${this.#records + 1}`
    throw new InputError(
      this.#lengthBytes < LENGTH_BYTES
        ? `the input ends inside the length of ${what}`
        : `the input ends inside ${what}: ${this.#pending.length} of ${count(this.#recordBytes, 'byte')} are there`,
    )
  }

  get #recordBytes(): number {
    return this.#length.readUInt32LE(0)
  }

  /** The record needs no more bytes: it is empty. */
  get #isWhole(): boolean {
    return this.#lengthBytes === LENGTH_BYTES && this.#recordBytes === this.#pending.length
  }

  #take(chunk: Buffer, start: number, end: number): void {
    if (end - start === this.#recordBytes) {
      this.#emit(chunk.subarray(start, end))
    } else {
      this.#pending.add(chunk, start, end)
      if (this.#pending.length < this.#recordBytes) return
      this.#emit(this.#pending.bytes)
      this.#pending.clear()
    }
    this.#lengthBytes = 0
    this.#records++
  }

  #checkLength(): void {
    if (this.#lengthBytes < LENGTH_BYTES || this.#recordBytes <= this.#bytesMax) return
    throw new InputError(
      `record ${this.#records + 1} has ${count(this.#recordBytes, 'byte')}, over the limit of ${this.#bytesMax}`,
    )
  }
}

const EMPTY = Buffer.alloc(0)
const BLOCK_BYTES = 2 ** 20

/** The beginning of a record whose end has not been read. It grows by what arrives, never by what is announced. */
class Pending {
  readonly #bytesMax: number
  readonly #refuse: () => void
  /** All but the last are full. The first is kept for the next record. */
  #blocks: Buffer[] = []
  #length = 0

  constructor(bytesMax: number, refuse: () => void) {
    this.#bytesMax = bytesMax
    this.#refuse = refuse
  }

  get length(): number {
    return this.#length
  }

  get bytes(): Buffer {
    const [first = EMPTY] = this.#blocks
    return this.#length <= first.length ? first.subarray(0, this.#length) : Buffer.concat(this.#blocks, this.#length)
  }

  /** Throws if so many more bytes would be too many. */
  check(more: number): void {
    if (this.#length + more > this.#bytesMax) this.#refuse()
  }

  add(chunk: Buffer, start: number, end: number): void {
    this.check(end - start)
    for (let taken = start; taken < end;) {
      const index = Math.floor(this.#length / BLOCK_BYTES)
      const block = (this.#blocks[index] ??= Buffer.allocUnsafeSlow(BLOCK_BYTES))
      const copied = chunk.copy(block, this.#length % BLOCK_BYTES, taken, end)
      taken += copied
      this.#length += copied
    }
  }

  clear(): void {
    this.#length = 0
    this.#blocks.length = Math.min(this.#blocks.length, 1)
  }
}
