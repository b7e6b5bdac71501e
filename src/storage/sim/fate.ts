import type { Choices } from './choices.js'
import type { Survival } from './disk-rules.js'

/** Decides what a power cut or a failed sync leaves. */
export interface Fate {
  /** How many survive of `count` things of which each needs the one before it: 0 to `count`. */
  prefix(count: number): number
  /** Which of `count` versions of a sector survives; 0 is the durable one, `count` the newest. */
  version(count: number): number
  /** How many bytes of a sector are new, if it is torn with this probability; undefined if it is not. */
  tear(chance: number, sectorBytes: number): number | undefined
  /** Whether the sectors of the next page share one fate. */
  isPageWhole(): boolean
  /** The fate of the next file. */
  ofFile(): Fate
}

/** By chance, or 'none' (nothing unsynced survives), or 'all' (everything does). */
export function createFate(source: Choices | 'none' | 'all'): Fate {
  if (source === 'none') return NONE
  if (source === 'all') return ALL
  return new DrawnFate(source, 0.5, 0.5)
}

/** As a rule says, and where that leaves it to chance, as a fate does. */
export function fateBy(rule: Survival, fate: Fate): Fate {
  return rule === 'some' ? fate : rule === 'all' ? ALL : NONE
}

const NONE: Fate = {
  prefix: () => 0,
  version: () => 0,
  tear: () => undefined,
  isPageWhole: () => false,
  ofFile: () => NONE,
}
const ALL: Fate = {
  prefix: (count) => count,
  version: (count) => count,
  tear: () => undefined,
  isPageWhole: () => false,
  ofFile: () => ALL,
}

const WHOLE_PAGE_CHANCES = [0, 0, 0.5, 1] as const
const OLD_CHANCES = [0.1, 0.5, 0.5, 0.9] as const

/**
 * Files differ in how much is lost of them. If every sector of every file were asked alone, a large write that is there
 * but for one sector would hardly ever be met, nor one that is not there at all; and both are common.
 */
class DrawnFate implements Fate {
  readonly #choices: Choices
  readonly #wholePageChance: number
  readonly #oldChance: number

  constructor(choices: Choices, wholePageChance: number, oldChance: number) {
    this.#choices = choices
    this.#wholePageChance = wholePageChance
    this.#oldChance = oldChance
  }

  prefix(count: number): number {
    if (count === 0) return 0
    return this.#choices.chance(0.6) ? count - this.#choices.below(count + 1) : count
  }

  version(count: number): number {
    return this.#choices.chance(this.#oldChance) ? count - 1 - this.#choices.below(count) : count
  }

  tear(chance: number, sectorBytes: number): number | undefined {
    return this.#choices.chance(chance) ? sectorBytes - 1 - this.#choices.below(sectorBytes - 1) : undefined
  }

  isPageWhole(): boolean {
    return this.#choices.chance(this.#wholePageChance)
  }

  ofFile(): Fate {
    const kind = this.#choices.below(10)
    if (kind === 0) return ALL
    if (kind === 1) return NONE
    return new DrawnFate(this.#choices, this.#choices.pick(WHOLE_PAGE_CHANCES), this.#choices.pick(OLD_CHANCES))
  }
}
