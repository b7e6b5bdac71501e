import { setImmediate } from 'node:timers/promises'

import { FsysError } from '#src/errors.js'
import { type JournalReader, type JournalRecord, openReader } from '#src/journal/reader.js'
import type { Lsn } from '#src/lsn.js'
import { Random } from '#src/storage/sim/random.js'

import { must } from '../sim/model.js'
import { type Input, JOURNAL_BIRTH_TIME, JOURNAL_INODE } from './input.js'
import { makeJournal } from './make-journal.js'
import { makeMark } from './make-mark.js'
import { MemoryStorage } from './memory-storage.js'
import { markOf } from './reference-mark.js'
import { type Place, type Walk, frameEnd, tailStateAt, walk } from './reference-walk.js'
import { type SmallKernels, smallKernels } from './small-kernels.js'
import { type Surface, TAIL_STATES, type Tally } from './surface.js'

const PATH = '/fuzz/app.wal'

/** `openReader` on any bytes: all ways of reading, in any order, from any position. */
export const readerSurface: Surface = {
  name: 'reader',
  make(random, bases) {
    const journal = makeJournal(random, bases)
    const beside = random.chance(0.06) ? { '.mark': makeMark(random, journal) } : {}
    return { journal, beside, choices: random.bits() }
  },
  check(input, tally) {
    const random = new Random(input.choices)
    const isWaiting = random.chance(0.07)
    const checked = new CheckedReader(input, random, tally)
    return isWaiting ? checked.runWaiting() : checked.runBlocking()
  },
  goals: [
    ...TAIL_STATES.map((state) => `tail ${state}`),
    'tail with a gap suspected',
    'gap crossed',
    'readAt of a record',
    'readAt of none: ERR_FSYS_NO_RECORD',
    'waiting',
  ],
}

/** A reader, and beside it what it must say. */
class CheckedReader {
  readonly #bytes: Buffer
  readonly #random: Random
  readonly #tally: Tally
  readonly #storage = new MemoryStorage()
  readonly #pool: SmallKernels
  readonly #reader: JournalReader
  readonly #skipGapsBelow: number
  /** The walk that the reader is on, and how many of its records were given. */
  #walk: Walk
  #given = 0
  #position = 0
  #isAtEnd = false
  #gaps = 0
  /** How often it was asked for something, which may each time make it read all of the file. */
  #walks = 0
  /** Payloads from iteration are never reused. */
  readonly #kept: { readonly payload: Buffer; readonly place: Place }[] = []

  constructor({ journal, beside }: Input, random: Random, tally: Tally) {
    this.#bytes = journal
    this.#random = random
    this.#tally = tally
    const storage = this.#storage
    storage.put(PATH, journal)
    const markFile = beside['.mark']
    if (markFile !== undefined) storage.put(`${PATH}.mark`, markFile)
    if (random.chance(0.1)) storage.shortReads = random
    const gaps = random.chance(0.4) ? 'skip' : 'refuse'
    const mark = markOf(markFile, JOURNAL_INODE, JOURNAL_BIRTH_TIME)
    this.#skipGapsBelow = mark === undefined ? (gaps === 'skip' ? Infinity : 0) : Number(mark.gapFreeLsn)
    this.#walk = walk(journal, 0, this.#skipGapsBelow)
    this.#pool = smallKernels(random)
    this.#reader = openReader(PATH, { storage, memory: this.#pool, gaps })
  }

