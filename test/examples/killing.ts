import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

import { Random } from '#src/storage/sim/random.js'

/** How often a program is killed. More, for a night: FSYS_EXAMPLE_KILLS=1000. */
export const KILLS: number = Number(process.env['FSYS_EXAMPLE_KILLS'] ?? 10)

/** When chance strikes: it is printed with each failure. What a process does until then, nobody can repeat. */
export const seed: number = Date.now() % 2 ** 31
export const random: Random = new Random(seed)

export interface Ran {
  /** Whole lines only: what a process had told before it died. */
  readonly lines: readonly string[]
  readonly status: number | null
  readonly stderr: string
}

/**
 * Runs a program to its end, or until it is killed: a few milliseconds after so many lines, 0 being while it
 * starts; or as soon as a promise resolves.
 */
export async function runExample(
  words: readonly string[],
  input = '',
  killedAfter?: number | Promise<unknown>,
): Promise<Ran> {
  const child = spawn(process.execPath, words, { stdio: 'pipe' })
  let [stdout, stderr] = ['', '']
  let isStruck = false
  const strike = async (withinMs: number): Promise<void> => {
    if (isStruck) return
    isStruck = true
    await delay(random.below(withinMs))
    child.kill('SIGKILL')
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    if (typeof killedAfter === 'number' && stdout.split('\n').length > killedAfter) void strike(4)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // It may be dead before it has read all.
  child.stdin.on('error', () => undefined)
  child.stdin.end(input)
  if (killedAfter === 0) void strike(300)
  if (killedAfter instanceof Promise) void killedAfter.then(() => child.kill('SIGKILL'))
  await once(child, 'close')
  return { lines: stdout.split('\n').slice(0, -1), status: child.exitCode, stderr }
}
