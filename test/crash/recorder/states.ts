import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { FsysError } from 'fsys'

import { Violation } from '../../sim/model.js'
import { seededRandom } from '../../support/random.js'
import { checkState } from './check-state.js'
import { type CrashState, sectorsAtStake, stateAt } from './crash-state.js'
import { type History, historyOf } from './history.js'
import { type Log, parseLog } from './log.js'
import { Chance, EVERYTHING, type Luck, NOTHING } from './luck.js'
import { modelOf } from './notes.js'
import { childPath, Recording } from './recorder.js'
import type { Variant } from './variant.js'

/** Runs the workload in a process of its own and returns what that did. */
export async function record(
  library: string,
  directory: string,
  seed: number,
  variant: Variant,
  ...words: readonly string[]
): Promise<Log> {
  // Long enough for the mark to be written while the journal is open.
  const rest = [String(seed), variant.mode, '120', '12', ...words]
  const name = `recorded-${seed}-${words.length}`
  const { log } = await recordProgram(library, directory, name, variant, (root) => [childPath, root, ...rest])
  return log
}

/** Runs a program of Node on a new directory, of this name, and returns what it did there, and where that was. */
export async function recordProgram(
  library: string,
  directory: string,
  name: string,
  engine: Pick<Variant, 'engine'>,
  prepare: (root: string) => readonly string[],
): Promise<{ readonly root: string; readonly log: Log }> {
  const { root, log: path, environment } = new Recording(library, directory, name, engine)
  await run(process.execPath, prepare(root), { env: { ...process.env, ...environment }, timeout: 60_000 })
  const log = parseLog(readFileSync(path))
  rmSync(root, { recursive: true })
  rmSync(path)
  return { root, log }
}

const run = promisify(execFile)

/** At this many, another run of the workload shows more than more states of the same. */
export const STATES_A_RECORDING = 500

/** The crash states of one log that were checked, and the one at which that ended, if one broke a promise. */
export interface Checked {
  readonly states: number
  readonly bad: string | undefined
}

/** What must be true of the states of one log. */
export interface StateJudge {
  /** How much must be there if the power goes in front of this entry: less in one state than in another of the same files. */
  expectedAt(at: number): number
  /** Throws a Violation, or a FsysError. `kind`: a kill leaves all that was written. */
  check(state: CrashState, crash: { readonly kind: 'power-cut' | 'kill'; readonly at: number }): Promise<void>
}

/** Whether a journal keeps what it promises. */
export function judgeOfJournal({ notes }: Log, directory: string, { mode }: Variant): StateJudge {
  return {
    expectedAt: (at) => modelOf(notes, at).confirmedLsn,
    check: (state, { kind, at }) =>
      checkState(join(directory, 'state'), state, modelOf(notes, at), { kind, at, direct: mode === 'direct' }),
  }
}

/**
 * Builds crash states of what a log says and checks each: at every point of it such that nothing survives that is not
 * certain, and everything, and then by chance, more of them where there is more to lose. No two have the same files and the
 * same to be there. Stops at the first that breaks a promise.
 */
export async function checkStates(log: Log, seed: number, count: number, judge: StateJudge): Promise<Checked> {
  const history = historyOf(log)
  const seen = new Set<string>()
  const expected = new Map(history.points.map((at) => [at, judge.expectedAt(at)]))
  for (const { at, luck, sectorBytes } of draws(history, seededRandom(seed))) {
    const state = stateAt(history, at, luck, sectorBytes)
    const key = `${digestOf(state)} ${expected.get(at)}`
    if (seen.has(key)) continue
    seen.add(key)
    try {
      await judge.check(state, { kind: luck === EVERYTHING ? 'kill' : 'power-cut', at })
    } catch (error) {
      if (!(error instanceof Violation || error instanceof FsysError)) throw error
      const where = `a power cut in front of entry ${at} of ${log.entryCount}, sectors of ${sectorBytes}`
      return { states: seen.size, bad: `${where}: ${error.stack}` }
    }
    if (seen.size === count) break
  }
  return { states: seen.size, bad: undefined }
}

interface Draw {
  readonly at: number
  readonly luck: Luck
  readonly sectorBytes: number
}

function* draws(history: History, random: () => number): Generator<Draw> {
  const { points } = history
  for (const luck of [NOTHING, EVERYTHING]) for (const at of points) yield { at, luck, sectorBytes: 512 }
  const weighted = points.flatMap((at) =>
    Array.from({ length: 1 + Math.min(sectorsAtStake(history, at), 20) }, () => at),
  )
  for (let draw = 0; draw < DRAWS_MAX; draw++) {
    const at = weighted[Math.floor(random() * weighted.length)] as number
    yield { at, luck: new Chance(random), sectorBytes: random() < 0.5 ? 512 : 4096 }
  }
}

/** So that a log of which there are not so many states comes to an end too. */
const DRAWS_MAX = 20_000

function digestOf(state: CrashState): string {
  const hash = createHash('sha1')
  for (const [path, { bytes, permissions }] of state)
    hash.update(`${path} ${permissions} ${bytes.length} `).update(bytes)
  return hash.digest('hex')
}
