import { closeSync, openSync, readSync } from 'node:fs'

import { PAYLOAD_BYTES_MAX } from 'fsys'

const CHUNK_BYTES = 256 * 1024
const NEWLINE = 0x0a

/**
 * The lines of a file, one after the other: the bytes between newlines, whatever they are. A file that does not end with a
 * newline has a last line without one. Holds one chunk, or the longest line.
 */
export class LineReader implements Disposable {
  readonly #fd: number
  #memory = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  /** What has been read, at the beginning of the memory. */
  #chunk = this.#memory.subarray(0, 0)
  /** The next line begins here. */
  #start = 0
  /** Up to here there is no newline in the line that begins at `#start`. */
  #searched = 0
  #isAtEnd = false
  #nextLine = 0

  constructor(path: string) {
    this.#fd = openSync(path, 'r')
  }

  /** The number of the line that `next` gives, counted from 0. */
  get nextLine(): number {
    return this.#nextLine
  }

  /** The next line, valid until the next call; undefined if there are no more. Blocks for a read now and then. */
  next(): Buffer | undefined {
    for (;;) {
      const newline = this.#chunk.indexOf(NEWLINE, this.#searched)
      if (newline !== -1) return this.#take(newline, newline + 1)
      this.#searched = this.#chunk.length
      if (this.#isAtEnd) {
        return this.#start < this.#chunk.length ? this.#take(this.#chunk.length, this.#chunk.length) : undefined
      }
      this.#readOn()
    }
  }

  skip(count: number): void {
    for (let skipped = 0; skipped < count; skipped++) if (this.next() === undefined) return
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }

  #take(end: number, nextStart: number): Buffer {
    const line = this.#chunk.subarray(this.#start, end)
    this.#start = nextStart
    this.#searched = nextStart
    this.#nextLine++
    return line
  }

  /** Keeps the line that has begun, makes room for as much again if it fills the memory, and reads. */
  #readOn(): void {
    const kept = this.#chunk.subarray(this.#start)
    if (kept.length > PAYLOAD_BYTES_MAX) {
      throw new RangeError(`line ${this.#nextLine + 1} is longer than a record can be (${PAYLOAD_BYTES_MAX} bytes)`)
    }
    const memory = kept.length * 2 > this.#memory.length ? Buffer.allocUnsafeSlow(kept.length * 2) : this.#memory
    memory.set(kept)
    const count = readSync(this.#fd, memory, kept.length, memory.length - kept.length, null)
    this.#memory = memory
    this.#chunk = memory.subarray(0, kept.length + count)
    this.#searched -= this.#start
    this.#start = 0
    this.#isAtEnd = count === 0
  }
}