  runBlocking(): void {
    for (let calls = this.#callCount(); calls > 0; calls--) this.#callSomething()
    if (this.#random.chance(0.5)) this.#scan(Infinity)
    else this.#iterate(Infinity)
    this.#finish()
  }

  async runWaiting(): Promise<void> {
    this.#tally.add('waiting')
    for (let calls = this.#callCount(); calls > 0; calls--) {
      const kind = this.#random.below(4)
      if (kind < 2) this.#callSomething()
      else if (kind === 2) await this.#iterateWaiting(this.#random.below(4))
      else await this.#readBatches(1 + this.#random.below(2))
    }
    if (this.#random.chance(0.5)) await this.#readBatches(Infinity)
    else await this.#iterateWaiting(Infinity)
    this.#reader.close()
    // What is being read ahead, and will not be needed.
    if (this.#storage.counts.openFiles > 0) await setImmediate()
    this.#finish()
  }

  /** Most readers just go through the file. */
  #callCount(): number {
    return this.#random.chance(0.6) ? 0 : 1 + this.#random.below(3)
  }

  #callSomething(): void {
    const random = this.#random
    this.#checkState()
    switch (random.below(5)) {
      case 0:
        return this.#iterate(random.below(4))
      case 1:
        return this.#scan(1 + random.below(3))
      case 2:
        return this.#seek(this.#somePosition())
      case 3:
        this.#reader.refresh()
        return this.#moved(this.#position)
      default:
        return this.#readAt(this.#somePosition())
    }
  }

  #iterate(most: number): void {
    this.#walks++
    const records = this.#reader[Symbol.iterator]()
    for (let count = 0; count < most; count++) {
      const next = records.next()
      if (next.done === true) return this.#ended()
      this.#isNext(next.value)
    }
    records.return()
  }

  async #iterateWaiting(most: number): Promise<void> {
    this.#walks++
    const records = this.#reader[Symbol.asyncIterator]()
    for (let count = 0; count < most; count++) {
      const next = await records.next()
      if (next.done === true) return this.#ended()
      this.#isNext(next.value)
    }
    await records.return()
  }

  async #readBatches(most: number): Promise<void> {
    this.#walks++
    let batches = 0
    for await (const batch of this.#reader.batches()) {
      must(batch.count > 0 && batch.offsets.length === batch.count + 1, 'D3', () => 'an empty batch')
      const [first] = batch.offsets
      for (let index = 0; index < batch.count; index++) {
        const lsn = (batch.lsn + (batch.offsets[index] as number) - (first as number)) as Lsn
        const endLsn = (batch.lsn + (batch.offsets[index + 1] as number) - (first as number)) as Lsn
        this.#isNext({ lsn, endLsn, payload: batch.payload(index) }, index === batch.count - 1)
      }
      must(batch.endLsn === this.#position, 'D3', () => `a batch ends at ${batch.endLsn}, not at ${this.#position}`)
      if (++batches >= most) return
    }
    this.#ended()
  }

