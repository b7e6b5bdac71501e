import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import { Violation } from '../../sim/model.js'
import { enterOwnMounts } from '../../support/enter-own-mounts.js'
import { provideDisk } from '../../support/loop-disk.js'
import { temporaryDirectory } from '../../support/temporary.js'
import { HandleCuts } from './handle-cuts.js'
import { ACTS } from './lanes.js'
import type { CutFault } from './plan.js'

enterOwnMounts()

const SEED = Number(process.env['FSYS_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
/** More of it: FSYS_CUT_CYCLES=30, or npm run cuts. */
const CYCLES = Number(process.env['FSYS_CUT_CYCLES'] ?? 4)
/** By then each call was there; mostly that is so in the first five. */
const CYCLES_MAX = 40

/** One for each kind of work, and each kind of sync; npm run cuts has all of them, with what file systems hide. */
const FAULTS: readonly CutFault[] = [
  { act: 'write', leavesOut: 'directory-sync' },
  { act: 'append', leavesOut: 'file-sync' },
  { act: 'rename', leavesOut: 'directory-sync' },
  { act: 'rmdirAll', leavesOut: 'directory-sync' },
  { act: 'batch', leavesOut: 'directory-sync' },
]
/** So many are enough to find a writer at fault. Mostly one of the first few finds it; now and then twelve do not. */
const FAULTY_CYCLES = 60

for (const kind of ['ext4', 'xfs'] as const) {
  suite(`power cuts on a real ${kind}`, { timeout: 300_000 }, () => {
    test('F1 F2 F3 F4: what a handle has acknowledged is there, and what was under way is old or new', async (context) => {
      const disk = provideDisk(context, kind)
      if (disk === undefined) return
      const cuts = new HandleCuts(disk, temporaryDirectory(context), SEED)
      const { counts } = cuts
      const isShort = (): boolean => ACTS.some((act) => counts.acknowledged[act] === undefined)
      while (counts.cuts < CYCLES || (isShort() && counts.cuts < CYCLES_MAX)) await cuts.cycle()
      context.diagnostic(`seed ${SEED}: ${JSON.stringify(counts)}`)
      assert.deepEqual(Object.keys(counts.acknowledged).toSorted(), ACTS.toSorted())
    })

    test(`what leaves out a sync is found out within ${FAULTY_CYCLES} cuts`, async (context) => {
      const disk = provideDisk(context, kind)
      if (disk === undefined) return
      for (const fault of FAULTS) {
        const cuts = new HandleCuts(disk, temporaryDirectory(context), SEED, fault)
        const cutAgainAndAgain = async (): Promise<void> => {
          for (let cycle = 0; cycle < FAULTY_CYCLES; cycle++) await cuts.cycle()
        }
        await assert.rejects(
          cutAgainAndAgain,
          (error) => error instanceof Violation && /^F[12]:/u.test(error.message),
          `seed ${SEED}: ${fault.act} without ${fault.leavesOut}`,
        )
        context.diagnostic(`${fault.act} without ${fault.leavesOut}: by cut ${cuts.counts.cuts}`)
      }
    })
  })
}
