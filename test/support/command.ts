import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { after } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** What `fsys` is. */
export const mainPath: string = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

/** No test waits longer than this for a child: it is killed, and what the test expects of it fails. */
const CHILD_MS_MAX = 60_000

/** How a command has ended. */
export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: Buffer
  /** stdout as text. */
  readonly text: string
  readonly stderr: string
}

/** A running `fsys` command. */
export class Command {
  readonly child: ChildProcess
  readonly #closed: Promise<unknown>
  readonly #stdout: Buffer[] = []
  readonly #stderr: Buffer[] = []

  constructor(args: readonly string[], cwd?: string) {
    this.child = spawn(process.execPath, [mainPath, ...args], {
      cwd,
      stdio: 'pipe',
      timeout: CHILD_MS_MAX,
      killSignal: 'SIGKILL',
    })
    running.add(this.child)
    this.#closed = once(this.child, 'close').then(() => running.delete(this.child))
    this.child.stdout?.on('data', (chunk: Buffer) => this.#stdout.push(chunk))
    this.child.stderr?.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    // It may end before it has read all that it is given.
    this.child.stdin?.on('error', () => undefined)
  }

  get text(): string {
    return Buffer.concat(this.#stdout).toString()
  }

  get stderr(): string {
    return Buffer.concat(this.#stderr).toString()
  }

  write(input: Uint8Array | string): void {
    this.child.stdin?.write(input)
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async ended(): Promise<Ended> {
    await this.#closed
    const { exitCode: status, signalCode: signal } = this.child
    const stdout = Buffer.concat(this.#stdout)
    return { status, signal, stdout, text: stdout.toString(), stderr: this.stderr }
  }
}

const running = new Set<ChildProcess>()

after(() => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a command that is to go on while the test does something else. */
export function start(...args: string[]): Command {
  return new Command(args)
}

/** Runs a command to its end, without input. */
export function fsys(...args: string[]): Promise<Ended> {
  return feed('', ...args)
}

/** Runs a command to its end with this on its stdin. */
export function feed(input: Uint8Array | string, ...args: string[]): Promise<Ended> {
  const command = new Command(args)
  command.child.stdin?.end(input)
  return command.ended()
}

/** Waits until something is so. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + CHILD_MS_MAX / 2
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`it has not come to pass: ${what}`)
    await delay(10)
  }
}

/** Long enough for a command that looks every few milliseconds to have looked a few times. */
export function aWhile(): Promise<void> {
  return delay(150)
}
