import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, suite, test } from 'node:test'

import { unavailable } from '../../support/unavailable.js'
import { type Injected, injectFaults, killAtCalls } from './injection.js'
import { buildRecorder, makeQuickDirectory, whyNoRecorder } from './recorder.js'
import { nameOf, VARIANTS } from './variant.js'

/** One in so many of the calls that a fault can meet; the seed says which. `npm run inject` takes them all. */
const SHARE_OF_KILLS = 60
const SHARE_OF_FAULTS = 30
const seed = Number(process.env['FSYS_INJECT_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const repeat = `repeat it with: npm run inject -- --seed ${seed}`

const reason = whyNoRecorder()
const directory = makeQuickDirectory()
after(() => rmSync(directory, { recursive: true }))
const library = reason === undefined ? buildRecorder(directory) : ''

suite('a real process whose calls fail', { timeout: 600_000 }, () => {
  const check = (context: { diagnostic(text: string): void }, { cases, outcomes, broken }: Injected): void => {
    assert.equal(broken.length, 0, `${repeat}\n${broken.join('\n')}`)
    context.diagnostic(`${cases} cases: ${JSON.stringify(outcomes)}`)
  }

  for (const variant of VARIANTS) {
    test(`D2 D3 D6 D8: killed at a call, nothing that was written is lost, and the next one goes on; ${nameOf(variant)}, seed ${seed}`, async (context) => {
      if (reason !== undefined) return unavailable(context, reason)
      check(context, await killAtCalls(context, library, directory, seed, variant, SHARE_OF_KILLS))
    })

    test(`D2 D5 D6 D10: each fault is told to all or made good, and the journal goes on once it is gone; ${nameOf(variant)}, seed ${seed}`, async (context) => {
      if (reason !== undefined) return unavailable(context, reason)
      check(context, await injectFaults(context, library, directory, seed, variant, SHARE_OF_FAULTS))
    })
  }
})
