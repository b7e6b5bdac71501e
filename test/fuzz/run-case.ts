import { getHeapStatistics } from 'node:v8'

import { must } from '../sim/model.js'
import type { Input } from './input.js'
import type { Surface, Tally } from './surface.js'

/** More than any case takes, and much less than a length field of a small file can ask for. */
const TAKEN_BYTES_MAX = 64 * 2 ** 20

/** What was taken when the last case ended; looking costs as much as a thousand bytes of checksums. */
let takenBytes = getHeapStatistics().external_memory

/** Throws what is wrong; memory that was taken because a length asked for it too (D9). */
export function runCase(surface: Surface, input: Input, tally: Tally): void | Promise<void> {
  const before = takenBytes
  const settle = (): void => {
    takenBytes = getHeapStatistics().external_memory
    const taken = takenBytes - before
    must(taken <= TAKEN_BYTES_MAX, 'D9', () => `${taken} bytes of memory were taken`)
    tally.add('cases')
  }
  const checking = surface.check(input, tally)
  if (checking === undefined) return settle()
  return checking.then(settle)
}
