/** What a power cut leaves of that which no sync had made certain. */
export interface Luck {
  /** How many of `count` things survive of which each needs the one before it, or which of `count` newer versions of a sector. */
  upTo(count: number): number
  /** Which of two ways it goes. */
  isSo(): boolean
  /** Files differ in how much is lost of them. */
  ofFile(): Luck
}

export const NOTHING: Luck = { upTo: () => 0, isSo: () => false, ofFile: () => NOTHING }
export const EVERYTHING: Luck = { upTo: (count) => count, isSo: () => false, ofFile: () => EVERYTHING }

export class Chance implements Luck {
  readonly #random: () => number
  readonly #newest: number

  constructor(random: () => number, newest = 0.5) {
    this.#random = random
    this.#newest = newest
  }

  upTo(count: number): number {
    return this.#random() < this.#newest ? count : Math.floor(this.#random() * (count + 1))
  }

  isSo(): boolean {
    return this.#random() < 0.5
  }

  ofFile(): Luck {
    return new Chance(this.#random, NEWEST[Math.floor(this.#random() * NEWEST.length)])
  }
}

// If every sector were asked alone, a large write that is there but for one of them would hardly ever be met, nor one that
// is not there at all; and both are common.
const NEWEST = [0.05, 0.5, 0.95]
