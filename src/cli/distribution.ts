/** Numbers below this are counted one by one. */
const EXACT_BELOW = 4096
/** Above, each power of two is divided into so many parts: a number is known within 0.4 %. */
const PARTS = 256
const EXACT_BITS = 12
/** The largest payload has 28 bits; as microseconds they are four minutes. */
const NUMBER_BITS = 28
const NUMBER_MAX = 2 ** NUMBER_BITS - 1

/** How whole numbers are distributed, sizes or times, in memory that does not depend on how many there are. Larger ones count as 2^28 - 1. */
export class Distribution {
  readonly #counts = new Float64Array(EXACT_BELOW + (NUMBER_BITS - EXACT_BITS) * PARTS)
  count = 0
  total = 0
  min = 0
  max = 0

  add(number: number): void {
    const size = Math.min(number, NUMBER_MAX)
    if (this.count === 0 || size < this.min) this.min = size
    if (size > this.max) this.max = size
    this.count++
    this.total += size
    const place = placeOf(size)
    this.#counts[place] = (this.#counts[place] as number) + 1
  }

  /** A number that so many of them (0 to 1) do not exceed: exact below 4096, at most 0.4 % too large above. 0 if there are none. */
  quantile(part: number): number {
    const wanted = Math.max(Math.ceil(part * this.count), 1)
    let seen = 0
    for (let place = 0; place < this.#counts.length; place++) {
      seen += this.#counts[place] as number
      if (seen >= wanted) return Math.min(largestAt(place), this.max)
    }
    return 0
  }

  /** By powers of two: 0, 1, 2 to 3, 4 to 7, ...; from the first that is not empty to the last. */
  histogram(): NumberClass[] {
    const classes: NumberClass[] = []
    for (let from = 0, place = 0; place < this.#counts.length; from = Math.max(from * 2, 1)) {
      const to = Math.max(from * 2 - 1, 0)
      let count = 0
      while (place < this.#counts.length && largestAt(place) <= to) count += this.#counts[place++] as number
      classes.push({ from, to, count })
    }
    const first = classes.findIndex(({ count }) => count > 0)
    const last = classes.findLastIndex(({ count }) => count > 0)
    return first === -1 ? [] : classes.slice(first, last + 1)
  }
}

export interface NumberClass {
  readonly from: number
  readonly to: number
  readonly count: number
}

function placeOf(size: number): number {
  if (size < EXACT_BELOW) return size
  const power = 31 - Math.clz32(size)
  const part = (size >>> (power - 8)) - PARTS
  return EXACT_BELOW + (power - EXACT_BITS) * PARTS + part
}

/** The largest number that is counted at a place. */
function largestAt(place: number): number {
  if (place < EXACT_BELOW) return place
  const power = EXACT_BITS + Math.floor((place - EXACT_BELOW) / PARTS)
  const part = (place - EXACT_BELOW) % PARTS
  return (PARTS + part + 1) * 2 ** (power - 8) - 1
}
