import { readFileSync, statSync } from 'node:fs'

import type { Recovery } from 'fsys'

import { type Check, type Difference, checkJournal, compareRecovery } from './check.js'
import { type Crash, describeCrash, describeRecovery } from './crash.js'
import type { Display } from './display.js'
import { formatBytes, formatCount, formatMs, plural } from './format.js'
import type { Input, LongLine } from './input.js'
import { Ledger } from './ledger.js'
import { pause, watch } from './moment.js'
import { type Random, type Target, planKills } from './plan.js'
import { type Opened, Run } from './run.js'

export interface TrialOptions {
  readonly input: Input
  readonly journalPath: string
  readonly committers: number
  readonly kills: number
  readonly seed: number
  readonly display: Display
  /** Ends the trial, and the job with it. */
  readonly signal: AbortSignal
}

export interface TrialResult {
  readonly ledger: Ledger
  /** Only those that came at the moment that was meant. */
  readonly crashes: readonly Crash[]
  /** Those that were let through to their end. */
  readonly recoveries: readonly Recovery[]
  readonly runs: number
  readonly checks: number
  readonly committingMs: number
  readonly final: Check
}

/** The journal, or the job, was not as it must be. */
export class TrialFailure extends Error {
  override readonly name = 'TrialFailure'
  readonly difference: Difference | undefined

  constructor(message: string, difference?: Difference) {
    super(message)
    this.difference = difference
  }
}

/** So often is a kill tried that does not come at the moment that was meant. */
const TRIES_MAX = 40
/** A kill in mid-commit is aimed at a line in this part of those that are meant for it, */
const AIMED_PART = 0.8
/** and comes up to so much later, so that it does not always follow an acknowledgement closely. */
const PAUSE_MS_MAX = 3
/** A kill in a long write is aimed at one of so many of the longest lines, */
const LONGEST_LINES = 2
/** watches the file from so many groups before it on, */
const GROUPS_AHEAD = 8
/** and comes when so much of its record has been written. */
const WRITTEN_BYTES_MIN = 64 * 1024

/**
 * Has the job journal the input, kills it as planned, and compares the journal after each kill and at the end with the
 * input and with what was acknowledged. Rejects with a TrialFailure if anything is not as it must be, with the signal's
 * reason if it is aborted.
 */
export async function runTrial(options: TrialOptions): Promise<TrialResult> {
  return new Trial(options).run()
}

class Trial {
  readonly #options: TrialOptions
  readonly #ledger = new Ledger()
  readonly #crashes: Crash[] = []
  readonly #openings: Opened[] = []
  /** What the last check has found. */
  #found: Check = EMPTY
  #runs = 0
  #checks = 0
  #committingMs = 0
  /** What a recovery has said that cannot be true. */
  #difference: Difference | undefined

  constructor(options: TrialOptions) {
    this.#options = options
  }

  async run(): Promise<TrialResult> {
    const plan = planKills(this.#options.kills, this.#options.seed)
    for (const [index, { target, moments }] of plan.entries()) {
      await this.#hit(target, moments, plan.slice(index).filter((kill) => kill.target !== 'recovery').length)
    }
    await this.#finish()
    return {
      ledger: this.#ledger,
      crashes: this.#crashes,
      recoveries: this.#openings.slice(1).map(({ info }) => info.recovery),
      runs: this.#runs,
      checks: this.#checks,
      committingMs: this.#committingMs,
      final: this.#found,
    }
  }

  #hit(target: Target, moments: Random, kills: number): Promise<void> {
    if (target === 'recovery') return this.#hitRecovery(moments)
    const longLine = target === 'write' ? this.#chooseLongLine(moments) : undefined
    return longLine === undefined ? this.#hitCommit(moments, kills) : this.#hitWrite(longLine, moments)
  }

