import type { Random } from './random.js'

/** Decides what a power cut or a failed sync leaves. */
export interface Fate {
  /** How many survive of `count` things of which each needs the one before it: 0 to `count`. */
  prefix(count: number): number
  /** Which of `count` versions of a sector survives; 0 is the durable one, `count` the newest. */
  version(count: number): number
  /** Whether the sectors of the next page share one fate. */
  isPageWhole(): boolean
  /** The fate of the next file. */
  ofFile(): Fate
}

/** By chance, or 'none' (nothing unsynced survives), or 'all' (everything does). */
export function createFate(source: Random | 'none' | 'all'): Fate {
  if (source === 'none') return NONE
  if (source === 'all') return ALL
  return new RandomFate(source, 0.5, 0.5)
}

const NONE: Fate = { prefix: () => 0, version: () => 0, isPageWhole: () => false, ofFile: () => NONE }
const ALL: Fate = {
  prefix: (count) => count,
  version: (count) => count,
  isPageWhole: () => false,
  ofFile: () => ALL,
}

const WHOLE_PAGE_CHANCES = [0, 0, 0.5, 1]
const NEWEST_CHANCES = [0.1, 0.5, 0.5, 0.9]

/**
 * Files differ in how much is lost of them. If every sector of every file were asked alone, a large write that is there
 * but for one sector would hardly ever be met, nor one that is not there at all; and both are common.
 */
class RandomFate implements Fate {
  readonly #random: Random
  readonly #wholePageChance: number
  readonly #newestChance: number

  constructor(random: Random, wholePageChance: number, newestChance: number) {
    this.#random = random
    this.#wholePageChance = wholePageChance
    this.#newestChance = newestChance
  }

  prefix(count: number): number {
    if (count === 0) return 0
    return this.#random.chance(0.4) ? count : this.#random.below(count + 1)
  }

  version(count: number): number {
    return this.#random.chance(this.#newestChance) ? count : this.#random.below(count)
  }

  isPageWhole(): boolean {
    return this.#random.chance(this.#wholePageChance)
  }

  ofFile(): Fate {
    if (this.#random.chance(0.1)) return NONE
    if (this.#random.chance(0.1)) return ALL
    return new RandomFate(this.#random, this.#pick(WHOLE_PAGE_CHANCES), this.#pick(NEWEST_CHANCES))
  }

  #pick(chances: readonly number[]): number {
    return chances[this.#random.below(chances.length)] ?? 0.5
  }
}
