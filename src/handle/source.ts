import { abortable } from '../abortable.js'
import { checkBytes, encodeText } from '../checks.js'
import { invalidArgument } from '../errors.js'

/** What can be written: text as UTF-8, or bytes. */
export type Data = string | Uint8Array

/** What can be written and need not be in memory all at once: streams are such, those of Node and those of the web. */
export type StreamedData = AsyncIterable<Data> | Iterable<Data>

/** Where bytes come from, piece by piece, as fast as they are asked for. */
export interface ByteSource {
  /** All of it comes in one piece. */
  readonly isWhole: boolean
  /** The next piece; undefined at the end. */
  next(): Promise<Uint8Array | undefined>
  nextSync(): Uint8Array | undefined
  /** Tells whoever makes them that no more are needed. */
  close(): Promise<void>
  closeSync(): void
}

/**
 * What is none of the storage's errors: a source's own, or the reason of a signal. Whoever called gets the cause as it is,
 * whatever it looks like.
 */
export class TheirFailure extends Error {
  constructor(cause: unknown) {
    super('not the storage', { cause })
  }
}

/** Throws a TheirFailure if the signal says that it is enough. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new TheirFailure(signal.reason)
}

/** Throws ERR_FSYS_INVALID_ARGUMENT for what is none. */
export function sourceOf(data: Data | StreamedData): ByteSource {
  if (typeof data === 'string') return new WholeSource(encodeText(data, WHAT))
  if (isObject(data) && !ArrayBuffer.isView(data)) {
    if (hasMethod(data, Symbol.asyncIterator)) return new AsyncSource(data as AsyncIterable<Data>)
    if (hasMethod(data, Symbol.iterator)) return new PieceSource(data as Iterable<Data>)
  }
  checkBytes(data, WHAT)
  return new WholeSource(data)
}

/** Throws as `sourceOf` does, without beginning to take anything. */
export function checkData(data: Data | StreamedData): void {
  if (typeof data === 'string') encodeText(data, WHAT)
  else if (!isObject(data) || ArrayBuffer.isView(data) || !isStreamed(data)) checkBytes(data, WHAT)
}

/**
 * For data that waits for its turn. A stream may fail before anybody asks for its first piece; whoever asks then hears of it,
 * and until then it must not end the process as an error of which nobody hears.
 */
export function awaitTurn(data: Data | StreamedData): void {
  if (isObject(data)) streamIn(data)
}

const WHAT = 'what is written'

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isStreamed(data: object): boolean {
  return hasMethod(data, Symbol.asyncIterator) || hasMethod(data, Symbol.iterator)
}

function hasMethod(data: object, name: symbol): boolean {
  return typeof (data as { readonly [name: symbol]: unknown })[name] === 'function'
}

/** What somebody else has made. */
function checkIterator<Found extends Iterator<Data> | AsyncIterator<Data>>(iterator: Found): Found {
  if (isObject(iterator) && typeof iterator.next === 'function') return iterator
  throw invalidArgument(`${WHAT} must be iterable, and what it gives to iterate with is no iterator`)
}

/** The piece in what an iterator that somebody else has made gives; undefined at its end. */
function pieceOf(next: IteratorResult<Data>): Uint8Array | undefined {
  if (!isObject(next)) throw invalidArgument(`${WHAT} must be iterable, and what its iterator gives is no object`)
  return next.done ? undefined : bytesOf(next.value)
}

function bytesOf(piece: unknown): Uint8Array {
  if (typeof piece === 'string') return encodeText(piece, 'a piece of what is written')
  checkBytes(piece, 'a piece of what is written')
  return piece
}

/** Tells a source that nobody wants any of it, or more of it, without waiting for its end. */
export function abandon(source: ByteSource): void {
  void source.close().catch(() => undefined)
}

class WholeSource implements ByteSource {
  readonly isWhole = true
  #bytes: Uint8Array | undefined

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  // oxlint-disable-next-line typescript/require-await
  async next(): Promise<Uint8Array | undefined> {
    return this.nextSync()
  }

  nextSync(): Uint8Array | undefined {
    const bytes = this.#bytes
    this.#bytes = undefined
    return bytes
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  closeSync(): void {}
}

class PieceSource implements ByteSource {
  readonly isWhole = false
  readonly #pieces: Iterator<Data>

  constructor(pieces: Iterable<Data>) {
    this.#pieces = checkIterator(pieces[Symbol.iterator]())
  }

  // oxlint-disable-next-line typescript/require-await
  async next(): Promise<Uint8Array | undefined> {
    return this.nextSync()
  }

  nextSync(): Uint8Array | undefined {
    let next: IteratorResult<Data>
    try {
      next = this.#pieces.next()
    } catch (error) {
      throw new TheirFailure(error)
    }
    return pieceOf(next)
  }

  // oxlint-disable-next-line typescript/require-await
  async close(): Promise<void> {
    this.closeSync()
  }

  closeSync(): void {
    this.#pieces.return?.()
  }
}

/** What waits for the next piece no longer than a signal lets it. */
export class AbortableSource implements ByteSource {
  readonly isWhole: boolean
  readonly #source: ByteSource
  readonly #signal: AbortSignal

  constructor(source: ByteSource, signal: AbortSignal) {
    this.isWhole = source.isWhole
    this.#source = source
    this.#signal = signal
  }

  async next(): Promise<Uint8Array | undefined> {
    try {
      return await abortable(this.#source.next(), this.#signal)
    } catch (error) {
      checkSignal(this.#signal)
      throw error
    }
  }

  nextSync(): Uint8Array | undefined {
    return this.#source.nextSync()
  }

  async close(): Promise<void> {
    await abortable(this.#source.close(), this.#signal)
  }

  closeSync(): void {
    this.#source.closeSync()
  }
}

class AsyncSource implements ByteSource {
  readonly isWhole = false
  readonly #pieces: AsyncIterator<Data>
  readonly #stream: Partial<NodeStream> | undefined

  constructor(pieces: AsyncIterable<Data>) {
    this.#stream = streamIn(pieces)
    this.#pieces = checkIterator(pieces[Symbol.asyncIterator]())
  }

  async next(): Promise<Uint8Array | undefined> {
    let next: IteratorResult<Data>
    try {
      next = await this.#pieces.next()
    } catch (error) {
      throw new TheirFailure(error)
    }
    return pieceOf(next)
  }

  nextSync(): never {
    throw invalidArgument('a blocking call cannot wait for a stream: use the call without Sync in its name')
  }

  async close(): Promise<void> {
    // An iterator that has not begun ends without telling its stream.
    if (this.#stream === undefined) await this.#pieces.return?.()
    else this.#stream.destroy?.()
  }

  /** For a blocking call that has refused it. */
  closeSync(): void {
    this.#stream?.destroy?.()
  }
}

/** Data that is a stream of Node, of whose failure somebody hears from now on. */
function streamIn(data: object): Partial<NodeStream> | undefined {
  const stream: Partial<NodeStream> = data
  if (typeof stream.destroy !== 'function') return undefined
  stream.on?.('error', () => undefined)
  return stream
}

/** What there is of a stream of Node. */
interface NodeStream {
  on(event: 'error', listener: () => void): unknown
  destroy(): unknown
}
