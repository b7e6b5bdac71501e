import { type Job, type JobEnd, JobProcess } from './job-process.js'
import type { Acknowledgement, JobEvent } from './reports.js'

export type Opened = Extract<JobEvent, { event: 'opened' }>

export interface RunListener {
  onOpened(opened: Opened): void
  onAcknowledgement(acknowledgement: Acknowledgement): void
}

/** No opening and no commit takes this long. */
const SILENCE_MS_MAX = 120_000

/** One run of the job: from its start until it is killed, or has done all. */
export class Run {
  readonly #process: JobProcess
  readonly #listener: RunListener
  readonly #said = new Set<JobEvent['event']>()
  #opened: Opened | undefined
  #firstCommitAt: number | undefined
  #lastAnswerAt = 0
  #lastHeardOfAt = performance.now()
  #isOver = false
  #hangs = false
  #watched: { condition: () => boolean; resolve: () => void } | undefined
  /** Resolves when the process is gone, and all that it has reported was taken. */
  readonly ended: Promise<JobEnd>

  constructor(job: Job, listener: RunListener) {
    this.#listener = listener
    this.#process = new JobProcess(job, {
      onEvent: (event) => this.#takeEvent(event),
      onAcknowledgement: (acknowledgement) => this.#takeAcknowledgement(acknowledgement),
    })
    const watchdog = setInterval(() => this.#watch(), 1000)
    this.ended = this.#process.ended.then((end) => {
      clearInterval(watchdog)
      this.#isOver = true
      this.#look()
      return end
    })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** What it said about opening the journal, once it has. */
  get opened(): Opened | undefined {
    return this.#opened
  }

  /** How long it was committing: from its first commit to the last answer. */
  get committingMs(): number {
    return this.#firstCommitAt === undefined ? 0 : this.#lastAnswerAt - this.#firstCommitAt
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** It was ended because nothing was heard of it any more. */
  get hangs(): boolean {
    return this.#hangs
  }

  hasSaid(event: JobEvent['event']): boolean {
    return this.#said.has(event)
  }

  /** Resolves as soon as a report makes the condition true, or the process is gone. One caller at a time. */
  when(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#watched = { condition, resolve }
      this.#look()
    })
  }

  kill(): void {
    this.#process.kill()
  }

  #takeEvent(event: JobEvent): void {
    this.#lastHeardOfAt = performance.now()
    this.#said.add(event.event)
    if (event.event === 'opened') {
      this.#opened = event
      this.#listener.onOpened(event)
    }
    this.#look()
  }

  #takeAcknowledgement(acknowledgement: Acknowledgement): void {
    this.#lastHeardOfAt = performance.now()
    this.#lastAnswerAt = this.#lastHeardOfAt
    this.#firstCommitAt ??= this.#lastAnswerAt - acknowledgement.latencyMs
    this.#listener.onAcknowledgement(acknowledgement)
    this.#look()
  }

  #watch(): void {
    if (performance.now() - this.#lastHeardOfAt < SILENCE_MS_MAX || this.#said.has('waiting')) return
    this.#hangs = true
    this.kill()
  }

  #look(): void {
    if (this.#watched === undefined || (!this.#isOver && !this.#watched.condition())) return
    this.#watched.resolve()
    this.#watched = undefined
  }
}
