import { isReferenceFrame, referenceFrame } from './reference.js'

/** A promise of DESIGN section 3 that was not kept. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

export function must(holds: boolean, invariant: string, what: () => string): void {
  if (!holds) throw new Violation(`${invariant}: ${what()}`)
}

interface Appended {
  readonly end: number
  readonly frame: Uint8Array
}

/**
 * What must be true of a journal, kept beside it: what was appended, in order, and how far it was confirmed. It knows the
 * format and the promises, and nothing of the library.
 */
export class Model {
  /** In LSN order from 0 on, without a gap. The last ones may never have been staged. */
  #appended: Appended[] = []
  /** The highest LSN that anything has confirmed. */
  #confirmedLsn = 0
  /** The highest written frontier that was seen: survives the death of the process, not of the machine. */
  #writtenLsn = 0
  #frontiers = [0, 0, 0]

  get endLsn(): number {
    return this.#appended.at(-1)?.end ?? 0
  }

  get confirmedLsn(): number {
    return this.#confirmedLsn
  }

  /** An append is about to be made. Returns the LSN that it must return. */
  appending(payload: Uint8Array): number {
    const frame = referenceFrame(payload)
    const end = this.endLsn + frame.length
    this.#appended.push({ end, frame })
    return end
  }

  confirmed(lsn: number): void {
    if (lsn > this.#confirmedLsn) this.#confirmedLsn = lsn
  }

  /** D4: the frontiers are in order, and each only grows. */
  frontiers(durable: number, written: number, next: number): void {
    const [lastDurable = 0, lastWritten = 0, lastNext = 0] = this.#frontiers
    must(durable <= written && written <= next, 'D4', () => `durable ${durable}, written ${written}, next ${next}`)
    must(
      durable >= lastDurable && written >= lastWritten && next >= lastNext,
      'D4',
      () => `the frontiers went from ${this.#frontiers.join(', ')} to ${durable}, ${written}, ${next}`,
    )
    this.#frontiers = [durable, written, next]
    this.#writtenLsn = written
    this.confirmed(durable)
  }

  /**
   * D2, D3: what stands in the file is a prefix of what was appended, and holds all that a crash of this kind must leave.
   * Returns its end.
   */
  survived(bytes: Uint8Array | undefined, crash: 'power-cut' | 'kill'): number {
    const image = bytes ?? new Uint8Array(0)
    let end = 0
    for (const { end: next, frame } of this.#appended) {
      if (Buffer.compare(image.subarray(end, next), frame) !== 0) break
      end = next
    }
    must(!isReferenceFrame(image, end), 'D3', () => `a record at ${end} that was not appended there`)
    const least = crash === 'kill' ? Math.max(this.#confirmedLsn, this.#writtenLsn) : this.#confirmedLsn
    must(end >= least, 'D2', () => `records end at ${end} after a ${crash}, but must reach ${least}`)
    this.#writtenLsn = end
    return end
  }

  /** The journal has been opened: D6, it goes on where the file's records end, and all of them are durable from now on. */
  opened(nextLsn: number, cleanEnd: number): void {
    must(nextLsn === cleanEnd, 'D6', () => `opened at ${nextLsn}, but the valid records end at ${cleanEnd}`)
    this.#appended = this.#appended.filter(({ end }) => end <= nextLsn)
    must(this.endLsn === nextLsn, 'D6', () => `opened at ${nextLsn}, in the middle of a record`)
    this.#confirmedLsn = nextLsn
    this.#writtenLsn = nextLsn
    this.#frontiers = [nextLsn, nextLsn, nextLsn]
  }

  /** D2: what a reader gives at the end of the run. */
  reads(payloads: readonly Uint8Array[]): void {
    must(
      payloads.length === this.#appended.length &&
        payloads.every((payload, index) => {
          const frame = this.#appended[index]?.frame
          return frame !== undefined && Buffer.compare(payload, frame.subarray(8, -4)) === 0
        }),
      'D2',
      () => `the reader gives ${payloads.length} records of ${this.#appended.length}, or others`,
    )
  }
}
