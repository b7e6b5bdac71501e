import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { Random } from '#src/storage/sim/random.js'

import { temporaryDirectory } from '../support/temporary.js'

/** How often a program is killed. More, for a night: FSYS_EXAMPLE_KILLS=1000. */
export const KILLS: number = Number(process.env['FSYS_EXAMPLE_KILLS'] ?? 6)

/** When chance strikes: it is printed with each failure. What a process does until then, nobody can repeat. */
export const seed: number = Date.now() % 2 ** 31
export const random: Random = new Random(seed)

export interface Ran {
  /** Whole lines only: what a process had told before it died. */
  readonly lines: readonly string[]
  readonly status: number | null
  readonly stderr: string
}

const directory = temporaryDirectory()
let runs = 0

/**
 * Runs a program to its end, or until it is killed: a few milliseconds after so many lines, 0 being while it
 * starts; or as soon as a promise resolves.
 *
 * It prints into a file: there a line is when `console.log` has returned. Through a pipe, a program that is ahead of its
 * reader by some 280 lines keeps further ones in its own memory, and they die with it: what it had announced it would do
 * was found done, and the announcement was nowhere.
 */
export async function runExample(
  words: readonly string[],
  input = '',
  killedAfter?: number | Promise<unknown>,
): Promise<Ran> {
  const path = join(directory, `stdout-${runs++}`)
  const fd = openSync(path, 'a')
  const child = spawn(process.execPath, words, { stdio: ['pipe', fd, 'pipe'] })
  closeSync(fd)
  let stderr = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // It may be dead before it has read all.
  child.stdin!.on('error', () => undefined)
  child.stdin!.end(input)
  const isOver = once(child, 'close')
  if (killedAfter instanceof Promise) void killedAfter.then(() => child.kill('SIGKILL'))
  else if (killedAfter !== undefined) await strike(child, path, killedAfter)
  await isOver
  return { lines: linesIn(path), status: child.exitCode, stderr }
}

async function strike(child: ChildProcess, path: string, lines: number): Promise<void> {
  while (linesIn(path).length < lines && child.exitCode === null) await delay(1)
  await delay(random.below(lines === 0 ? 300 : 4))
  child.kill('SIGKILL')
}

function linesIn(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}