  /** Kills the job while it commits. `kills` such kills, this one included, share what is left of the input. */
  async #hitCommit(moments: Random, kills: number): Promise<void> {
    const { acknowledgements } = this.#ledger
    let { committers } = this.#options
    for (let tries = 0; tries < TRIES_MAX && this.#found.records < this.#options.input.lines; tries++) {
      const { records } = this.#found
      const stretch = Math.ceil((this.#options.input.lines - records) / (kills + 1))
      const aimedLine = records + Math.floor(stretch * AIMED_PART * moments())
      const run = this.#start(records + stretch, committers)
      await run.when(() => acknowledgements.lineCount > aimedLine || run.hasSaid('waiting'))
      await pause(moments() * PAUSE_MS_MAX)
      await this.#kill(run)
      const isHit = !run.hasSaid('waiting')
      await this.#takeStock('commit', isHit, isHit ? 'in mid-commit' : TOO_LATE)
      if (isHit) return
      // So that the lines last longer.
      committers = Math.max(1, Math.floor(committers / 2))
    }
    throw new TrialFailure('no kill came in mid-commit: the input is too small for this machine')
  }

  #chooseLongLine(moments: Random): LongLine | undefined {
    const { committers, input } = this.#options
    // There must be time to get ready for it, and something left behind it.
    const [first, end] = [this.#found.records + committers * GROUPS_AHEAD, input.lines - committers * GROUPS_AHEAD]
    const longLines = input.longLines
      .filter(({ line }) => line >= first && line < end)
      .toSorted((a, b) => b.bytes - a.bytes)
    return longLines[Math.floor(moments() * Math.min(longLines.length, LONGEST_LINES))]
  }

  /** Kills the job while it commits, just when the record of a long line begins to show in the file. */
  async #hitWrite({ line, bytes, lsn }: LongLine, moments: Random): Promise<void> {
    const { committers, input, journalPath } = this.#options
    const run = this.#start(input.lines)
    const nearLine = line - committers * GROUPS_AHEAD
    await run.when(() => this.#ledger.acknowledgements.lineCount > nearLine)
    await watch(
      () => statSync(journalPath).size > lsn + WRITTEN_BYTES_MIN,
      () => run.isOver,
    )
    await this.#kill(run)
    const isHit = !run.hasSaid('waiting')
    await this.#takeStock('write', isHit, isHit ? `at the write of a line of ${formatBytes(bytes)}` : TOO_LATE)
    if (!isHit) await this.#hitCommit(moments, 1)
  }

  /** Kills the job between its taking the lock and its having opened the journal. */
  async #hitRecovery(moments: Random): Promise<void> {
    let latestMs = this.#expectedRecoveryMs()
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      // Should the kill come too late, nothing is committed meanwhile.
      const run = this.#start(this.#found.records)
      await run.when(() => run.hasSaid('opening'))
      await watch(
        () => this.#readLockHolder() === run.pid,
        () => run.isOver || run.opened !== undefined,
      )
      const delayMs = moments() * latestMs
      await pause(delayMs)
      await this.#kill(run)
      const isHit = run.opened === undefined && this.#readLockHolder() === run.pid
      const when = isHit ? `during recovery, ${formatMs(delayMs)} into it` : 'too late, when recovery was done'
      await this.#takeStock('recovery', isHit, when)
      if (isHit) return
      latestMs = Math.min(delayMs, this.#expectedRecoveryMs())
    }
    throw new TrialFailure(`none of ${TRIES_MAX} kills came during recovery`)
  }

  /** How long recovery should take, by what the last one has taken. */
  #expectedRecoveryMs(): number {
    const last = this.#openings.at(-1)?.info.recovery
    return last === undefined ? 0 : (last.durationMs * this.#found.records) / Math.max(last.records, 1)
  }

