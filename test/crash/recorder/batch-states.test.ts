import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, suite, test, type TestContext } from 'node:test'

import { unavailable } from '../../support/unavailable.js'
import { judgeOfBatches, recordBatches } from './batch-states.js'
import type { Call } from './log.js'
import { buildRecorder, makeQuickDirectory, whyNoRecorder } from './recorder.js'
import { type Checked, checkStates } from './states.js'
import { VARIANTS } from './variant.js'

const STATES = 400
const { FSYS_STATES_SEED, FSYS_TEST_SEED } = process.env
const seed = Number(FSYS_STATES_SEED ?? FSYS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

const reason = whyNoRecorder()
const directory = makeQuickDirectory()
after(() => rmSync(directory, { recursive: true }))
const library = reason === undefined ? buildRecorder(directory) : ''

type Engine = (typeof VARIANTS)[number]['engine']

/** Records batches as this engine does them, changes what they did, and checks what a power cut could have left. */
async function check(
  context: TestContext,
  engine: Engine,
  change: (calls: readonly Call[]) => readonly Call[] = (calls) => calls,
): Promise<Checked | undefined> {
  if (reason !== undefined || !VARIANTS.some((variant) => variant.engine === engine)) {
    unavailable(context, reason ?? `there is no engine ${engine}`)
    return undefined
  }
  const recorded = await recordBatches(library, directory, seed, engine)
  const log = { ...recorded.log, calls: change(recorded.log.calls) }
  return await checkStates(log, seed, STATES, judgeOfBatches({ ...recorded, log }, directory))
}

suite('crash states of batches of a real process', { timeout: 300_000 }, () => {
  for (const engine of ['pool', 'portable'] as const) {
    const way = engine === 'pool' ? 'many files in one trip' : 'one file after the other'
    test(`F1 F2 F3 F4: ${STATES} of them, ${way}, seed ${seed}`, async (context) => {
      const checked = await check(context, engine)
      if (checked === undefined) return
      assert.equal(checked.bad, undefined, `repeat it with FSYS_STATES_SEED=${seed}`)
      assert.equal(checked.states, STATES)
    })
  }

  const isOfDraft = ({ path }: Call): boolean => path.includes('.fsys-draft-')
  const omissions: readonly (readonly [string, RegExp, (calls: readonly Call[]) => readonly Call[]])[] = [
    ['the syncs of drafts', /F[12]: /u, without((call) => isOfDraft(call) && /sync/iu.test(call.kind))],
    ['the syncs of directories', /F2: /u, without((call) => call.kind === 'sync' && !isOfDraft(call))],
    [
      'what makes a sync of permission bits more than one of the data',
      /F[123]: .*mode/u,
      (calls) => calls.map((call) => (isOfDraft(call) && call.kind === 'sync' ? { ...call, kind: 'dataSync' } : call)),
    ],
    ['the change of permission bits', /F[12]: .*mode/u, without(({ kind }) => kind === 'changeMode')],
    [
      'the bits that a draft is made with',
      /F3: |F1: .*mode/u,
      (calls) => calls.map((call) => (isOfDraft(call) && call.kind === 'create' ? { ...call, length: 0o666 } : call)),
    ],
  ]
  for (const [what, told, change] of omissions) {
    test(`batches in one trip that leave out ${what} are found out; seed ${seed}`, async (context) => {
      const checked = await check(context, 'pool', change)
      if (checked === undefined) return
      assert.match(checked.bad ?? '', told)
      context.diagnostic(`by state ${checked.states}: ${checked.bad?.split('\n', 1)[0]}`)
    })
  }
})

function without(isLeftOut: (call: Call) => boolean): (calls: readonly Call[]) => readonly Call[] {
  return (calls) => calls.filter((call) => !isLeftOut(call))
}
