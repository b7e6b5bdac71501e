import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'

import { type Journal, type Lsn, openReader } from 'fsys'

import type { LatencyRecorder } from './latency.js'
import { type Counts, say } from './messages.js'
import type { RecordContent } from './record-content.js'

const COMMITTERS = 4
/** How long those who wait for syncs go on without a pause, and how long they pause each time, in milliseconds. */
const BURST_MS = 100
const CALM_MS = 900
const PAUSE_MS_MAX = 60

export interface LoadPlan {
  readonly path: string
  readonly journal: number
  readonly epoch: number
  readonly content: RecordContent
  readonly random: () => number
  readonly latencies: LatencyRecorder
  readonly counts: Counts
}

/** All that a program may do to one open journal, at the same time. What comes back wrong is thrown by `stop`. */
export class Load {
  readonly #journal: Journal
  readonly #plan: LoadPlan
  readonly #firstIndex: number
  readonly #firstLsn: Lsn
  #index: number
  #isStopping = false
  #acknowledged = { records: 0, lsn: 0 }
  #isToldSoon = false
  readonly #jobs: readonly Promise<void>[]
  readonly #follower: Promise<void>

  constructor(journal: Journal, plan: LoadPlan) {
    this.#journal = journal
    this.#plan = plan
    this.#firstIndex = journal.info.recovery.records
    this.#firstLsn = journal.nextLsn
    this.#index = this.#firstIndex
    const committers = Array<() => Promise<void>>(COMMITTERS).fill(this.#commitOnce)
    this.#jobs = [
      ...[...committers, this.#syncThroughOnce, this.#batchOnce].map((once) => this.#repeat(once, true)),
      ...[this.#flushOnce, this.#blockOnce].map((once) => this.#repeat(once, false)),
    ]
    this.#follower = this.#follow()
  }

  /** Ends the load and closes the journal. All that was appended is durable then. */
  async stop(): Promise<void> {
    this.#isStopping = true
    const { random } = this.#plan
    // Sometimes into the midst of it: what is under way then is confirmed by the close.
    if (random() < 0.5) await Promise.all(this.#jobs)
    const { nextLsn } = this.#journal
    if (random() < 0.5) this.#journal.closeSync()
    await this.#journal.close()
    this.#acknowledge(this.#index, nextLsn)
    this.#tell()
    await Promise.all([...this.#jobs, this.#follower])
  }

  async #repeat(once: () => Promise<void>, hasBursts: boolean): Promise<void> {
    const { random } = this.#plan
    while (!this.#isStopping) {
      await once()
      const isBurst = hasBursts && performance.now() % (BURST_MS + CALM_MS) < BURST_MS
      await (isBurst ? nextTurn() : sleep(random() * PAUSE_MS_MAX))
    }
  }

  readonly #commitOnce = async (): Promise<void> => {
    const { counts, latencies } = this.#plan
    const record = this.#next()
    const startedAt = performance.now()
    const committed = this.#journal.commit(record)
    const records = this.#index
    const endLsn = this.#journal.nextLsn
    const lsn = await committed
    latencies.record(performance.now() - startedAt)
    if (lsn !== endLsn) throw new Error(`commit of what ends at ${endLsn} resolved to ${lsn}`)
    counts.commits++
    this.#acknowledge(records, lsn)
  }

  readonly #syncThroughOnce = async (): Promise<void> => {
    for (let left = 1 + Math.floor(this.#plan.random() * 8); left > 0; left--) this.#journal.append(this.#next())
    const records = this.#index
    const lsn = this.#journal.nextLsn
    const durable = await this.#journal.syncThrough(lsn)
    if (durable < lsn) throw new Error(`syncThrough(${lsn}) resolved to ${durable}`)
    this.#plan.counts.syncThroughs++
    this.#acknowledge(records, lsn)
  }

  readonly #batchOnce = async (): Promise<void> => {
    const { random, counts } = this.#plan
    const next = (): Buffer | string => this.#next()
    const length = 1 + Math.floor(random() * 10)
    // One that reuses its memory, and one that does not.
    function* records(): Generator<Buffer | string> {
      for (let left = length; left > 0; left--) yield next()
    }
    const copies = (): (Buffer | string)[] =>
      Array.from(records(), (record) => (typeof record === 'string' ? record : Buffer.from(record)))
    const lsn = this.#journal.appendBatch(random() < 0.5 ? records() : copies())
    const through = this.#index
    counts.batches++
    // Left to whoever syncs next.
    if (random() < 0.5) return
    await this.#journal.syncThrough(lsn)
    this.#acknowledge(through, lsn)
  }

  readonly #flushOnce = async (): Promise<void> => {
    const { random, counts } = this.#plan
    this.#journal.append(this.#next())
    const records = this.#index
    const lsn = this.#journal.nextLsn
    const written = random() < 0.5 ? this.#journal.flushSync() : await this.#journal.flush()
    if (written < lsn) throw new Error(`a flush of what ends at ${lsn} resolved to ${written}`)
    counts.flushes++
    this.#acknowledge(records, lsn)
  }

  readonly #blockOnce = async (): Promise<void> => {
    await sleep(50 + this.#plan.random() * 200)
    if (this.#isStopping) return
    const lsn = this.#journal.append(this.#next())
    const durable = this.#journal.syncThroughSync(lsn)
    if (durable < lsn) throw new Error(`syncThroughSync(${lsn}) returned ${durable}`)
    this.#plan.counts.blockingSyncs++
    this.#acknowledge(this.#index, lsn)
  }

  /** Reads what is being written, as it comes, to the end. */
  async #follow(): Promise<void> {
    const { path, journal, epoch, content, counts, random } = this.#plan
    using reader = openReader(path)
    reader.seek(this.#firstLsn)
    let index = this.#firstIndex
    const compare = (payload: Buffer): void => {
      const difference = content.differenceOf(payload, { journal, epoch, index })
      if (difference !== undefined) throw new Error(`a reader that follows: record ${index}: ${difference}`)
      index++
      counts.recordsFollowed++
    }
    for (let isLast = false; !isLast;) {
      await sleep(25)
      isLast = this.#isClosed
      reader.refresh()
      const way = random()
      if (way < 0.3) for (const { payload } of reader) compare(payload)
      else if (way < 0.6) for await (const { payload } of reader) compare(payload)
      else if (way < 0.8) reader.scan((buffer, start, end) => compare(buffer.subarray(start, end)))
      else {
        for await (const batch of reader.batches()) {
          for (let at = 0; at < batch.count; at++) compare(batch.payload(at))
        }
      }
    }
    if (index !== this.#index) throw new Error(`a reader that follows has seen ${index} of ${this.#index} records`)
  }

  get #isClosed(): boolean {
    return this.#isStopping && this.#acknowledged.lsn === this.#journal.nextLsn
  }

  #next(): Buffer | string {
    const { journal, epoch, content } = this.#plan
    const id = { journal, epoch, index: this.#index++ }
    const record = content.make(id)
    return content.isText(id) ? record.toString('latin1') : record
  }

  #acknowledge(records: number, lsn: number): void {
    if (lsn <= this.#acknowledged.lsn) return
    this.#acknowledged = { records, lsn }
    if (this.#isToldSoon) return
    this.#isToldSoon = true
    setImmediate(() => this.#tell())
  }

  #tell(): void {
    if (!this.#isToldSoon) return
    this.#isToldSoon = false
    say({ say: 'acknowledged', journal: this.#plan.journal, ...this.#acknowledged })
  }
}
