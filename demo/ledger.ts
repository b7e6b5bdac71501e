import { type RecordableHistogram, createHistogram } from 'node:perf_hooks'

import { Acknowledgements } from './acknowledgements.js'
import type { Difference } from './check.js'
import type { Acknowledgement } from './reports.js'

/** What the parent keeps of everything that the job has reported, over all its runs. */
export class Ledger {
  readonly acknowledgements = new Acknowledgements()
  /** In nanoseconds. */
  readonly latency: RecordableHistogram = createHistogram({ figures: 3 })
  #durableLsn = 0
  #syncs = 0
  #difference: Difference | undefined

  /** How many different durable frontiers were seen: each is the doing of another sync. */
  get syncs(): number {
    return this.#syncs
  }

  /** The first report that cannot be true. */
  get difference(): Difference | undefined {
    return this.#difference
  }

  readonly take = ({ line, lsn, latencyMs, durableLsn }: Acknowledgement): void => {
    this.latency.record(Math.max(1, Math.round(latencyMs * 1e6)))
    if (durableLsn !== this.#durableLsn) {
      this.#durableLsn = durableLsn
      this.#syncs++
    }
    if (durableLsn < lsn) {
      this.#difference ??= {
        what: 'the line was acknowledged before it was durable',
        line,
        lsn,
        expected: `durable up to LSN ${lsn}`,
        found: `durable up to LSN ${durableLsn}`,
      }
    }
    const earlier = this.acknowledgements.lsnOf(line)
    if (this.acknowledgements.add(line, lsn)) return
    this.#difference ??= {
      what: 'the line was acknowledged twice, so it was journaled twice',
      line,
      lsn,
      expected: `one acknowledgement, at LSN ${earlier}`,
      found: `another one, at LSN ${lsn}`,
    }
  }
}
