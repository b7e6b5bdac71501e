import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'

import { DirectWriter } from '#src/journal/direct-writer.js'
import { LogBuffer } from '#src/journal/log-buffer.js'
import { LogMemory } from '#src/journal/log-memory.js'
import type { LogSpace } from '#src/journal/log-space.js'
import { settleJournalOptions } from '#src/journal/options.js'
import { addressOf } from '#src/platform/address.js'
import { Random } from '#src/storage/sim/random.js'

import { referenceFrame } from '../../sim/reference.js'

interface Flight {
  readonly source: Uint8Array
  readonly copy: Uint8Array
  readonly lsn: number
  end(error?: Error): void
}

/** A file in memory whose waiting writes end when the test says so. It does not bear what a real disk punishes. */
class HandSteppedSpace implements LogSpace {
  readonly trips = ['own', 'all'] as const
  readonly blockingTrips = this.trips
  readonly alignment: number
  readonly canFinish: boolean
  endLsn = 0
  file: Uint8Array = new Uint8Array(0)
  flight: Flight | undefined
  /** What an unfinished write that is waited for fails with. */
  failure: Error | undefined

  constructor(alignment: number, canFinish: boolean) {
    this.alignment = alignment
    this.canFinish = canFinish
  }

  write(source: Uint8Array, lsn: number): Promise<number> {
    this.#check(source, lsn)
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void => {
        this.flight = undefined
        assert.deepEqual(Buffer.compare(source, copy), 0, 'the memory of an unfinished write has changed (D4b)')
        if (error !== undefined) return reject(error)
        this.#take(source, lsn)
        resolve(source.length)
      }
      const copy = new Uint8Array(source)
      this.flight = { source, copy, lsn, end }
    })
  }

  register(): never {
    throw new Error('it is the journal that registers')
  }

  async writeDurably(source: Uint8Array, lsn: number): Promise<void> {
    await this.write(source, lsn)
  }

  writeDurablySync(source: Uint8Array, lsn: number): void {
    this.writeSync(source, lsn)
  }

  finishSync(): void {
    const error = this.failure
    this.flight?.end(error)
    if (error !== undefined) throw error
  }

  writeSync(source: Uint8Array, lsn: number): number {
    this.#check(source, lsn)
    this.#take(source, lsn)
    return source.length
  }

  dataSync(): Promise<void> {
    return Promise.resolve()
  }

  dataSyncSync(): void {}

  preallocate(): Promise<boolean> {
    return Promise.resolve(false)
  }

  preallocateSync(): boolean {
    return false
  }

  advise(): Promise<boolean> {
    return Promise.resolve(false)
  }

  adviseSync(): boolean {
    return false
  }

  readonly canStartWriteback = false

  startWriteback(): Promise<boolean> {
    return Promise.resolve(false)
  }

  finishWritebackSync(): void {}

  truncateSync(lsn: number): void {
    this.file = this.file.slice(0, lsn)
    this.endLsn = lsn
  }

  trimSync(lsn: number): boolean {
    this.truncateSync(lsn)
    return true
  }

  closeSync(): void {}

  #check(source: Uint8Array, lsn: number): void {
    for (const value of [addressOf(source), source.length, lsn]) assert.equal(value % this.alignment, 0, 'not aligned')
    if (this.flight === undefined) return
    const start = Math.max(lsn, this.flight.lsn)
    const end = Math.min(lsn + source.length, this.flight.lsn + this.flight.source.length)
    assert.ok(start >= end, 'a write shares a sector with an unfinished one (D4b)')
  }

  #take(source: Uint8Array, lsn: number): void {
    if (lsn + source.length > this.file.length) {
      const longer = new Uint8Array(lsn + source.length)
      longer.set(this.file)
      this.file = longer
    }
    this.file.set(source, lsn)
    this.endLsn = this.file.length
  }
}

/** A writer, what was appended to it, and what must be in the file. */
class Trial {
  readonly space: HandSteppedSpace
  readonly memory: LogMemory
  readonly buffer: LogBuffer
  readonly writer: DirectWriter
  readonly #random: Random
  #expected: Buffer[] = []
  #end = 0

  constructor(seed: number, alignment: number, logBufferBytes: number, canFinish = false) {
    this.#random = new Random(seed)
    this.space = new HandSteppedSpace(alignment, canFinish)
    this.memory = new LogMemory(settleJournalOptions({ direct: true, logBufferBytes }))
    const first = this.#random.below(3) * this.#random.below(2 * alignment)
    const before = Buffer.alloc(first, 7)
    if (first > 0) this.space.file = new Uint8Array(before)
    this.#expected.push(before)
    this.#end = first
    this.buffer = new LogBuffer(this.memory.kernel, this.memory.slotBytes, first, alignment)
    this.buffer.carry(before.subarray(first - (first % alignment)))
    this.writer = new DirectWriter(this.space, this.buffer, this.memory.page)
  }