  /** The process that the journal's lock file names. */
  #readLockHolder(): number | undefined {
    try {
      return (JSON.parse(readFileSync(`${this.#options.journalPath}.lock`, 'utf8')) as { pid?: number }).pid
    } catch {
      return undefined
    }
  }

  /** Lets the job come to its end. */
  async #finish(): Promise<void> {
    const { input } = this.#options
    const run = this.#start(Infinity)
    const { exitCode, complaint } = await run.ended
    this.#noteEnd(run)
    if (exitCode !== 0 || !run.hasSaid('closed')) throw new TrialFailure(`the job has failed: ${complaint}`)
    this.#tell('the job is done, and has closed the journal')
    const { unacknowledged: unacknowledgedBefore } = this.#found
    const { records, textBytes, unacknowledged, cleanEnd, fileBytes } = await this.#check()
    if (records !== input.lines || textBytes !== input.textBytes || cleanEnd !== fileBytes) {
      throw new TrialFailure(
        `the journal holds ${plural(records, 'record')} of ${plural(textBytes, 'byte')} together and ends at LSN ${cleanEnd} of ` +
          `${fileBytes}, where the input has ${plural(input.lines, 'line')} of ${plural(input.textBytes, 'byte')}`,
      )
    }
    if (unacknowledged !== unacknowledgedBefore) {
      throw new TrialFailure(`${unacknowledged - unacknowledgedBefore} lines of the last run were never acknowledged`)
    }
    this.#tell(`${describeCheck(this.#found)}: the journal is the input, each line once`)
  }

  #start(waitingLine: number, committers = this.#options.committers): Run {
    const { input, journalPath, display, signal } = this.#options
    signal.throwIfAborted()
    this.#runs++
    const { acknowledgements } = this.#ledger
    const run = new Run(
      { journalPath, inputPath: input.path, committers, waitingLine },
      {
        onOpened: (opened) => this.#noteOpened(opened),
        onAcknowledgement: (acknowledgement) => {
          this.#ledger.take(acknowledgement)
          display.progress(
            acknowledgement.line / input.lines,
            () => `${formatCount(acknowledgements.count)} of ${plural(input.lines, 'line')} acknowledged`,
          )
        },
      },
    )
    const kill = (): void => run.kill()
    signal.addEventListener('abort', kill)
    void run.ended.then(() => signal.removeEventListener('abort', kill))
    return run
  }

  #noteOpened(opened: Opened): void {
    const { recovery, engine, checksum, write, sync, mark } = opened.info
    const isFirst = this.#openings.push(opened) === 1
    if (isFirst) {
      this.#tell(
        `opened a new journal: ${engine} engine, ${checksum.inUse} checksums, ${write.inUse} and ${sync.inUse}, ` +
          `durable mark ${mark.inUse}`,
      )
    } else {
      this.#tell(`recovery took ${describeRecovery(recovery)}`)
    }
  }

  async #kill(run: Run): Promise<void> {
    run.kill()
    const { exitCode, signal, complaint } = await run.ended
    this.#noteEnd(run)
    if (signal !== 'SIGKILL')
      throw new TrialFailure(`the job has ended by itself (${signal ?? exitCode}): ${complaint}`)
  }

  #noteEnd(run: Run): void {
    this.#options.signal.throwIfAborted()
    if (run.hangs) throw new TrialFailure('the job has said nothing for minutes, and was ended')
    this.#committingMs += run.committingMs
    if (run.opened !== undefined) this.#difference ??= compareRecovery(run.opened.info.recovery, this.#found)
  }

  /** Looks at what a kill has left behind. */
  async #takeStock(target: Target, isHit: boolean, when: string): Promise<void> {
    const { acknowledgements } = this.#ledger
    const again = isHit ? '' : ' (to be tried again)'
    this.#tell(`SIGKILL ${when}${again}, with ${plural(acknowledgements.count, 'line')} acknowledged`)
    const { unacknowledged: unacknowledgedBefore } = this.#found
    const { unacknowledged, cleanEnd, fileBytes, tailState } = await this.#check()
    const crash: Crash = {
      target,
      unacknowledged: unacknowledged - unacknowledgedBefore,
      tailBytes: fileBytes - cleanEnd,
      tailState,
    }
    this.#tell(`${describeCheck(this.#found)}: every acknowledged line is there`)
    this.#tell(`left behind: ${describeCrash(crash)}`)
    if (isHit) this.#crashes.push(crash)
  }

  async #check(): Promise<Check> {
    const { input, journalPath, signal } = this.#options
    this.#checks++
    this.#found = await checkJournal(journalPath, input.path, this.#ledger.acknowledgements, signal)
    const difference = this.#ledger.difference ?? this.#difference ?? this.#found.difference
    if (difference !== undefined) throw new TrialFailure(difference.what, difference)
    return this.#found
  }

  #tell(text: string): void {
    this.#options.display.tell(`run ${this.#runs}  ${text}`)
  }
}

const TOO_LATE = 'too late, when nothing was committed any more'

const EMPTY: Check = {
  records: 0,
  textBytes: 0,
  unacknowledged: 0,
  cleanEnd: 0,
  fileBytes: 0,
  tailState: 'clean-end',
  tailDigest: undefined,
  difference: undefined,
}

function describeCheck({ records, fileBytes }: Check): string {
  return `checked ${plural(records, 'record')} in ${formatBytes(fileBytes)}`
}
