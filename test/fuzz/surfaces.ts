import { Random } from '#src/storage/sim/random.js'

import { lockSurface } from './lock-surface.js'
import { powerCutSurface } from './power-cut-surface.js'
import { readerSurface } from './reader-surface.js'
import { recoverySurface } from './recovery-surface.js'
import { resetSurface } from './reset-surface.js'
import { splitSurface } from './split-surface.js'
import type { Surface } from './surface.js'

/** What runs in memory, and how many of a million cases each gets: the slower, the fewer. */
const SHARES: readonly (readonly [Surface, number])[] = [
  [readerSurface, 919_500],
  [splitSurface, 35_000],
  [recoverySurface, 25_000],
  [lockSurface, 15_000],
  [resetSurface, 5_000],
  [powerCutSurface, 500],
]

export const MEMORY_SURFACES: readonly Surface[] = SHARES.map(([surface]) => surface)

/** Which surface a seed is for, where none was asked for. */
export function surfaceOf(seed: number): Surface {
  let place = new Random(seed ^ 0x5eed).below(1_000_000)
  for (const [surface, share] of SHARES) {
    place -= share
    if (place < 0) return surface
  }
  return readerSurface
}
