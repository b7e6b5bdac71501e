import { allocate } from './memory.js'

export const PAGE_BYTES = 4096

/**
 * The bytes of a file with holes in it, which read as zeros. Positions go up to 2^53 - 1, so there is no 32-bit arithmetic
 * on them. Past `size` every byte is zero.
 */
export class SparseBytes {
  #size: number
  /** Of each page that has memory its first bytes; the others are zeros. */
  #pages: Map<number, Uint8Array>
  /** Others have the same list of them, which is copied before it changes. */
  #isListShared = true
  /** Pages that nobody else has: the others are copied before they change. */
  #own: Set<number> | undefined

  constructor(original?: SparseBytes) {
    this.#size = original?.size ?? 0
    this.#pages = original === undefined ? NO_PAGES : original.#pages
  }

  get size(): number {
    return this.#size
  }

  /** How many pages have memory. */
  get pageCount(): number {
    return this.#pages.size
  }

  /** Which those are. */
  get pages(): Iterable<number> {
    return this.#pages.keys()
  }

  hasPage(index: number): boolean {
    return this.#pages.has(index)
  }

  /** Fills `target`, between `from` and `to`, with the bytes from `position` on, and with zeros past the end. */
  copyTo(target: Uint8Array, position: number, from = 0, to: number = target.length): void {
    for (let at = from; at < to;) {
      const start = (position + at - from) % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - start, to - at)
      const page = this.#pages.get((position + at - from - start) / PAGE_BYTES)
      const stop = Math.min(start + count, page?.length ?? 0)
      if (page && start < stop) target.set(stop - start === page.length ? page : page.subarray(start, stop), at)
      if (stop < start + count) target.fill(0, at + Math.max(0, stop - start), at + count)
      at += count
    }
  }

  /** Puts `source` at `position`; the size stays, so what lies past it must be zeros, or `resize` must follow. */
  copyFrom(source: Uint8Array, position: number): void {
    for (let done = 0; done < source.length;) {
      const start = (position + done) % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - start, source.length - done)
      const part = count === source.length ? source : source.subarray(done, done + count)
      this.#pageAt((position + done - start) / PAGE_BYTES, start, start + count).set(part, start)
      done += count
    }
  }

  /** The same, of an `image` that never changes: pages are made of it, and nothing is copied, where that can be. */
  place(image: Uint8Array, position: number): void {
    for (let done = 0; done < image.length;) {
      const start = (position + done) % PAGE_BYTES
      const index = (position + done - start) / PAGE_BYTES
      const count = Math.min(PAGE_BYTES - start, image.length - done)
      const part = count === image.length ? image : image.subarray(done, done + count)
      if (start === 0 && count >= (this.#pages.get(index)?.length ?? 0)) {
        this.#changeList().set(index, part)
        this.#own?.delete(index)
      } else {
        this.#pageAt(index, start, start + count).set(part, start)
      }
      done += count
    }
  }

  /** A smaller size zeroes what lies past it. */
  resize(size: number): void {
    if (size < this.#size) this.zeroFrom(size)
    this.#size = size
  }

  /** Zeroes every byte from `position` on. */
  zeroFrom(position: number): void {
    const start = position % PAGE_BYTES
    const first = (position - start) / PAGE_BYTES
    if (start > 0 && start < (this.#pages.get(first)?.length ?? 0)) this.#pageAt(first, 0, 0).fill(0, start)
    for (const index of this.#pages.keys()) {
      if (index > first || (index === first && start === 0)) this.#changeList().delete(index)
    }
  }

  clone(): SparseBytes {
    this.#isListShared = true
    this.#own = undefined
    return new SparseBytes(this)
  }

  /** The memory of a page that may be changed, up to `end` at least. What is new of it from `start` to `end` is to be filled. */
  #pageAt(index: number, start: number, end: number): Uint8Array {
    const page = this.#pages.get(index)
    const length = page?.length ?? 0
    if (page !== undefined && length >= end && this.#own?.has(index) === true) return page
    const own = allocate(Math.max(length, roundUp(end)))
    if (page !== undefined) own.set(page)
    if (length < start) own.fill(0, length, start)
    if (Math.max(length, end) < own.length) own.fill(0, Math.max(length, end))
    this.#changeList().set(index, own)
    this.#own ??= new Set()
    this.#own.add(index)
    return own
  }

  #changeList(): Map<number, Uint8Array> {
    if (this.#isListShared) {
      this.#pages = new Map(this.#pages)
      this.#isListShared = false
    }
    return this.#pages
  }
}

/** Of all that is empty. */
const NO_PAGES: Map<number, Uint8Array> = new Map()

/** Most files are small, and pages are copied often. */
function roundUp(length: number): number {
  let rounded = 512
  while (rounded < length) rounded *= 2
  return rounded
}
