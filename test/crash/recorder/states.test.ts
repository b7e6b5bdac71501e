import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, suite, test } from 'node:test'

import { noMarks } from '../../support/marks.js'
import { unavailable } from '../../support/unavailable.js'
import type { Call, Log } from './log.js'
import { buildRecorder, makeQuickDirectory, whyNoRecorder } from './recorder.js'
import { checkStates, record, STATES_A_RECORDING } from './states.js'

const STATES = 2000
const firstSeed = Number(process.env['FSYS_STATES_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const repeat = (seed: number): string =>
  `repeat it with: npm run states -- --seed ${seed} --states ${STATES_A_RECORDING}`

const reason = whyNoRecorder() ?? (noMarks || undefined)
const directory = makeQuickDirectory()
after(() => rmSync(directory, { recursive: true }))
const library = reason === undefined ? buildRecorder(directory) : ''

suite('crash states of what a real process did', { timeout: 600_000 }, () => {
  test(`D1 D2 D3 D6 D7: ${STATES} of them, from seed ${firstSeed} on`, async (context) => {
    if (reason !== undefined) return unavailable(context, reason)
    let states = 0
    for (let seed = firstSeed; states < STATES; seed++) {
      const log = await record(library, directory, seed)
      assert.ok(!log.calls.some((call) => call.hasMemoryChanged), 'D4b: the memory of an unfinished write changed')
      const checked = await checkStates(log, directory, seed, STATES_A_RECORDING)
      assert.equal(checked.bad, undefined, `${repeat(seed)}\n${checked.bad}`)
      states += checked.states
    }
  })

  test('a process that confirms before it syncs is found out', async (context) => {
    if (reason !== undefined) return unavailable(context, reason)
    const log = await record(library, directory, firstSeed, 'hasty')
    const { bad } = await checkStates(log, directory, firstSeed, STATES_A_RECORDING)
    assert.match(bad ?? '', /D2/u, `seed ${firstSeed}`)
  })

  const omissions: Readonly<Record<string, (call: Call) => boolean>> = {
    'the data syncs': ({ kind }) => kind === 'dataSync',
    'the sync of what an open saves': ({ kind, path }) => kind === 'sync' && path.includes('.corrupt-'),
    'the sync of what an open takes over': ({ kind, path }) => kind === 'sync' && path.endsWith('.wal'),
    'the cut of a torn tail': ({ kind }) => kind === 'truncate',
    'the sync of the directory': ({ kind, path }) => kind === 'sync' && !path.includes('.wal'),
    'the sync of a lock file': ({ kind, path }) => kind === 'sync' && path.includes('.lock'),
  }
  for (const [what, isLeftOut] of Object.entries(omissions)) {
    test(`a process that leaves out ${what} is found out`, async (context) => {
      if (reason !== undefined) return unavailable(context, reason)
      const log = without(await record(library, directory, firstSeed), isLeftOut)
      const { bad, states } = await checkStates(log, directory, firstSeed, STATES_A_RECORDING)
      assert.ok(bad !== undefined, `seed ${firstSeed}`)
      context.diagnostic(`by state ${states}: ${bad.split('\n', 1)[0]}`)
    })
  }
})

/** What a process would have done that does not make these calls. */
function without(log: Log, isLeftOut: (call: Call) => boolean): Log {
  return { ...log, calls: log.calls.filter((call) => !isLeftOut(call)) }
}
