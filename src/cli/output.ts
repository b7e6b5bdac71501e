import type { Writable } from 'node:stream'

/** Records are gathered into pieces of this size: a write for each of a million lines would take seconds. */
const CHUNK_BYTES = 128 * 1024
const NEWLINE = 0x0a

/** stdout cannot be written, though somebody may be reading: a full disk, for one. */
export class OutputError extends Error {
  override readonly name: string = 'OutputError'
}

/**
 * What goes to stdout. It gathers small writes, and says when the reader does not keep up, so that nobody fills the memory.
 *
 * A reader that has gone away (EPIPE) has all that it wanted: that is no failure, and there is nothing left to write for.
 */
export class Output {
  readonly #stream: Writable
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  #filled = 0
  #isFull = false
  #isGone = false
  #isInterrupted = false
  #failure: Error | undefined
  #wake: (() => void) | undefined

  constructor(stream: Writable) {
    this.#stream = stream
    stream.on('drain', () => {
      this.#isFull = false
      this.#wake?.()
    })
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') this.#isGone = true
      else this.#failure ??= error
      this.#wake?.()
    })
  }

  /** Nobody reads any more: stop. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** The reader does not keep up: wait for `room` before much more is written. */
  get isFull(): boolean {
    return this.#isFull
  }

  /** From the signal on, nobody waits for a slow reader any more. */
  waitUntil(signal: AbortSignal): void {
    signal.addEventListener('abort', () => {
      this.#isInterrupted = true
      this.#wake?.()
    })
  }

  /** Takes a copy. */
  write(source: Buffer, start: number, end: number): void {
    let taken = start
    while (taken < end) {
      const count = source.copy(this.#chunk, this.#filled, taken, end)
      taken += count
      this.#filled += count
      if (this.#filled === CHUNK_BYTES) this.#handOver()
    }
  }

  writeNewline(): void {
    this.#chunk[this.#filled++] = NEWLINE
    if (this.#filled === CHUNK_BYTES) this.#handOver()
  }

  writeText(text: string): void {
    // A UTF-16 unit becomes at most three bytes.
    if (text.length * 3 < CHUNK_BYTES - this.#filled) {
      this.#filled += this.#chunk.write(text, this.#filled, 'utf8')
    } else {
      const bytes = Buffer.from(text, 'utf8')
      this.write(bytes, 0, bytes.length)
    }
  }

  writeLine(text: string): void {
    this.writeText(text)
    this.writeNewline()
  }

  /** Something large, a piece at a time. */
  async writeLarge(source: Buffer): Promise<void> {
    for (let start = 0; start < source.length && !this.#isGone; start += CHUNK_BYTES) {
      this.write(source, start, Math.min(start + CHUNK_BYTES, source.length))
      await this.room()
    }
  }

  /** Resolves when the reader keeps up, has gone away, or is not to be waited for. Rejects if stdout cannot be written. */
  async room(): Promise<void> {
    while (this.#isFull && !this.#isGone && !this.#isInterrupted && this.#failure === undefined) {
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    this.#wake = undefined
    this.#check()
  }

  /** Hands over what was gathered; resolves as `room`. */
  async flush(): Promise<void> {
    this.#handOver()
    await this.room()
  }

  /** Hands over what was gathered, and resolves when it has been written. */
  async finish(): Promise<void> {
    this.#handOver()
    if (!this.#isGone && this.#failure === undefined) {
      await new Promise<void>((resolve) => this.#stream.write('', () => resolve()))
    }
    this.#check()
  }

  #handOver(): void {
    if (this.#filled === 0) return
    const chunk = this.#chunk.subarray(0, this.#filled)
    this.#filled = 0
    if (this.#isGone || this.#failure !== undefined) return
    // The stream may still need the old memory.
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
    if (!this.#stream.write(chunk)) this.#isFull = true
  }

  #check(): void {
    if (this.#failure === undefined) return
    throw new OutputError(`cannot write the output: ${this.#failure.message}`, { cause: this.#failure })
  }
}
