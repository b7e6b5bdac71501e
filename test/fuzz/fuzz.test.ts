import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fuzz, missedGoals, replayCorpus } from './fuzz.js'

const CASES = 100_000
const firstSeed = Number(process.env['FSYS_FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 40))

test('D2 D3 D6 D7 D9: every file of the corpus is read, opened and reset as the reference says', async (t) => {
  const cases = await replayCorpus(10)
  t.diagnostic(`${cases} cases`)
})

test(`D2 D3 D6-D9: ${CASES} files that nobody vouches for, from seed ${firstSeed} on`, async (t) => {
  const { tallies, failures } = await fuzz(firstSeed, CASES)
  assert.equal(failures.length, 0, `npm run fuzz -- --seed ${firstSeed} --cases ${CASES}\n${failures.join('\n')}`)
  for (const [surface, counts] of tallies) t.diagnostic(`${surface}: ${JSON.stringify(Object.fromEntries(counts))}`)
  // A run that has not been everywhere shows little.
  assert.deepEqual(missedGoals(tallies), [])
})
