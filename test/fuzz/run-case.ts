import type { Input } from './input.js'
import type { Surface, Tally } from './surface.js'
import { beginCounting, checkTaken } from './taken-memory.js'

/** Throws what is wrong. */
export function runCase(surface: Surface, input: Input, tally: Tally): void | Promise<void> {
  const settle = (): void => {
    checkTaken()
    tally.add('cases')
  }
  beginCounting()
  const checking = surface.check(input, tally)
  if (checking === undefined) return settle()
  return checking.then(settle)
}
