import { createHash } from 'node:crypto'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

import { openReader, type Recovery } from 'fsys'

import { must } from '../sim/model.js'
import { isReferenceFrame, referenceFrame } from '../sim/reference.js'
import { recordAt } from './power-cuts-records.js'

/** What stands in a journal. */
export interface Standing {
  readonly records: number
  /** The end of the last of them. */
  readonly end: number
  readonly fileBytes: number
  /** What follows them, without the zeros at its end. */
  readonly tail: Buffer
  readonly tailState: string
}

const EMPTY: Standing = { records: 0, end: 0, fileBytes: 0, tail: Buffer.alloc(0), tailState: 'clean-end' }

/** One journal through all its power cuts: what was appended, how far it was confirmed, and what is there. */
export class JournalHistory {
  readonly path: string
  readonly #seed: number
  /** Who appended the records from this one on. */
  #lives: { readonly life: number; readonly records: number }[] = []
  #confirmedLsn = -1
  #found: Standing = EMPTY
  /** It was seen on the disk itself. */
  #isTailDurable = false
  /** By their paths. */
  readonly #savedTails = new Map<string, string>()

  constructor(path: string, seed: number) {
    this.path = path
    this.#seed = seed
  }

  /** What was there when it was looked at last. */
  get found(): Standing {
    return this.#found
  }

  get confirmedLsn(): number {
    return this.#confirmedLsn
  }

  /** Another process is about to open it. */
  begin(life: number): void {
    this.#lives.push({ life, records: this.#found.records })
  }

  /** It has been opened for the first time since it was looked at: D6 and D7, with all that was there. */
  opened({ records, cleanEnd, bytesCut, savedTail }: Recovery): void {
    const { records: recordsFound, end, fileBytes, tail } = this.#found
    must(
      records === recordsFound && cleanEnd === end,
      'D6',
      () => `opened with ${records} records up to ${cleanEnd}, not with ${recordsFound} up to ${end}`,
    )
    must(bytesCut === fileBytes - end, 'D6', () => `cut ${bytesCut} bytes, not ${fileBytes - end}`)
    must(
      (savedTail?.bytes ?? 0) === tail.length,
      'D7',
      () => `saved ${savedTail?.bytes ?? 0} bytes of the ${tail.length} that were cut off`,
    )
    if (savedTail !== undefined) this.#savedTails.set(savedTail.path, digest(tail))
  }

  /** Everything below this was confirmed; from here on it must always be there. */
  confirmed(lsn: number): void {
    this.#confirmedLsn = Math.max(this.#confirmedLsn, lsn)
  }

  /** Looks at what a writer that ended like this has left: D1, D2, D3 and D7. */
  check(end: 'kill' | 'power cut'): Standing {
    const before = this.#found
    const image = existsSync(this.path) ? readFileSync(this.path) : undefined
    must(image !== undefined || this.#confirmedLsn < 0, 'D1', () => `confirmed, but the journal has no name`)
    const found = image === undefined ? EMPTY : this.#walk(image)
    if (image !== undefined) this.#compareReader(found, image)
    this.#checkTails(before, image ?? Buffer.alloc(0))
    this.#found = found
    this.#isTailDurable = end === 'power cut'
    while (this.#lives.length > 0 && (this.#lives.at(-1)?.records ?? 0) >= found.records) this.#lives.pop()
    return found
  }

  #walk(image: Buffer): Standing {
    let [records, end, wasConfirmed] = [0, 0, this.#confirmedLsn <= 0]
    for (;;) {
      const frame = referenceFrame(this.#recordAt(records))
      if (Buffer.compare(image.subarray(end, end + frame.length), frame) !== 0) break
      records++
      end += frame.length
      wasConfirmed ||= end === this.#confirmedLsn
    }
    must(
      end >= this.#confirmedLsn,
      'D2',
      () => `${records} records end at ${end}, but all below ${this.#confirmedLsn} was confirmed`,
    )
    must(wasConfirmed, 'D1', () => `${this.#confirmedLsn} was confirmed, where no record ends`)
    must(!isReferenceFrame(image, end), 'D3', () => `a record at ${end} that was not appended there`)
    let length = image.length
    while (length > end && image[length - 1] === 0) length--
    return { records, end, fileBytes: image.length, tail: image.subarray(end, length), tailState: '' }
  }

  #recordAt(index: number): Buffer {
    const life = this.#lives.findLast(({ records }) => records <= index)?.life ?? 0
    return recordAt(this.#seed, life, index)
  }

  /** The library's reader sees the same. */
  #compareReader(found: Standing, image: Buffer): void {
    using reader = openReader(this.path)
    let [records, end] = [0, 0]
    for (const { lsn, endLsn, payload } of reader) {
      must(
        lsn === end && payload.equals(image.subarray(lsn + 8, endLsn - 4)),
        'D3',
        () => `the reader gives a record at ${lsn} that is not the one there`,
      )
      records++
      end = endLsn
    }
    must(
      records === found.records && reader.position === found.end,
      'D2',
      () => `the reader gives ${records} records up to ${reader.position}, of ${found.records} up to ${found.end}`,
    )
    Object.assign(found, { tailState: reader.tailState })
  }

  /** D7: what an open has saved stays; and what it was about to save is in one place or the other. */
  #checkTails({ tail, end }: Standing, image: Buffer): void {
    for (const [path, expected] of this.#savedTails) {
      must(existsSync(path) && digest(readFileSync(path)) === expected, 'D7', () => `the tail saved in ${path} is gone`)
    }
    if (tail.length === 0 || !this.#isTailDurable || tail.equals(image.subarray(end, end + tail.length))) return
    const prefix = `${basename(this.path)}.corrupt-${end}`
    const isSaved = readdirSync(dirname(this.path))
      .filter((name) => name.startsWith(prefix))
      .some((name) => tail.equals(readFileSync(join(dirname(this.path), name))))
    must(isSaved, 'D7', () => `${tail.length} bytes that stood at ${end} are gone, and nowhere saved`)
  }
}

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
