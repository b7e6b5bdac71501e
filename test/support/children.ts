import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

/** How a child has ended: by this exit code, or by this signal. */
export interface Ending {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

/** Where the compiled fixture of this name is. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}.js`, import.meta.url))
}

/** A process of the test's own that speaks in lines of JSON. It never outlives the test. */
export class Child {
  readonly process: ChildProcess
  readonly ended: Promise<Ending>
  /** What it says. */
  readonly lines: AsyncIterableIterator<string>

  constructor(context: Pick<TestContext, 'after'>, child: ChildProcess) {
    this.process = child
    let stderr = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.stdin?.on('error', () => {
      // It was killed while it was being spoken to.
    })
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => resolve({ code, signal, stderr }))
    })
    this.lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
    context.after(() => this.kill())
  }

  get pid(): number {
    return this.process.pid as number
  }

  /** The next line that it says. */
  async hear<Message>(): Promise<Message> {
    const line = await this.lines.next()
    if (line.done) throw new Error(`the child has ended: ${JSON.stringify(await this.ended)}`)
    return JSON.parse(line.value) as Message
  }

  say(message: object): void {
    this.process.stdin?.write(`${JSON.stringify(message)}\n`)
  }

  /** Says something, and hears the answer. */
  async ask<Answer>(message: object): Promise<Answer> {
    this.say(message)
    return await this.hear<Answer>()
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ending> {
    // Does nothing once it has ended, so that its id cannot be somebody else's by now.
    this.process.kill(signal)
    return await this.ended
  }
}

/** Runs a fixture in a process of its own. */
export function startChild(
  context: Pick<TestContext, 'after'>,
  fixture: string,
  words: readonly string[] = [],
  options: SpawnOptions & { readonly through?: readonly string[] } = {},
): Child {
  const { through = [], ...rest } = options
  const [command = process.execPath, ...before] = [...through, process.execPath, fixturePath(fixture), ...words]
  return new Child(context, spawn(command, before, { stdio: ['pipe', 'pipe', 'pipe'], ...rest }))
}

/** Runs a fixture in a thread of this process, which speaks in messages. */
export class Thread {
  readonly worker: Worker
  readonly #messages: unknown[] = []
  #waiting: (() => void) | undefined

  constructor(context: Pick<TestContext, 'after'>, fixture: string, words: readonly string[] = []) {
    this.worker = new Worker(fixturePath(fixture), { argv: [...words] })
    this.worker.on('message', (message) => {
      this.#messages.push(message)
      this.#waiting?.()
    })
    context.after(() => this.worker.terminate())
  }

  async hear<Message>(): Promise<Message> {
    while (this.#messages.length === 0) {
      await Promise.race([
        new Promise<void>((resolve) => (this.#waiting = resolve)),
        once(this.worker, 'exit').then(() => {
          if (this.#messages.length === 0) throw new Error('the thread has ended')
        }),
      ])
    }
    return this.#messages.shift() as Message
  }

  async ask<Answer>(message: object): Promise<Answer> {
    this.worker.postMessage(message)
    return await this.hear<Answer>()
  }
}