  append(): void {
    const { slotBytes } = this.memory
    const sizes = [0, 20, 300, slotBytes / 2, slotBytes - 12, slotBytes, 2 * slotBytes + 5, 3 * slotBytes]
    const most = sizes[this.#random.below(this.#random.chance(0.2) ? sizes.length : 3)] ?? 0
    const record = Buffer.alloc(
      this.#random.chance(0.3) ? most : this.#random.below(most + 1),
      1 + this.#random.below(255),
    )
    if (record.length + 12 > this.buffer.frameBytesMax) {
      this.writer.writeOversize(record)
    } else if (this.buffer.stage(record) === 0) {
      this.writer.makeRoom(() => {})
      assert.ok(this.buffer.stage(record) > 0, 'no room was made')
    }
    this.#expected.push(Buffer.from(referenceFrame(record)))
    this.#end += record.length + 12
    assert.equal(this.buffer.nextLsn, this.#end)
  }

  check(): void {
    const expected = Buffer.concat(this.#expected)
    const { writtenLsn } = this.writer
    assert.ok(writtenLsn <= this.#end)
    const found = this.space.file.subarray(0, writtenLsn)
    assert.equal(Buffer.compare(found, expected.subarray(0, writtenLsn)), 0, `wrong below ${writtenLsn}`)
    this.#expected = [expected]
  }
}

describe('a writer past the page cache', () => {
  for (const alignment of [512, 4096]) {
    test(`D3 D4 D4b: writes whole sectors of ${alignment}, contiguously, whatever is unfinished`, async () => {
      const met = { flights: 0, through: 0, blocking: 0, blockingThrough: 0, waitedFor: 0, pouredBeside: 0 }
      for (let seed = 1; seed <= 150; seed++) {
        const random = new Random(seed)
        const trial = new Trial(seed, alignment, random.chance(0.5) ? 4096 : 40_000, random.chance(0.5))
        const { space, writer, buffer } = trial
        const waiting: Promise<void>[] = []
        for (let step = 0; step < 120; step++) {
          const choice = random.below(10)
          if (choice < 5) {
            const before = space.endLsn
            trial.append()
            if (space.flight !== undefined && space.endLsn > before) met.pouredBeside++
          } else if (choice === 5) {
            waiting.push(writer.write())
            met.flights++
          } else if (choice === 6 && space.flight === undefined && buffer.nextLsn > writer.writtenLsn) {
            waiting.push(writer.writeDurably('all'))
            met.through++
          } else if (choice === 7 && !writer.mustWait) {
            if (space.flight !== undefined) met.waitedFor++
            writer.finishSync()
            const trip = random.chance(0.5) ? writer.blockingTripFor(0) : undefined
            if (trip === undefined || buffer.nextLsn === writer.writtenLsn) writer.writeSync()
            else writer.writeDurablySync(trip)
            assert.equal(writer.writtenLsn, buffer.nextLsn)
            met[trip === undefined ? 'blocking' : 'blockingThrough']++
          } else {
            space.flight?.end()
            await turn()
          }
          trial.check()
        }
        waiting.push(writer.write())
        for (let turns = 0; turns < 10; turns++) {
          space.flight?.end()
          await turn()
        }
        await Promise.all(waiting)
        assert.equal(writer.writtenLsn, buffer.nextLsn)
        assert.equal(writer.isBusy, false)
        space.trimSync(buffer.nextLsn)
        assert.equal(space.file.length, buffer.nextLsn)
        trial.check()
        trial.memory.release()
      }
      for (const count of Object.values(met)) assert.ok(count > 0, JSON.stringify(met))
    })
  }

  test('D5: after a failed write, the frontier is where the whole records end, and the file is cut back to it', async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const trial = new Trial(seed, 512, 4096)
      const { space, writer } = trial
      trial.append()
      writer.writeSync()
      const { writtenLsn } = writer
      trial.append()
      const writing = writer.write()
      if (space.flight === undefined) continue
      // Some of these do not fit beside the unfinished write.
      for (let count = 0; count < seed % 40; count++) trial.append()
      writer.giveUp()
      space.flight.end(new Error('broken'))
      await assert.rejects(writing, /broken/)
      assert.equal(writer.writtenLsn, writtenLsn)
      writer.cutBack()
      assert.equal(space.file.length, writtenLsn)
      trial.check()
      trial.memory.release()
    }
  })

  test('D4b D5: a blocking call that waits for an unfinished write hears of its failure, and moves no frontier', async () => {
    const trial = new Trial(2, 512, 4096, true)
    const { space, writer } = trial
    trial.append()
    writer.writeSync()
    const { writtenLsn } = writer
    trial.append()
    const writing = writer.write()
    trial.append()
    space.failure = new Error('broken')
    assert.throws(() => writer.finishSync(), /broken/)
    writer.giveUp()
    assert.equal(writer.writtenLsn, writtenLsn)
    await assert.rejects(writing, /broken/)
    assert.equal(writer.isBusy, false)
    writer.cutBack()
    assert.equal(space.file.length, writtenLsn)
  })

  test('D10: at the end of a process, an unfinished write is waited for where that can be, and all is written', () => {
    const trial = new Trial(4, 512, 4096, true)
    const { space, writer, buffer } = trial
    trial.append()
    void writer.write()
    for (let count = 0; count < 20; count++) trial.append()
    writer.handOverSync()
    assert.equal(writer.writtenLsn, buffer.nextLsn)
    assert.equal(writer.isBusy, false)
    trial.check()
    assert.equal(space.flight, undefined)
  })

  test('D10: at the end of a process, what can be written is, and what an unfinished write shares is left alone', () => {
    const trial = new Trial(4, 512, 4096)
    const { space, writer } = trial
    trial.append()
    void writer.write()
    for (let count = 0; count < 20; count++) trial.append()
    writer.handOverSync()
    assert.ok(writer.mustWait)
    trial.check()
    assert.ok(space.flight !== undefined)
  })
})
