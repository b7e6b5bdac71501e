import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { seededRandom } from '../support/random.js'
import type { Latency } from './latency.js'
import { Ledger } from './ledger.js'
import { type Counts, type Part, SLOT_BYTES, type WriterOptions, journalName } from './messages.js'
import { RecordContent } from './record-content.js'
import { type Resources, findGrowth, summarizeResources } from './resources.js'
import { type Activity, WriterProcess } from './writer-process.js'

export interface SoakOptions {
  readonly durationMs: number
  readonly seed: number
  /** Where the journals are made, in directories that are removed afterwards. */
  readonly directory: string
  readonly signal: AbortSignal
}

/** What one end of the run looked like, in the process that was never killed. */
export interface Sample {
  readonly resources: Resources
  readonly latency: Latency
}

export interface SoakResult {
  readonly elapsedMs: number
  /** Processes that wrote. */
  readonly lives: number
  readonly kills: Readonly<Record<Activity, number>>
  readonly openings: number
  readonly recordsAcknowledged: number
  /** How many of these were found afterwards, byte for byte. */
  readonly recordsVerified: number
  /** By the process that was never killed, and by the lives of the other that came to a rest. */
  readonly counts: Counts
  readonly diskBytesPeak: number
  readonly rssBytesPeak: number
  readonly start: Sample | undefined
  readonly end: Sample | undefined
  /** What is wrong: a record that was lost or is not what was appended, an error, something that has grown. */
  readonly errors: readonly string[]
}

/** At what share of the run the parts begin. */
const START_BEGINS = 0.1
const START_ENDS = 0.2
const END_BEGINS = 0.9
const REOPEN_MS = 5000
const JOURNAL_BYTES_MAX = 16 * 2 ** 20
/** Of the kills, this share comes while the process starts and opens its journals; the others, once these are open. */
const EARLY_KILLS = 0.3
const EARLY_MS = 300
const OPENINGS_BEFORE_KILL = 3
const LIVES_MIN = 4
/** Of the times that a journal is emptied, this share is killed within so long. */
const EMPTYING_KILLS = 0.5
const EMPTYING_MS = 15

/**
 * Two writers, each with several journals: one that is never killed, in which leaks show, and one that is killed with
 * SIGKILL at random moments, whose successor takes over its locks. Whenever one has closed its journals, or was killed,
 * they are read and compared with what was acknowledged.
 */
export async function runSoak(options: SoakOptions, progress: (text: string) => void): Promise<SoakResult> {
  const soak = new Soak(options, progress)
  return await soak.run()
}

class Soak {
  readonly #options: SoakOptions
  readonly #progress: (text: string) => void
  readonly #random: () => number
  readonly #writerOptions: WriterOptions
  readonly #content: RecordContent
  readonly #ledgers: Ledger[] = []
  readonly #startedAt = performance.now()
  readonly #samples: Record<Part, Resources[]> = { 'warm-up': [], start: [], middle: [], end: [] }
  readonly #kills: Record<Activity, number> = { opening: 0, emptying: 0, writing: 0, resting: 0 }
  readonly #counts: Record<string, number> = {}
  readonly #errors: string[] = []
  #latencies: { readonly [Name in Part]?: Latency } = {}
  #lives = 0
  #openings = 0
  #diskBytesPeak = 0
  #rssBytesPeak = 0

  constructor(options: SoakOptions, progress: (text: string) => void) {
    const { seed, durationMs } = options
    this.#options = options
    this.#progress = progress
    this.#random = seededRandom(seed)
    const reopenMs = Math.min(REOPEN_MS, durationMs / 40)
    this.#writerOptions = { seed, reopenMs, journalBytesMax: JOURNAL_BYTES_MAX * Math.min(1, reopenMs / REOPEN_MS) }
    this.#content = new RecordContent(seed, SLOT_BYTES)
  }

