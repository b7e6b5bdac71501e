import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { must } from '../sim/model.js'

/** No step of a cycle takes nearly as long. */
const STEP_MS_MAX = 60_000

/** When the power goes. */
export interface Moment {
  /** The writer stops by itself, in front of this call on its storage. */
  readonly call?: number
  /** After so many words of the writer, and so much time. */
  readonly messages: number
  readonly delayMs: number
}

/** The process whose machine loses its power. */
export class CutProcess<Message extends object> {
  readonly #child: ChildProcess
  readonly #messagesFd: number
  readonly #messagesPath: string
  #isOver = false
  /** One of its threads was in the middle of a call that waits for a disk when it was frozen. */
  wasBusy = false

  /** A program of Node that takes its plan as JSON and speaks in lines of JSON on `MESSAGES_FD`. */
  constructor(program: string, messagesPath: string, plan: object) {
    this.#messagesPath = messagesPath
    this.#messagesFd = openSync(messagesPath, 'w')
    // It never outlives this process, not even frozen.
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', process.execPath, program, JSON.stringify(plan)], {
      stdio: ['ignore', 'inherit', 'inherit', this.#messagesFd],
    })
    this.#child.on('exit', () => (this.#isOver = true))
  }

  /** All that it has said up to now. */
  messages(): Message[] {
    return readFileSync(this.#messagesPath, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Message)
  }

  async reach({ call, messages, delayMs }: Moment): Promise<void> {
    if (call !== undefined) {
      await this.#until('has stopped', () => this.#isStopped())
      return
    }
    // A message is of ten bytes and a few more; how many have come exactly is of no importance.
    await this.#until('works', () => this.#isStopped() || fstatSync(this.#messagesFd).size > 500 + messages * 15)
    await delay(delayMs)
  }

  /** Afterwards none of its threads runs, nor is in the kernel. */
  async freeze(): Promise<void> {
    this.#child.kill('SIGSTOP')
    await this.#until('has stopped', () => this.#isStopped())
  }

  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    if (this.#child.kill('SIGKILL')) await ended
    closeSync(this.#messagesFd)
  }

  #isStopped(): boolean {
    const states = this.#threadStates()
    this.wasBusy ||= states.includes('D') && states.includes('T')
    return states.length > 0 && states.every((state) => state === 'T')
  }

  /** See proc_pid_stat(5). None if one has just ended: then they are asked for again. */
  #threadStates(): (string | undefined)[] {
    const tasks = `/proc/${this.#child.pid}/task`
    try {
      return readdirSync(tasks).map((task) => {
        // It stands behind the command's name, which may itself hold parentheses.
        const stat = readFileSync(join(tasks, task, 'stat'), 'utf8')
        return stat[stat.lastIndexOf(')') + 2]
      })
    } catch {
      return []
    }
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    const deadline = performance.now() + STEP_MS_MAX
    while (!isSo()) {
      if (this.#isOver) {
        const failures = this.messages().filter((message) => 'failed' in message)
        must(false, 'D10', () => `the writer has ended by itself: ${JSON.stringify(failures)}`)
      }
      if (performance.now() > deadline) throw new Error(`the writer should be where it ${what}, and is not`)
      await delay(1)
    }
  }
}
