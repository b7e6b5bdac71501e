import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { unavailable } from '../support/unavailable.js'
import { MISTAKES } from './mistakes.js'
import { type ModelCheck, checkModel, hasSpin } from './spin.js'

/** `npm run model` checks larger ones, and all mistakes. */
const SIZE = { committers: 2, lsnMax: 2, faults: 1 }
/** One mistake in so many, another one each time: to compile the model takes longer than to check it. */
const SHARE = 8
const FIRST = Math.floor(Math.random() * SHARE)
const isHere = await hasSpin()

describe('the model of group commit', { concurrency: 2 }, () => {
  const properties: readonly [string, ModelCheck['property']][] = [
    ['D1 D4 D4b D5 D10: nothing that must not happen does, with a fault and a power cut at any moment', 'safety'],
    ['D10: everybody who waits is answered', 'everybodyIsAnswered'],
    ['D10: close and flush end', 'callsEnd'],
  ]
  for (const [name, property] of properties) {
    test(name, async (t) => {
      if (!isHere) return unavailable(t, 'spin and gcc are needed')
      const { violated, isComplete, states, depth } = await checkModel({ property }, SIZE)
      t.diagnostic(`${states} states, ${depth} steps deep`)
      assert.equal(violated, undefined)
      assert.ok(isComplete)
      assert.ok(states > 50_000, `${states} states`)
    })
  }

  for (const [index, { what, violates, ...check }] of MISTAKES.entries()) {
    if (index % SHARE !== FIRST) continue
    test(`is refused when ${what}`, async (t) => {
      if (!isHere) return unavailable(t, 'spin and gcc are needed')
      const { violated } = await checkModel(check, SIZE)
      assert.equal(violated, violates)
    })
  }
})