  #scan(most: number): void {
    this.#walks++
    let count = 0
    const scanned = this.#reader.scan((buffer, start, end, lsn) => {
      const payload = buffer.subarray(start, end)
      const place = this.#takeNext(lsn, (lsn + payload.length + 12) as Lsn, payload)
      must(place.lsn === lsn, 'D3', () => 'not the next record')
      return ++count < most
    })
    must(scanned === count, 'D3', () => `scan says ${scanned} records, and has called back for ${count}`)
    if (count < most) this.#ended()
  }

  #seek(lsn: Lsn): void {
    this.#reader.seek(lsn)
    this.#moved(lsn)
  }

  #moved(position: number): void {
    this.#walk = walk(this.#bytes, position, this.#skipGapsBelow)
    this.#given = 0
    this.#position = position
    this.#isAtEnd = false
  }

  #readAt(lsn: Lsn): void {
    this.#walks++
    const endLsn = frameEnd(this.#bytes, lsn)
    try {
      const record = this.#reader.readAt(lsn)
      must(endLsn !== undefined, 'D3', () => `readAt(${lsn}) gives a record where there is none`)
      must(record.lsn === lsn && record.endLsn === endLsn, 'D3', () => `readAt(${lsn}) gives ${record.lsn}`)
      this.#holds(record.payload, record)
      this.#tally.add('readAt of a record')
    } catch (error) {
      if (!(error instanceof FsysError)) throw error
      must(error.code === 'ERR_FSYS_NO_RECORD' && endLsn === undefined, 'D2', () => `readAt(${lsn}): ${error.message}`)
      // It looks at eight bytes, and cannot say where a run of zeros ends.
      const state = this.#bytes[lsn] === 0 ? 'truncated-header' : tailStateAt(this.#bytes, lsn)
      must(error.tailState === state, 'D2', () => `readAt(${lsn}) says ${error.tailState}, but there stands ${state}`)
      this.#tally.add('readAt of none: ERR_FSYS_NO_RECORD')
    }
    must(this.#reader.position === this.#position, 'D2', () => 'readAt has moved the reader')
  }

  #isNext(record: JournalRecord, isLastKnown = true): void {
    const place = this.#takeNext(record.lsn, record.endLsn, record.payload)
    if (isLastKnown) {
      must(this.#reader.position === place.endLsn, 'D2', () => `at ${this.#reader.position} behind ${place.endLsn}`)
    }
    if (this.#kept.length < 20) this.#kept.push({ payload: record.payload, place })
  }

  /** The record that must come now. */
  #takeNext(lsn: Lsn, endLsn: Lsn, payload: Buffer): Place {
    const place = this.#walk.records[this.#given]
    must(place !== undefined, 'D3', () => `an invented record at ${lsn}: the journal ends at ${this.#walk.position}`)
    const { lsn: start, endLsn: end, gaps } = place as Place
    must(lsn === start && endLsn === end, 'D3', () => `a record from ${lsn} to ${endLsn}, not from ${start} to ${end}`)
    this.#holds(payload, { lsn, endLsn })
    this.#gaps += gaps - (this.#walk.records[this.#given - 1]?.gaps ?? 0)
    this.#given++
    this.#position = end
    this.#isAtEnd = false
    return place as Place
  }

  #holds(payload: Buffer, { lsn, endLsn }: { readonly lsn: number; readonly endLsn: number }): void {
    must(payload.compare(this.#bytes, lsn + 8, endLsn - 4) === 0, 'D3', () => `other bytes in the record at ${lsn}`)
  }

  #ended(): void {
    const { records, position } = this.#walk
    must(this.#given === records.length, 'D2', () => `it ends before the record at ${records[this.#given]?.lsn}`)
    must(this.#reader.position === position, 'D2', () => `it ends at ${this.#reader.position}, not at ${position}`)
    this.#isAtEnd = true
  }

  #somePosition(): Lsn {
    const { records } = this.#walk
    const random = this.#random
    switch (random.below(6)) {
      case 0:
        return random.below(this.#bytes.length + 2) as Lsn
      case 1:
        return (random.below(Math.floor(this.#bytes.length / 512) + 2) * 512) as Lsn
      case 2:
        return (random.chance(0.5) ? this.#walk.position : Number.MAX_SAFE_INTEGER) as Lsn
      default:
        return ((records[random.below(records.length)]?.lsn ?? 0) + (random.chance(0.3) ? random.below(20) : 0)) as Lsn
    }
  }

  #finish(): void {
    const reader = this.#reader
    const { tailState, isGapSuspected } = this.#walk
    must(this.#isAtEnd, 'D2', () => 'the reader has not come to an end')
    this.#checkState()
    for (const { payload, place } of this.#kept) this.#holds(payload, place)
    reader.close()
    const { openFiles } = this.#storage.counts
    must(openFiles === 0 && this.#pool.lent === 0, 'D9', () => 'a closed reader holds on to a file or to memory')
    // Once into the chunk, once ahead, and a frame that is longer than that once to check it, and once to give it.
    const most = this.#walks * (4 * this.#bytes.length + 16)
    const bytesRead = this.#storage.files.get(PATH)?.bytesRead ?? 0
    must(bytesRead <= most, 'D9', () => `${bytesRead} bytes read of a file of ${this.#bytes.length}`)
    this.#tally.add(`tail ${tailState}`)
    if (isGapSuspected) this.#tally.add('tail with a gap suspected')
    if (this.#gaps > 0) this.#tally.add('gap crossed')
  }

  #checkState(): void {
    const { tailState, position, gapCount, gapSuspected } = this.#reader
    const expected = this.#isAtEnd ? this.#walk.tailState : undefined
    must(tailState === expected, 'D2', () => `the tail state is ${tailState}, not ${expected}`)
    must(position === this.#position, 'D2', () => `the position is ${position}, not ${this.#position}`)
    must(gapCount === this.#gaps, 'D2', () => `${gapCount} gaps were crossed, not ${this.#gaps}`)
    const isSuspected = this.#isAtEnd && this.#walk.isGapSuspected
    must(gapSuspected === isSuspected, 'D2', () => `a gap is ${gapSuspected ? '' : 'not '}suspected at ${position}`)
  }
}
