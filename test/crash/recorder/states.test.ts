import assert from 'node:assert/strict'
import { constants, rmSync } from 'node:fs'
import { after, suite, test } from 'node:test'

import { noMarks } from '../../support/marks.js'
import { unavailable } from '../../support/unavailable.js'
import { RWF_DSYNC } from './history.js'
import type { Call, Kind } from './log.js'
import { buildRecorder, makeQuickDirectory, whyNoRecorder } from './recorder.js'
import { checkStates, judgeOfJournal, record, STATES_A_RECORDING } from './states.js'
import { nameOf, type Variant, VARIANTS, variantOf } from './variant.js'

const STATES = 200
const firstSeed = Number(process.env['FSYS_STATES_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** So many workloads, one after the other, until an omission is found out. */
const SEEDS_OF_OMISSION = 4
const repeat = (seed: number): string =>
  `repeat it with: npm run states -- --seed ${seed} --states ${STATES_A_RECORDING}`

const reason = whyNoRecorder() ?? (noMarks || undefined)
const directory = makeQuickDirectory()
after(() => rmSync(directory, { recursive: true }))
const library = reason === undefined ? buildRecorder(directory) : ''

interface Omission {
  readonly what: string
  /** The first one if it does not matter. */
  readonly variant?: Variant
  /** What a process would have done that does not do this. */
  readonly leaveOut: (calls: readonly Call[]) => readonly Call[]
}

const OMISSIONS: readonly Omission[] = [
  { what: 'the data syncs', leaveOut: without(({ kind }) => kind === 'dataSync') },
  {
    what: 'the sync of what an open saves',
    leaveOut: without(({ kind, path }) => kind === 'sync' && path.includes('.corrupt-')),
  },
  {
    what: 'the sync of what an open takes over',
    leaveOut: without(({ kind, path }) => kind === 'sync' && path.endsWith('.wal')),
  },
  { what: 'the cut of a torn tail', leaveOut: without(({ kind }) => kind === 'truncate') },
  {
    what: 'the sync of the directory',
    leaveOut: without(({ kind, path }) => kind === 'sync' && !path.includes('.wal')),
  },
  {
    what: 'the sync of a lock file',
    leaveOut: without(({ kind, path }) => kind === 'sync' && path.includes('.lock')),
  },
  {
    what: 'the syncs of its trips',
    variant: { engine: 'pool', mode: 'cached' },
    leaveOut: without(({ kind }) => kind === 'dataSync'),
  },
  {
    what: 'the data syncs for which no write stands in',
    variant: { engine: 'portable', mode: 'direct' },
    leaveOut: without(({ kind }) => kind === 'dataSync'),
  },
  {
    what: 'O_DSYNC',
    variant: { engine: 'portable', mode: 'direct' },
    leaveOut: withoutFlags(['open'], constants.O_DSYNC),
  },
  { what: 'RWF_DSYNC', variant: { engine: 'pool', mode: 'direct' }, leaveOut: withoutFlags(['write'], RWF_DSYNC) },
]

function without(isLeftOut: (call: Call) => boolean): Omission['leaveOut'] {
  return (calls) => calls.filter((call) => !isLeftOut(call))
}

function withoutFlags(kinds: readonly Kind[], flags: number): Omission['leaveOut'] {
  return (calls) => calls.map((call) => (kinds.includes(call.kind) ? { ...call, modes: call.modes & ~flags } : call))
}

suite('crash states of what a real process did', { timeout: 600_000 }, () => {
  test(`D1 D2 D3 D6 D7: ${STATES} of them, from seed ${firstSeed} on`, async (context) => {
    if (reason !== undefined) return unavailable(context, reason)
    let states = 0
    const share = Math.ceil(STATES / VARIANTS.length)
    for (let seed = firstSeed; states < STATES; seed++) {
      const variant = variantOf(seed)
      const log = await record(library, directory, seed, variant)
      assert.ok(!log.calls.some((call) => call.hasMemoryChanged), 'D4b: the memory of an unfinished write changed')
      const checked = await checkStates(log, seed, share, judgeOfJournal(log, directory, variant))
      assert.equal(checked.bad, undefined, `${repeat(seed)}\n${checked.bad}`)
      states += checked.states
    }
  })

  test('a process that confirms before it syncs is found out', async (context) => {
    if (reason !== undefined) return unavailable(context, reason)
    const variant = variantOf(firstSeed)
    const log = await record(library, directory, firstSeed, variant, 'hasty')
    const { bad } = await checkStates(log, firstSeed, STATES_A_RECORDING, judgeOfJournal(log, directory, variant))
    assert.match(bad ?? '', /D2/u, `seed ${firstSeed}`)
  })

  for (const { what, variant = VARIANTS[0] as Variant, leaveOut } of OMISSIONS) {
    test(`a process that leaves out ${what} is found out; ${nameOf(variant)}`, async (context) => {
      if (reason !== undefined) return unavailable(context, reason)
      if (!VARIANTS.some((each) => nameOf(each) === nameOf(variant))) return unavailable(context, 'no such engine here')
      let [bad, states]: [string | undefined, number] = [undefined, 0]
      // What one workload leaves behind may be so little that it does no harm.
      for (let seed = firstSeed; seed < firstSeed + SEEDS_OF_OMISSION && bad === undefined; seed++) {
        const log = await record(library, directory, seed, variant)
        const lacking = { ...log, calls: leaveOut(log.calls) }
        const checked = await checkStates(
          lacking,
          seed,
          STATES_A_RECORDING,
          judgeOfJournal(lacking, directory, variant),
        )
        bad = checked.bad
        states += checked.states
      }
      assert.ok(bad !== undefined, `seed ${firstSeed}`)
      context.diagnostic(`by state ${states}: ${bad.split('\n', 1)[0]}`)
    })
  }
})
