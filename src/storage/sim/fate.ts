import type { Random } from './random.js'

/** Decides what is lost: by a seed, or 'none' (nothing unsynced survives) or 'all' (everything does). */
export interface Fate {
  /** How many survive of `count` things, of which each needs the one before it. */
  survivors(count: number): number
  /** Whether the sectors of a page share one fate. */
  isPageWhole(): boolean
  /** The fate of one file. */
  ofFile(): Fate
}

export function createFate(source: Random | 'none' | 'all'): Fate {
  if (source === 'none') return NONE
  if (source === 'all') return ALL
  return seededFate(source, 0.5)
}

const NONE: Fate = { survivors: () => 0, isPageWhole: () => false, ofFile: () => NONE }
const ALL: Fate = { survivors: (count) => count, isPageWhole: () => false, ofFile: () => ALL }

function seededFate(random: Random, wholePageChance: number): Fate {
  return {
    survivors: (count) => random.below(count + 1),
    isPageWhole: () => random.chance(wholePageChance),
    // Extremes would be rare if every sector were asked alone, and they are what happens most in practice.
    ofFile() {
      const choice = random.below(8)
      if (choice === 0) return NONE
      if (choice === 1) return ALL
      return seededFate(random, choice < 4 ? 1 : choice < 6 ? 0 : 0.5)
    },
  }
}
