import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'

/** How long commits took, from the call to the answer, in microseconds. */
export interface Latency {
  readonly commits: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly p999: number
  readonly max: number
}

/** Collects times in bounded memory, to three digits. */
export class LatencyRecorder {
  readonly #histogram: RecordableHistogram = createHistogram()

  /** In milliseconds. */
  record(ms: number): void {
    this.#histogram.record(Math.max(1, Math.round(ms * 1e6)))
  }

  get latency(): Latency {
    const histogram = this.#histogram
    const us = (percent: number): number => Math.round(histogram.percentile(percent) / 1e3)
    return {
      commits: histogram.count,
      p50: us(50),
      p90: us(90),
      p99: us(99),
      p999: us(99.9),
      max: histogram.count === 0 ? 0 : Math.round(histogram.max / 1e3),
    }
  }
}
