import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'

import { FsysError } from 'fsys'

import { type Model, Violation } from '../../sim/model.js'
import { Child } from '../../support/children.js'
import { goOnAfterDeath, JOURNAL } from './check-state.js'
import { DEATHS, faultText } from './faults.js'
import type { Report } from './injector.js'
import { parseLog } from './log.js'
import { modelOf } from './notes.js'
import { childPath, Recording } from './recorder.js'
import type { Variant } from './variant.js'

/** Children do not outlive it. */
export type Context = Pick<TestContext, 'after'>

/** As many processes run at a time; no case takes as long as that, and no process. */
const PROCESSES = 2
const SILENCE_MS_MAX = 60_000

export interface Injected {
  /** How many cases there were. */
  readonly cases: number
  /** How they ended: how often each. */
  readonly outcomes: Readonly<Record<string, number>>
  /** What was not as promised. */
  readonly broken: readonly string[]
}

/** Kills the workload at one in `share` of the calls that it makes, one process a call, and goes on where each was killed. */
export async function killAtCalls(
  context: Context,
  library: string,
  directory: string,
  seed: number,
  variant: Variant,
  share: number,
): Promise<Injected> {
  const outcomes: Record<string, number> = {}
  const broken: string[] = []
  for (const death of DEATHS) {
    let next = 1 + (seed % share)
    let isReached = true
    const lane = async (): Promise<void> => {
      while (isReached) {
        const first = next
        next += share
        const name = `killed-${death.action}-${first}`
        const recording = new Recording(library, directory, name, variant, faultText(death, first))
        const end = await dieAt(context, recording, seed, variant)
        rmSync(recording.root, { recursive: true })
        rmSync(recording.log)
        if (end === undefined) isReached = false
        else outcomes[death.name] = (outcomes[death.name] ?? 0) + 1
        if (end?.message !== undefined) broken.push(`${death.name}, call ${first}: ${end.message}`)
      }
    }
    await Promise.all(Array.from({ length: PROCESSES }, lane))
  }
  return { cases: sum(outcomes), outcomes, broken }
}

/** Undefined if the workload has come to its end before it made so many calls; otherwise what was not as promised. */
async function dieAt(
  context: Context,
  recording: Recording,
  seed: number,
  { mode }: Variant,
): Promise<{ readonly message: string | undefined } | undefined> {
  const child = start(context, recording, childPath, recording.root, String(seed), mode)
  const watchdog = setTimeout(() => child.process.kill('SIGTERM'), SILENCE_MS_MAX)
  const { signal, code, stderr } = await child.ended
  clearTimeout(watchdog)
  if (code === 0) return undefined
  if (signal !== 'SIGKILL') return { message: `it ended with ${signal ?? code}: ${stderr}` }
  const { notes } = parseLog(readFileSync(recording.log))
  return { message: await whyNotOn(join(recording.root, JOURNAL), modelOf(notes), mode === 'direct') }
}

/** Runs the workload under each of the faults, at one in `share` of the calls that it can meet. */
export async function injectFaults(
  context: Context,
  library: string,
  directory: string,
  seed: number,
  variant: Variant,
  share: number,
): Promise<Injected> {
  const lanes = Array.from({ length: PROCESSES }, (_, part) => {
    const words = [variant.mode, seed, part, PROCESSES, share]
    const recording = new Recording(library, directory, `injected-${variant.engine}-${words.join('-')}`, variant)
    return injectPart(start(context, recording, injectorPath, recording.root, ...words.map(String)))
  })
  const parts = await Promise.all(lanes)
  const outcomes = Object.assign({}, ...parts.map((part) => part.outcomes)) as Record<string, number>
  return { cases: sum(outcomes), outcomes, broken: parts.flatMap((part) => part.broken) }
}

async function injectPart(child: Child): Promise<Omit<Injected, 'cases'>> {
  const watchdog = setTimeout(() => child.process.kill('SIGTERM'), SILENCE_MS_MAX)
  const reports: Report[] = []
  for await (const line of child.lines) {
    watchdog.refresh()
    reports.push(JSON.parse(line) as Report)
  }
  const { code, signal, stderr } = await child.ended
  clearTimeout(watchdog)
  const last = reports.at(-1)
  const broken = last?.kind === 'done' ? [] : [`${last?.name}: the process ended with ${signal ?? code}: ${stderr}`]
  for (const report of reports) {
    if (report.kind === 'broken') broken.push(`${report.name}: ${report.message}`)
    if (report.kind !== 'locked') continue
    const message = await whyNotOn(report.path, modelOf(report.notes))
    if (message !== undefined) broken.push(`${report.name}, when the process was gone: ${message}`)
  }
  return { outcomes: last?.kind === 'done' ? last.outcomes : {}, broken }
}

const injectorPath = fileURLToPath(new URL('injector.js', import.meta.url))

function start(context: Context, { environment }: Recording, ...words: readonly string[]): Child {
  return new Child(context, spawn(process.execPath, words, { env: { ...process.env, ...environment } }))
}

/** What keeps a journal from going on after the death of its process, or what it has lost; undefined if all is well. */
async function whyNotOn(path: string, model: Model, direct = false): Promise<string | undefined> {
  try {
    await goOnAfterDeath(path, model, direct)
    return undefined
  } catch (error) {
    if (error instanceof Violation || error instanceof FsysError) return error.stack ?? error.message
    throw error
  }
}

function sum(outcomes: Readonly<Record<string, number>>): number {
  return Object.values(outcomes).reduce((total, count) => total + count, 0)
}
