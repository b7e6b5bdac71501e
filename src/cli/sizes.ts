/** Sizes below this are counted one by one. */
const EXACT_BYTES = 4096
/** Above, each power of two is divided into so many parts: a size is known within 0.4 %. */
const PARTS = 256
const EXACT_BITS = 12
/** The largest payload has 28 bits. */
const SIZE_BITS = 28

/** How the sizes of records are distributed, in memory that does not depend on how many there are. */
export class SizeDistribution {
  readonly #counts = new Float64Array(EXACT_BYTES + (SIZE_BITS - EXACT_BITS) * PARTS)
  records = 0
  bytes = 0
  min = 0
  max = 0

  add(size: number): void {
    if (this.records === 0 || size < this.min) this.min = size
    if (size > this.max) this.max = size
    this.records++
    this.bytes += size
    const place = placeOf(size)
    this.#counts[place] = (this.#counts[place] as number) + 1
  }

  /** A size that so much of the records (0 to 1) do not exceed: exact below 4 KiB, at most 0.4 % too large above. 0 if there are none. */
  quantile(part: number): number {
    const wanted = Math.max(Math.ceil(part * this.records), 1)
    let seen = 0
    for (let place = 0; place < this.#counts.length; place++) {
      seen += this.#counts[place] as number
      if (seen >= wanted) return Math.min(largestAt(place), this.max)
    }
    return 0
  }

  /** By powers of two: 0, 1, 2 to 3, 4 to 7, ...; from the first that is not empty to the last. */
  histogram(): SizeClass[] {
    const classes: SizeClass[] = []
    for (let from = 0, place = 0; place < this.#counts.length; from = Math.max(from * 2, 1)) {
      const to = Math.max(from * 2 - 1, 0)
      let records = 0
      while (place < this.#counts.length && largestAt(place) <= to) records += this.#counts[place++] as number
      classes.push({ from, to, records })
    }
    const first = classes.findIndex(({ records }) => records > 0)
    const last = classes.findLastIndex(({ records }) => records > 0)
    return first === -1 ? [] : classes.slice(first, last + 1)
  }
}

export interface SizeClass {
  readonly from: number
  readonly to: number
  readonly records: number
}

function placeOf(size: number): number {
  if (size < EXACT_BYTES) return size
  const power = 31 - Math.clz32(size)
  const part = (size >>> (power - 8)) - PARTS
  return EXACT_BYTES + (power - EXACT_BITS) * PARTS + part
}

/** The largest size that is counted at a place. */
function largestAt(place: number): number {
  if (place < EXACT_BYTES) return place
  const power = EXACT_BITS + Math.floor((place - EXACT_BYTES) / PARTS)
  const part = (place - EXACT_BYTES) % PARTS
  return (PARTS + part + 1) * 2 ** (power - 8) - 1
}
