// Runs in a tree, in a process of its own, with a Trial in JSON as its only word. Prints a Verdict, in JSON.
import { writeSync } from 'node:fs'
import { run } from 'node:test'
import { fileURLToPath } from 'node:url'

import { runSchedule } from '../sim/schedule.js'

export interface Trial {
  readonly firstSeed: number
  /** How many seeds to run schedules with, one after the other until one fails. */
  readonly seeds: number
  readonly tests: readonly { readonly test: string; readonly named: string }[]
}

export interface Verdict {
  /** How many seeds were tried: if schedules have failed, those of the last one. */
  readonly seeds: number
  /** How many schedules the seeds before that one came to. */
  readonly schedules: number
  /** What the schedules that failed say. */
  readonly message?: string
  /** The names of tests. */
  readonly passed: readonly string[]
  readonly failed: readonly string[]
}

async function main(): Promise<void> {
  const { firstSeed, seeds, tests } = JSON.parse(process.argv[2] as string) as Trial
  const found = await runSeeds(firstSeed, seeds)
  say({ ...found, ...(await runTests(tests)) })
}

type Found = Pick<Verdict, 'seeds' | 'schedules' | 'message'>

async function runSeeds(firstSeed: number, seeds: number): Promise<Found> {
  // The errors that schedules make are many, and nobody looks at them.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  let tried = 0
  let schedules = 0
  const onExit = (code: number): void => {
    if (code !== UNSETTLED) return
    const message = 'D10: somebody waits for ever, and nothing is under way'
    say({ seeds: tried, schedules, message, passed: [], failed: [] })
  }
  process.on('exit', onExit)
  while (tried < seeds) {
    tried++
    try {
      schedules += (await runSchedule(firstSeed + tried - 1)).schedules
    } catch (error) {
      return { seeds: tried, schedules, message: (error as Error).message }
    }
  }
  process.off('exit', onExit)
  Error.stackTraceLimit = stackTraceLimit
  return { seeds, schedules }
}

/** How Node ends when what it awaits can never come. */
const UNSETTLED = 13

/** Runs the tests of these names, each file in a process of its own. */
async function runTests(tests: Trial['tests']): Promise<Pick<Verdict, 'passed' | 'failed'>> {
  const passed: string[] = []
  const failed: string[] = []
  if (tests.length === 0) return { passed, failed }
  const files = new Set(tests.map(({ test }) => fileURLToPath(new URL(`../${test}.test.js`, import.meta.url))))
  const testNamePatterns = tests.map(({ named }) => new RegExp(named.replaceAll(/[\\^$.*+?()[\]{}|]/gu, '\\$&'), 'u'))
  const stream = run({ files: [...files], concurrency: 1, testNamePatterns })
  stream.on('test:pass', ({ name, skip, details }) => {
    if (skip === undefined && details.type !== 'suite') passed.push(name)
  })
  stream.on('test:fail', ({ name }) => failed.push(name))
  for await (const _ of stream);
  return { passed, failed }
}

function say(verdict: Verdict): void {
  writeSync(1, JSON.stringify(verdict))
}

await main()