  async run(): Promise<SoakResult> {
    const timer = setInterval(() => this.#progress(this.#status()), 60_000)
    await Promise.all([
      this.#guard(this.#runLasting(this.#makeDirectory('lasting'))),
      this.#guard(this.#runKilled(this.#makeDirectory('killed'))),
    ])
    clearInterval(timer)
    const [start, end] = [this.#sample('start'), this.#sample('end')]
    if (start !== undefined && end !== undefined) this.#errors.push(...findGrowth(start.resources, end.resources))
    return {
      elapsedMs: this.#elapsedMs,
      lives: this.#lives,
      kills: this.#kills,
      openings: this.#openings,
      recordsAcknowledged: this.#total('acknowledged'),
      recordsVerified: this.#total('verified'),
      counts: this.#counts as Counts,
      diskBytesPeak: this.#diskBytesPeak,
      rssBytesPeak: this.#rssBytesPeak,
      start,
      end,
      errors: this.#errors,
    }
  }

  async #runLasting(directory: string): Promise<void> {
    const ledgers = this.#makeLedgers(directory)
    const writer = this.#startWriter(directory, ledgers)
    try {
      for (;;) {
        const part = this.#part
        const rest = await writer.work(part)
        if (rest === undefined) throw new Error('the writer that is never killed has ended')
        this.#samples[part].push(rest.resources)
        this.#rssBytesPeak = Math.max(this.#rssBytesPeak, rest.rssPeak)
        this.#look(directory, ledgers, rest.counts)
        if (this.#isOver && (this.#samples.end.length > 0 || this.#isStopped)) break
      }
      this.#latencies = (await writer.end())?.latencies ?? {}
    } finally {
      this.#openings += writer.openings
      await writer.kill()
    }
  }

  async #runKilled(directory: string): Promise<void> {
    const ledgers = this.#makeLedgers(directory)
    // On the slowest machine, too, somebody is killed and somebody takes over.
    const isEnough = (): boolean => this.#isStopped || (this.#isOver && this.#lives >= LIVES_MIN)
    while (!isEnough()) {
      const timers: NodeJS.Timeout[] = []
      const kill = (): void => {
        for (const timer of timers) clearTimeout(timer)
        this.#kills[writer.activity]++
        void writer.kill()
      }
      const killWithin = (ms: number): void => {
        timers.push(setTimeout(kill, this.#random() * ms))
      }
      let isDoomed = this.#random() < EARLY_KILLS
      const writer = this.#startWriter(directory, ledgers, (activity) => {
        if (activity === 'emptying' && this.#random() < EMPTYING_KILLS) killWithin(EMPTYING_MS)
        if (activity !== 'writing' || isDoomed) return
        isDoomed = true
        killWithin(OPENINGS_BEFORE_KILL * this.#writerOptions.reopenMs)
      })
      if (isDoomed) killWithin(EARLY_MS)
      try {
        for (;;) {
          const rest = await writer.work(this.#part)
          this.#look(directory, ledgers, rest?.counts)
          if (rest === undefined) break
          if (isEnough()) break
        }
      } finally {
        for (const timer of timers) clearTimeout(timer)
        this.#openings += writer.openings
        await writer.kill()
      }
    }
  }

  #startWriter(
    directory: string,
    ledgers: readonly Ledger[],
    onActivity?: (activity: Activity) => void,
  ): WriterProcess {
    return new WriterProcess(directory, this.#lives++, this.#writerOptions, ledgers, onActivity)
  }

  /** Nobody writes in this directory now. */
  #look(directory: string, ledgers: readonly Ledger[], counts: Partial<Counts> = {}): void {
    for (const ledger of ledgers) ledger.verify()
    for (const [name, count] of Object.entries(counts)) this.#counts[name] = (this.#counts[name] ?? 0) + count
    let bytes = 0
    for (const name of readdirSync(directory)) {
      const path = join(directory, name)
      bytes += statSync(path).size
      // What an open has cut off, or a reset has saved: it was looked at before.
      if (name.includes('.corrupt-')) rmSync(path)
    }
    this.#diskBytesPeak = Math.max(this.#diskBytesPeak, bytes)
  }

  async #guard(role: Promise<void>): Promise<void> {
    try {
      await role
    } catch (error) {
      this.#errors.push(error instanceof Error ? error.message : String(error))
    }
  }

  #makeDirectory(name: string): string {
    const directory = join(this.#options.directory, name)
    mkdirSync(directory)
    return directory
  }

  #makeLedgers(directory: string): Ledger[] {
    const ledgers = SLOT_BYTES.map(
      (_, journal) => new Ledger(join(directory, journalName(journal)), journal, this.#content),
    )
    this.#ledgers.push(...ledgers)
    return ledgers
  }

  #total(name: 'acknowledged' | 'verified'): number {
    return this.#ledgers.reduce((total, ledger) => total + ledger.totals[name], 0)
  }

  #sample(part: Part): Sample | undefined {
    const latency = this.#latencies[part]
    if (latency === undefined) return undefined
    return { resources: summarizeResources(this.#samples[part]), latency }
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startedAt
  }

  /** A run that goes wrong ends at once: what has happened lies on the disk. */
  get #isStopped(): boolean {
    return this.#errors.length > 0 || this.#options.signal.aborted
  }

  get #isOver(): boolean {
    return this.#isStopped || this.#elapsedMs >= this.#options.durationMs
  }

  /** Each part has at least one opening, on the slowest machine. */
  get #part(): Part {
    const share = this.#elapsedMs / this.#options.durationMs
    if (share < START_BEGINS) return 'warm-up'
    if (share < START_ENDS || this.#samples.start.length === 0) return 'start'
    return share < END_BEGINS ? 'middle' : 'end'
  }

  #status(): string {
    const kills = Object.values(this.#kills).reduce((total, count) => total + count, 0)
    return `${Math.round(this.#elapsedMs / 1000)} s: ${this.#total('verified')} records verified, ${kills} kills`
  }
}
