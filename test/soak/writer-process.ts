import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import type { Ledger } from './ledger.js'
import { type Order, type Part, SLOT_BYTES, type Saying, type WriterOptions } from './messages.js'

type Resting = Extract<Saying, { say: 'resting' }>
type Ending = Extract<Saying, { say: 'ending' }>

/** What a writer was doing when it was killed. */
export type Activity = 'opening' | 'emptying' | 'writing' | 'resting'

/** A writer that has not come to a rest by then, hangs: some promise was never settled (D10). */
const ANSWER_MS_MAX = 120_000

/** A writer in a process of its own, as the soak sees it. */
export class WriterProcess {
  readonly #child: ChildProcess
  readonly #ledgers: readonly Ledger[]
  readonly #ended: Promise<unknown>
  #rest = ''
  #answer: ((saying: Resting | Ending | undefined) => void) | undefined
  #isKilled = false
  /** Journals that are open. */
  #opened = 0
  #openings = 0
  #activity: Activity = 'opening'
  readonly #onActivity: (activity: Activity) => void
  #failure: unknown

  /** Calls back whenever it begins something else. */
  constructor(
    directory: string,
    life: number,
    options: WriterOptions,
    ledgers: readonly Ledger[],
    onActivity: (activity: Activity) => void = () => {},
  ) {
    const script = fileURLToPath(new URL('writer.js', import.meta.url))
    const words = ['--expose-gc', script, directory, String(life), JSON.stringify(options)]
    this.#child = spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#ledgers = ledgers
    this.#onActivity = onActivity
    this.#child.stdin?.on('error', () => {
      // It was killed while it was being spoken to.
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => this.#hear(text))
    // Comes behind all that it has said.
    this.#ended = once(this.#child, 'close').then(([code, signal]: unknown[]) => {
      if (!this.#isKilled && code !== 0)
        this.#failure ??= new Error(`a writer ended by itself: ${String(code ?? signal)}`)
      this.#answer?.(undefined)
    })
  }

  get activity(): Activity {
    return this.#activity
  }

  /** How often it has opened a journal. */
  get openings(): number {
    return this.#openings
  }

  /** Lets it work until it closes its journals. Undefined if it was killed before. Rejects for what is wrong. */
  async work(part: Part): Promise<Resting | undefined> {
    this.#begin('opening')
    return (await this.#ask({ order: 'work', part })) as Resting | undefined
  }

  async end(): Promise<Ending | undefined> {
    const ending = await this.#ask({ order: 'end' })
    await this.#ended
    return ending as Ending | undefined
  }

  /** Resolves when it is gone and all that it said was heard. */
  async kill(): Promise<void> {
    this.#isKilled = true
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  async #ask(order: Order): Promise<Resting | Ending | undefined> {
    const answer = new Promise<Resting | Ending | undefined>((resolve) => (this.#answer = resolve))
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`)
    const timer = setTimeout(() => this.#fail(new Error(`a writer hangs while ${this.#activity}`)), ANSWER_MS_MAX)
    const said = await Promise.race([answer, this.#ended.then(() => undefined)])
    clearTimeout(timer)
    if (this.#failure !== undefined) throw this.#failure
    return said
  }

  #hear(text: string): void {
    const lines = (this.#rest + text).split('\n')
    // A line that was cut off by a SIGKILL stays here.
    this.#rest = lines.pop() ?? ''
    try {
      for (const line of lines) this.#take(JSON.parse(line) as Saying)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    this.#child.kill('SIGKILL')
  }

  #take(saying: Saying): void {
    if (saying.say === 'failed') throw new Error(`a writer failed: ${saying.message}`)
    if (saying.say === 'resting' || saying.say === 'ending') {
      this.#begin('resting')
      this.#opened = 0
      this.#answer?.(saying)
      return
    }
    this.#ledgers[saying.journal]?.hear(saying)
    if (saying.say === 'resetting') this.#begin('emptying')
    if (saying.say !== 'opened') return
    this.#openings++
    this.#opened++
    this.#begin(this.#opened === SLOT_BYTES.length ? 'writing' : 'opening')
  }

  #begin(activity: Activity): void {
    this.#activity = activity
    this.#onActivity(activity)
  }
}
