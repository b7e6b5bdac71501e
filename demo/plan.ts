/**
 * What a kill is aimed at: any moment of committing; the write of a long line, which it may cut in two; or the recovery of
 * what an earlier one has left behind.
 */
export type Target = 'commit' | 'write' | 'recovery'

/** One kill, as far as it can be chosen beforehand. */
export interface PlannedKill {
  readonly target: Target
  /** Where in the stretch of time or of lines that it is aimed at: from 0 to 1. A further try takes the next number. */
  readonly moments: Random
}

export type Random = () => number

/** The fewest kills that make a run worth its name: two in mid-commit, one during recovery. */
export const KILLS_MIN = 3

/** Chooses the kills, by the seed alone. The last that is not for a recovery is for a write. */
export function planKills(count: number, seed: number): PlannedKill[] {
  const random = createRandom(seed)
  const recovery = KILLS_MIN - 1 + Math.floor(random() * (count - KILLS_MIN + 1))
  const write = recovery === count - 1 ? count - 2 : count - 1
  return Array.from({ length: count }, (_, index) => ({
    target: index === recovery ? 'recovery' : index === write ? 'write' : 'commit',
    moments: createRandom(Math.floor(random() * 2 ** 32)),
  }))
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32, by Tommy Ettinger). */
export function createRandom(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
