// Writes to several journals at once, closes and opens them again when it is told to, and says what was acknowledged.
// Started by the soak, in a process of its own: writer.js <directory> <life> <options as JSON>
import { statSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

import { openJournal, openJournalSync } from 'fsys'

import { sharedKernelPool } from '#src/checksum/kernel-pool.js'
import { reset } from '#src/journal/reset.js'
import { nodeStorage } from '#src/storage/node-storage.js'
import { run } from '#src/storage/steps.js'

import { seededRandom } from '../support/random.js'
import { LatencyRecorder } from './latency.js'
import { Load } from './load.js'
import { type Counts, type Order, type Part, SLOT_BYTES, type WriterOptions, journalName, say } from './messages.js'
import { RecordContent } from './record-content.js'
import { measureResources } from './resources.js'

/** Openings of one process are told apart by this many numbers. */
const OPENINGS_MAX = 2 ** 20

class WriterLoop {
  readonly #directory: string
  readonly #life: number
  readonly #options: WriterOptions
  readonly #content: RecordContent
  readonly #random: () => number
  readonly #latencies = new Map<Part, LatencyRecorder>()
  #openings = 0
  #counts: Counts = noCounts()
  #rssPeak = 0

  constructor(directory: string, life: number, options: WriterOptions) {
    this.#directory = directory
    this.#life = life
    this.#options = options
    this.#content = new RecordContent(options.seed, SLOT_BYTES)
    this.#random = seededRandom(options.seed ^ (life * 7919))
  }

  async work(part: Part): Promise<void> {
    const latencies = this.#latencies.get(part) ?? new LatencyRecorder()
    this.#latencies.set(part, latencies)
    const loads = await Promise.all(SLOT_BYTES.map((_, journal) => this.#open(journal, latencies)))
    const until = performance.now() + this.#options.reopenMs * (0.5 + this.#random())
    while (performance.now() < until) {
      await sleep(Math.min(100, until - performance.now()))
      this.#rssPeak = Math.max(this.#rssPeak, process.memoryUsage.rss())
    }
    await Promise.all(loads.map((load) => load.stop()))
    say({ say: 'resting', resources: measureResources(), rssPeak: this.#rssPeak, counts: this.#counts })
    this.#counts = noCounts()
  }

  end(): void {
    const latencies = Object.fromEntries([...this.#latencies].map(([part, { latency }]) => [part, latency]))
    say({ say: 'ending', latencies })
  }

  async #open(journal: number, latencies: LatencyRecorder): Promise<Load> {
    const path = join(this.#directory, journalName(journal))
    await this.#resetIfLarge(path, journal)
    const epoch = this.#life * OPENINGS_MAX + this.#openings++
    const options = { logBufferBytes: SLOT_BYTES[journal] as number }
    const opened = this.#random() < 0.5 ? await openJournal(path, options) : openJournalSync(path, options)
    const { records, cleanEnd } = opened.info.recovery
    say({ say: 'opened', journal, epoch, records, cleanEnd })
    const counts = this.#counts
    return new Load(opened, { path, journal, epoch, content: this.#content, random: this.#random, latencies, counts })
  }

  /** Bounds what lies on the disk. */
  async #resetIfLarge(path: string, journal: number): Promise<void> {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    if (size <= this.#options.journalBytesMax) return
    say({ say: 'resetting', journal })
    const { saved } = await run(
      reset(path, { storage: nodeStorage, memory: sharedKernelPool, force: false, fileMode: 0o600 }),
    )
    if (saved !== undefined) unlinkSync(saved.path)
    this.#counts.resets++
  }
}

function noCounts(): Counts {
  return { commits: 0, syncThroughs: 0, blockingSyncs: 0, flushes: 0, batches: 0, recordsFollowed: 0, resets: 0 }
}

async function main([directory = '', life = '0', options = '{}']: readonly string[]): Promise<void> {
  process.on('uncaughtException', (error) => {
    say({ say: 'failed', message: error.stack ?? String(error) })
    process.exit(1)
  })
  const writer = new WriterLoop(directory, Number(life), JSON.parse(options) as WriterOptions)
  // The soak has died.
  const lines = createInterface({ input: process.stdin }).on('close', () => process.exit(1))
  for await (const line of lines) {
    const order = JSON.parse(line) as Order
    if (order.order === 'end') {
      writer.end()
      process.exit(0)
    }
    await writer.work(order.part)
  }
}

await main(process.argv.slice(2))
