/** Which pages of a file are set aside, in ranges that do not overlap. */
export class PageRanges {
  #ranges: { readonly from: number; readonly to: number }[] = []

  get isEmpty(): boolean {
    return this.#ranges.length === 0
  }

  clone(): PageRanges {
    const copy = new PageRanges()
    copy.#ranges = [...this.#ranges]
    return copy
  }

  has(page: number): boolean {
    return this.#ranges.some(({ from, to }) => from <= page && page < to)
  }

  add(from: number, to: number): void {
    const touching = this.#ranges.filter((range) => range.from <= to && from <= range.to)
    const start = Math.min(from, ...touching.map((range) => range.from))
    const end = Math.max(to, ...touching.map((range) => range.to))
    this.#ranges = [...this.#ranges.filter((range) => !touching.includes(range)), { from: start, to: end }]
  }

  /** Leaves out all pages from this one on. */
  cutFrom(page: number): void {
    this.#ranges = this.#ranges
      .map(({ from, to }) => ({ from, to: Math.min(to, page) }))
      .filter(({ from, to }) => from < to)
  }

  /** How many pages there are, without those. */
  countWithout(pages: Iterable<number>): number {
    let count = 0
    for (const { from, to } of this.#ranges) count += to - from
    for (const page of pages) if (this.has(page)) count -= 1
    return count
  }
}
