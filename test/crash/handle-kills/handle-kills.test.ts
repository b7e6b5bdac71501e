import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'

import { Handle } from '#src/handle/handle.js'

import { Violation } from '../../sim/model.js'
import { temporaryDirectory } from '../../support/temporary.js'
import { unavailable } from '../../support/unavailable.js'
import { Kills, type Moment, NoTracing } from './kills.js'
import type { KillFault, KillPlan } from './plan.js'
import { type ScriptName, SCRIPTS } from './scripts.js'

/** At one call in so many, another one each time: FSYS_KILL_SHARE=1 for all of them. */
const SHARE = Number(process.env['FSYS_KILL_SHARE'] ?? 80)
const FIRST = Math.floor(Math.random() * SHARE)

interface Run extends Omit<KillPlan, 'base' | 'script' | 'fault'> {
  readonly environment?: Readonly<Record<string, string>>
}

const WAITING: Run = { way: 'waiting', method: 'auto', isRooted: true }
const BLOCKING: Run = { way: 'blocking', method: 'auto', isRooted: true }
const STREAMED: Run = {
  way: 'streamed',
  method: 'direct',
  isRooted: false,
  environment: { FSYS_ENGINE: 'portable' },
}

const RUNS: Readonly<Record<string, Run>> = {
  blocking: BLOCKING,
  waiting: WAITING,
  'streams, past the page cache; no root, no addon': STREAMED,
}

const scripts = Object.keys(SCRIPTS) as ScriptName[]

suite('killed at every system call', { timeout: 600_000 }, () => {
  for (const script of scripts) {
    for (const [name, run] of Object.entries(RUNS)) {
      if (run.way === 'blocking' && SCRIPTS[script].acts.some((act) => 'acts' in act)) continue
      test(`F1 F2 F4: what is acknowledged is there, the next thing is old or new, no draft is left (${script}; ${name})`, async (context) => {
        const moments = await momentsOf(context, script, run)
        if (moments === undefined) return
        const left = moments.filter((_, index) => index % SHARE === FIRST)
        const tries = left.length
        const counts = { asMeant: 0, done: 0, notDone: 0, begun: 0, drafts: 0 }
        const lane = async (kills: Kills): Promise<void> => {
          for (let moment = left.pop(); moment !== undefined; moment = left.pop()) {
            const struck = await strike(kills, moment)
            if (struck.isKilled && struck.acknowledged === moment.act) counts.asMeant += 1
            for (const key of ['done', 'notDone', 'begun', 'drafts'] as const) counts[key] += struck[key]
          }
        }
        await Promise.all([1, 2].map(() => lane(killsOf(context, script, run))))
        context.diagnostic(`at ${tries} of ${moments.length} calls, from ${FIRST} on: ${JSON.stringify(counts)}`)
        assert.ok(counts.asMeant >= Math.floor(tries * 0.9), `${counts.asMeant} of ${tries} came where they were meant`)
      })
    }
  }
})

suite('a process at fault is found out by its kills', { timeout: 600_000 }, () => {
  test('one that acknowledges before it has done it, whatever it is', async (context) => {
    for (const script of scripts) {
      for (const act of SCRIPTS[script].acts.keys()) {
        if (SHARE > 1 && act % EARLY_SHARE !== FIRST % EARLY_SHARE) continue
        await mustBeFound(context, script, 'early', WAITING, (moments) =>
          moments.filter((moment) => moment.act === act).slice(0, 1),
        )
      }
    }
  })

  test('one that overwrites what is to be replaced, and copies what is to be renamed', async (context) => {
    for (const [act, { kind }] of SCRIPTS.files.acts.entries()) {
      if (kind === 'delete') continue
      await mustBeFound(context, 'files', 'not-at-once', BLOCKING, (moments) =>
        moments.filter((moment) => moment.act === act && CHANGES.test(moment.name)).slice(1),
      )
    }
  })

  test('one whose drafts nobody sweeps', async (context) => {
    for (const script of ['files', 'batches, grouped'] as const) {
      await mustBeFound(context, script, 'foreign-drafts', WAITING, (moments) =>
        moments.filter(({ name }) => name.startsWith('rename')).slice(0, 1),
      )
    }
  })
})

/** One act in so many is acknowledged too early where not everything is tried. */
const EARLY_SHARE = 8

const CHANGES = /write|truncate|rename|unlink|copy_file_range/u

test('every call of a handle that changes something is in one of the scripts', () => {
  const calls = new Set<string>()
  for (let one = Handle.prototype as object; one !== Object.prototype; one = Object.getPrototypeOf(one) as object) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(one))) {
      if (typeof value === 'function' && !name.endsWith('Sync') && !OTHERS.has(name)) calls.add(name)
    }
  }
  const kinds = new Set(scripts.flatMap((script) => SCRIPTS[script].acts.map(({ kind }) => kind)))
  assert.deepEqual([...kinds].toSorted(), [...calls].toSorted())
})

/** What only looks, or syncs what others have changed; what all calls are made of; and journals, see `npm run inject`. */
const OTHERS = new Set(
  (
    'constructor read readAt exists stat isFile isDirectory list scan scanAll count countAll find stats sync close ' +
    'settle wait block during iterate journal'
  ).split(' '),
)

const directory = temporaryDirectory()
let bases = 0

function killsOf(context: TestContext, script: ScriptName, run: Run, fault?: KillFault): Kills {
  const { environment = {}, ...how } = run
  const base = join(directory, String(bases++))
  return new Kills(context, { ...how, script, base, ...(fault !== undefined && { fault }) }, environment)
}

async function strike(kills: Kills, moment: Moment): ReturnType<Kills['strike']> {
  try {
    return await kills.strike(moment)
  } catch (error) {
    ;(error as Error).message += ` (killed at ${moment.name} ${moment.nth}, in act ${moment.act})`
    throw error
  }
}

/**
 * By a kill at one of the moments chosen. Now and then Node wakes its own threads with a `write` more than in the run before,
 * so that a kill comes at another call than the one that was meant: then they are listed again.
 */
async function mustBeFound(
  context: TestContext,
  script: ScriptName,
  fault: KillFault,
  run: Run,
  choose: (moments: readonly Moment[]) => readonly Moment[],
): Promise<void> {
  const kills = killsOf(context, script, run, fault)
  // What is acknowledged tells the acts apart: one that says so too early makes the same calls as one that does not.
  const alike = fault === 'early' ? undefined : fault
  for (let round = 0; round < LISTINGS; round++) {
    const moments = await momentsOf(context, script, run, alike, round)
    if (moments === undefined) return
    for (const moment of choose(moments)) {
      try {
        await kills.strike(moment)
      } catch (error) {
        if (!(error instanceof Violation)) throw error
        context.diagnostic(`${script}, act ${moment.act}: ${error.message}`)
        return
      }
    }
  }
  assert.fail(`${fault}: not found by any kill in ${LISTINGS} rounds, ${script}`)
}

const LISTINGS = 5

/** Undefined where they cannot be known: then the test is skipped. Those of a round are listed once. */
async function momentsOf(
  context: TestContext,
  script: ScriptName,
  run: Run,
  fault?: KillFault,
  round = 0,
): Promise<readonly Moment[] | undefined> {
  const key = JSON.stringify([script, run, fault, round])
  let moments = listed.get(key)
  try {
    moments ??= await killsOf(context, script, run, fault).list()
    listed.set(key, moments)
  } catch (error) {
    if (!(error instanceof NoTracing)) throw error
    unavailable(context, error.message)
  }
  return moments
}

const listed = new Map<string, readonly Moment[]>()
