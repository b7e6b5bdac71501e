import { isReferenceFrame, referenceFrame } from './reference.js'

/** A promise of ARCHITECTURE.md that was not kept. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

export function must(holds: boolean, invariant: string, what: () => string): void {
  if (!holds) throw new Violation(`${invariant}: ${what()}`)
}

/**
 * What must be true of a journal, kept beside it: what was appended, in order, and how far it was confirmed. It knows the
 * format and the promises, and nothing of the library.
 */
export class Model {
  /** The file as it must become, from 0 on, without a gap. The last records may never have been staged. */
  #bytes = Buffer.alloc(4096)
  /** Where each record ends. */
  #ends: number[] = []
  /** The highest LSN that anything has confirmed. */
  #confirmedLsn = 0
  /** The highest written frontier that was seen: survives the death of the process, not of the machine. */
  #writtenLsn = 0
  #lastDurable = 0
  #lastWritten = 0
  #lastNext = 0

  get endLsn(): number {
    return this.#ends.at(-1) ?? 0
  }

  get confirmedLsn(): number {
    return this.#confirmedLsn
  }

  get recordCount(): number {
    return this.#ends.length
  }

  /** What a crash of this kind must leave, if it came now. */
  leastAfter(crash: 'power-cut' | 'kill'): number {
    return crash === 'kill' ? Math.max(this.#confirmedLsn, this.#writtenLsn) : this.#confirmedLsn
  }

  /** An append is about to be made. Returns the LSN that it must return. */
  appending(payload: Uint8Array): number {
    return this.standing(referenceFrame(payload))
  }

  /** A frame, with whatever an older writer left before it. Returns its end. */
  standing(bytes: Uint8Array): number {
    const start = this.endLsn
    const end = start + bytes.length
    if (end > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], end * 2)
    this.#bytes.set(bytes, start)
    this.#ends.push(end)
    return end
  }

  /** The file as it must become. */
  image(): Uint8Array {
    return this.#bytes.subarray(0, this.endLsn)
  }

  confirmed(lsn: number): void {
    if (lsn > this.#confirmedLsn) this.#confirmedLsn = lsn
  }

  /** D4: the frontiers are in order, and each only grows. */
  frontiers(durable: number, written: number, next: number): void {
    must(durable <= written && written <= next, 'D4', () => `durable ${durable}, written ${written}, next ${next}`)
    must(
      durable >= this.#lastDurable && written >= this.#lastWritten && next >= this.#lastNext,
      'D4',
      () =>
        `the frontiers went from ${this.#lastDurable}, ${this.#lastWritten}, ${this.#lastNext} to ${durable}, ${written}, ${next}`,
    )
    this.#lastDurable = durable
    this.#lastWritten = written
    this.#lastNext = next
    this.#writtenLsn = written
    this.confirmed(durable)
  }

  /**
   * D2, D3: what stands in the file is a prefix of what was appended, and holds at least what is below `least`. Returns its
   * end.
   */
  prefixOf(image: Uint8Array, least: number, crash: string): number {
    const end = this.#wholeRecordsBelow(this.#sameBytes(image))
    must(!isReferenceFrame(image, end), 'D3', () => `a record at ${end} that was not appended there`)
    must(end >= least, 'D2', () => `records end at ${end} after a ${crash}, but must reach ${least}`)
    return end
  }

  /** The same, of what has survived a crash, from which the journal goes on. */
  survived(bytes: Uint8Array | undefined, crash: 'power-cut' | 'kill'): number {
    const end = this.prefixOf(bytes ?? NOTHING, this.leastAfter(crash), crash)
    this.#writtenLsn = end
    return end
  }

  /** The journal has been opened: D6, it goes on where the file's records end, and all of them are durable from now on. */
  opened(nextLsn: number, cleanEnd: number): void {
    must(nextLsn === cleanEnd, 'D6', () => `opened at ${nextLsn}, but the valid records end at ${cleanEnd}`)
    while (this.endLsn > nextLsn) this.#ends.pop()
    must(this.endLsn === nextLsn, 'D6', () => `opened at ${nextLsn}, in the middle of a record`)
    this.#startAgainAt(nextLsn)
  }

  /** Somebody has said that what is damaged from `lsn` on may go. */
  givenUp(lsn: number): void {
    this.#startAgainAt(lsn)
  }

  /** D2, D3: a reader gives a prefix of what was appended; all of it, or at least what is below `least`. */
  reads(payloads: Iterable<Uint8Array>, least: 'all' | number): void {
    let count = 0
    for (const payload of payloads) {
      this.readsRecord(count, payload)
      count++
    }
    if (least === 'all') {
      must(count === this.#ends.length, 'D2', () => `the reader gives ${count} records of ${this.#ends.length}`)
    } else {
      this.readsEnd(count, least)
    }
  }

  /** D3: what a reader gives as record `index`, byte for byte. */
  readsRecord(index: number, payload: Uint8Array): void {
    const end = this.#ends[index]
    must(end !== undefined, 'D3', () => `the reader gives record ${index}, which was never appended`)
    const start = (end as number) - payload.length - 4
    const isRight =
      start - 8 >= (this.#ends[index - 1] ?? 0) &&
      payload.length === this.#bytes.readUInt32LE(start - 4) &&
      this.#bytes.compare(payload, 0, payload.length, start, start + payload.length) === 0
    must(isRight, 'D3', () => `the reader gives another record ${index} than was appended`)
  }

  /** D2: a reader that has given so many records must have given what is below `least`. */
  readsEnd(count: number, least: number): void {
    const end = this.#ends[count - 1] ?? 0
    must(end >= least, 'D2', () => `the reader ends at ${end}, but ${least} was written before it was opened`)
  }

  #startAgainAt(lsn: number): void {
    this.#confirmedLsn = lsn
    this.#writtenLsn = lsn
    this.#lastDurable = lsn
    this.#lastWritten = lsn
    this.#lastNext = lsn
  }

  /** How many bytes are as they must be. */
  #sameBytes(image: Uint8Array): number {
    const length = Math.min(image.length, this.endLsn)
    const bytes = this.#bytes
    for (let start = 0; start < length; start += PIECE_BYTES) {
      const stop = Math.min(start + PIECE_BYTES, length)
      if (bytes.compare(image, start, stop, start, stop) === 0) continue
      let at = start
      while (bytes[at] === image[at]) at++
      return at
    }
    return length
  }

  #wholeRecordsBelow(limit: number): number {
    const ends = this.#ends
    let index = ends.length - 1
    while (index >= 0 && (ends[index] as number) > limit) index--
    return ends[index] ?? 0
  }
}

const NOTHING = new Uint8Array(0)
const PIECE_BYTES = 16_384
