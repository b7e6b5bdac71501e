import { existsSync } from 'node:fs'

import { openReader } from 'fsys'

import type { Saying } from './messages.js'
import type { RecordContent } from './record-content.js'

/** A journal is not what it must be. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError'
}

/** From this record on, what stands in the journal was staged after this opening. */
interface Epoch {
  readonly epoch: number
  readonly from: number
}

/** What must stand in one journal: which openings staged which records, and up to where they are acknowledged. */
export class Ledger {
  readonly #path: string
  readonly #journal: number
  readonly #content: RecordContent
  #epochs: Epoch[] = []
  #acknowledged = { records: 0, lsn: 0 }
  /** What the last look at the file has found. */
  #found = { records: 0, end: 0 }
  /** Its writer has begun to empty it. */
  #isResetting = false
  /** Of the acknowledged records, so many have been found right at least once. */
  #verified = 0
  #acknowledgedInAll = 0
  #verifiedInAll = 0

  constructor(path: string, journal: number, content: RecordContent) {
    this.#path = path
    this.#journal = journal
    this.#content = content
  }

  /** Records that were acknowledged, and how many of them were looked at afterwards, in all the files of this name. */
  get totals(): { acknowledged: number; verified: number } {
    return { acknowledged: this.#acknowledgedInAll, verified: this.#verifiedInAll }
  }

  /** Takes note of what its writer says. */
  hear(saying: Extract<Saying, { journal: number }>): void {
    if (saying.say === 'resetting') {
      this.#isResetting = true
    } else if (saying.say === 'opened') {
      this.#open(saying)
    } else {
      const { records, lsn } = saying
      if (records < this.#acknowledged.records) this.#fail(`record ${records} is acknowledged after a later one`)
      this.#acknowledgedInAll += records - this.#acknowledged.records
      this.#acknowledged = { records, lsn }
    }
  }

  /** Compares the file, to which nobody writes now, with what must stand in it. Throws a LedgerError. */
  verify(): void {
    const found = this.#read()
    if (this.#isResetting && found.isEmpty) {
      this.#empty()
    } else if (found.records < this.#acknowledged.records) {
      const { records, lsn } = this.#acknowledged
      this.#fail(`${records} records up to LSN ${lsn} are acknowledged, and ${found.records} are there (${found.tail})`)
    }
    this.#isResetting = false
    this.#found = found
    this.#verifiedInAll += this.#acknowledged.records - this.#verified
    this.#verified = this.#acknowledged.records
  }

  #open({ epoch, records, cleanEnd }: Extract<Saying, { say: 'opened' }>): void {
    if (this.#isResetting) this.#empty()
    const { records: expected, end } = this.#found
    if (records !== expected || cleanEnd !== end) {
      this.#fail(`${expected} records up to LSN ${end} were there, and it opens with ${records} up to ${cleanEnd}`)
    }
    // Nothing of later epochs stands in front of this one.
    this.#epochs = [...this.#epochs.filter(({ from }) => from < records), { epoch, from: records }]
  }

  #empty(): void {
    this.#isResetting = false
    this.#epochs = []
    this.#acknowledged = { records: 0, lsn: 0 }
    this.#found = { records: 0, end: 0 }
    this.#verified = 0
  }

  #read(): { records: number; end: number; tail: string; isEmpty: boolean } {
    if (!existsSync(this.#path)) return { records: 0, end: 0, tail: 'no file', isEmpty: false }
    using reader = openReader(this.#path)
    const epochs = this.#epochs[Symbol.iterator]()
    let current: Epoch = { epoch: -1, from: 0 }
    let next = epochs.next().value
    let index = 0
    for (const { payload, endLsn } of reader) {
      while (next !== undefined && next.from <= index) {
        current = next
        next = epochs.next().value
      }
      const id = { journal: this.#journal, epoch: current.epoch, index }
      const difference = this.#content.differenceOf(payload, id)
      if (difference !== undefined) this.#fail(`record ${index} of epoch ${current.epoch}: ${difference}`)
      index++
      const { records, lsn } = this.#acknowledged
      if (index === records && endLsn !== lsn) this.#fail(`record ${index - 1} ends at ${endLsn}, not at ${lsn}`)
    }
    return { records: index, end: reader.position, tail: reader.tailState ?? 'unknown', isEmpty: reader.fileSize === 0 }
  }

  #fail(reason: string): never {
    throw new LedgerError(`${this.#path}: ${reason}`)
  }
}
