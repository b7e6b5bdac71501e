// Uses a handle in all ways as fast as it can, until the power goes. Its plan is its one word, as JSON.
import { writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { createHandle, type Handle } from '#src/handle/handle.js'
import { defaultStorage } from '#src/storage/default-storage.js'

import { seededRandom } from '../../support/random.js'
import { perform, type Way } from '../handle-acts/act.js'
import { apply, partsOf, readTree } from '../handle-acts/tree.js'
import { MESSAGES_FD } from '../power-cuts-messages.js'
import { forgetful } from './forgetful.js'
import { type Lane, LANES, Luck } from './lanes.js'
import type { CutMessage, CutPlan } from './plan.js'

const plan = JSON.parse(process.argv[2] ?? '') as CutPlan
const tree = readTree(plan.base)
const random = seededRandom(plan.seed)
let version = plan.version
const luck = new Luck(random, () => version++)

let forgets = false

async function goOnForever(handle: Handle, { choose }: Lane, lane: number): Promise<void> {
  for (;;) {
    const act = choose(luck, tree)
    say({ lane, asked: act })
    forgets = act.kind === plan.fault?.act
    await perform(handle, act, chooseWay(random()))
    say({ lane, isDone: true })
    apply(tree, partsOf(act, tree))
    // Time for the power to go in: the next sync would make up for what was left out.
    if (forgets) await delay(50)
  }
}

function chooseWay(chance: number): Way {
  if (chance < 0.3) return 'blocking'
  return chance > 0.8 ? 'streamed' : 'waiting'
}

function say(message: CutMessage): void {
  writeSync(MESSAGES_FD, `${JSON.stringify(message)}\n`)
}

try {
  const { base, method, fault } = plan
  // The modes that are asked for are those that files get.
  process.umask(0)
  const real = defaultStorage(false)
  const storage = fault === undefined ? real : forgetful(real, fault.leavesOut, () => forgets)
  const handle = createHandle({ root: base, method, storage, mode: 'prod' })
  // A writer at fault has one lane: the syncs of others would make up for what it leaves out.
  const only = fault && LANES.find(({ kinds }) => kinds.includes(fault.act))
  const chosen = [...LANES.entries()].filter(([, lane]) => only === undefined || lane === only)
  await Promise.all(chosen.map(([number, lane]) => goOnForever(handle, lane, number)))
} catch (error) {
  say({ failed: String((error as Error).stack) })
  process.exit(1)
}
