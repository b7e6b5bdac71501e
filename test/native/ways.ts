import type { TestContext } from 'node:test'

import { How } from '#src/platform/native-addon.js'

import { addonFor, type FaultyAddon, type Outcome, outcomeOf, ringFor } from './support.js'

/** The ways to write and sync: they promise the same, so that they pass the same tests. */
export interface Way {
  readonly name: string
  readonly addon: FaultyAddon
  write(fd: number, bytes: Uint8Array, start: number, end: number, position: number, how: number): Promise<Outcome>
}

export const WAY_NAMES = ['blocking', 'pool', 'ring'] as const

export function wayFor(context: Pick<TestContext, 'skip'>, name: (typeof WAY_NAMES)[number]): Way | undefined {
  const addon = name === 'ring' ? ringFor(context) : addonFor(context)
  if (addon === undefined) return undefined
  if (name === 'blocking') {
    return {
      name,
      addon,
      write: (...range) => {
        const result = addon.writeAndSyncSync(...range)
        return Promise.resolve({ result, written: addon.writtenBytes() })
      },
    }
  }
  const start = name === 'pool' ? addon.writeAndSync : addon.ringWrite
  return {
    name,
    addon,
    write: async (...range) => {
      const outcome = await outcomeOf((callback) => start(...range, callback))
      // What failed at once tells that as blocking calls do.
      const isAtOnce = range[5] === How.writeAtOnceAndSync && outcome.result < 0 && outcome.written === 0
      return isAtOnce ? { ...outcome, written: addon.writtenBytes() } : outcome
    },
  }
}
