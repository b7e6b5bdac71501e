import { allocate, copyOf } from './memory.js'

export const PAGE_BYTES = 4096

/**
 * The bytes of a file with holes in it, which read as zeros. Positions go up to 2^53 - 1, so there is no 32-bit arithmetic
 * on them. Past `size` every byte is zero.
 */
export class SparseBytes {
  #size = 0
  #pages: Map<number, Uint8Array> = new Map()
  /** A clone may have the same pages: those that are not `#own` are copied before they change. */
  #isShared = false
  #own: Set<number> | undefined

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

  /** Fills `target` from `position` on, past the end with zeros. */
  copyTo(target: Uint8Array, position: number): void {
    for (let done = 0; done < target.length;) {
      const start = (position + done) % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - start, target.length - done)
      const page = this.#pages.get((position + done - start) / PAGE_BYTES)
      if (page) target.set(page.subarray(start, start + count), done)
      else target.fill(0, done, done + count)
      done += count
    }
  }

  /** Puts `source` at `position`; the size stays, so what lies past it must be zeros, or `resize` must follow. */
  copyFrom(source: Uint8Array, position: number): void {
    for (let done = 0; done < source.length;) {
      const start = (position + done) % PAGE_BYTES
      const count = Math.min(PAGE_BYTES - start, source.length - done)
      const part = count === source.length ? source : source.subarray(done, done + count)
      this.#pageAt((position + done - start) / PAGE_BYTES).set(part, start)
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
    if (start > 0 && this.#pages.has(first)) this.#pageAt(first).fill(0, start)
    for (const index of this.#pages.keys()) {
      if (index > first || (index === first && start === 0)) this.#pages.delete(index)
    }
  }

  clone(): SparseBytes {
    const copy = new SparseBytes()
    copy.#size = this.#size
    copy.#pages = new Map(this.#pages)
    for (const bytes of [this, copy]) {
      bytes.#isShared = true
      bytes.#own = undefined
    }
    return copy
  }

  /** A page that may be changed. */
  #pageAt(index: number): Uint8Array {
    const page = this.#pages.get(index)
    if (page !== undefined && !(this.#isShared && this.#own?.has(index) !== true)) return page
    const own = page === undefined ? allocate(PAGE_BYTES) : copyOf(page)
    this.#pages.set(index, own)
    if (this.#isShared) (this.#own ??= new Set()).add(index)
    return own
  }
}
