import type { Journal } from '#src/journal/journal.js'
import { openReader } from '#src/journal/reader.js'
import type { Lsn } from '#src/lsn.js'
import type { SimStorage } from '#src/storage/sim-storage.js'
import type { Choices } from '#src/storage/sim/choices.js'

import { must } from './model.js'
import { PATH, type World, codeOf, isCrash, mustEnd } from './world.js'

/** What those do who use one journal at the same time: each of them one step after the other, until one fails. */
export class Tasks {
  readonly #world: World
  readonly #choices: Choices
  readonly #sizes: () => number
  readonly #storage: SimStorage
  readonly #journal: Journal

  constructor(world: World, choices: Choices, sizes: () => number, storage: SimStorage, journal: Journal) {
    this.#world = world
    this.#choices = choices
    this.#sizes = sizes
    this.#storage = storage
    this.#journal = journal
  }

  async run(): Promise<void> {
    const choices = this.#choices
    const tasks = Array.from({ length: choices.between(1, 4) }, () => this.#writer())
    if (choices.chance(0.1)) tasks.push(this.#reader())
    if (choices.chance(0.05)) tasks.push(this.#closer())
    await mustEnd(this.#world.disk, Promise.all(tasks))
  }

  async #writer(): Promise<void> {
    const steps = this.#choices.between(1, 6)
    for (let step = 0; step < steps; step++) {
      try {
        for (let pauses = this.#choices.pick([0, 0, 1, 2]); pauses > 0; pauses--) await this.#pause()
        await this.#step()
      } catch (error) {
        this.#world.expectedFailure(error, 'work')
        this.#world.refusesAfterwards(this.#journal, error)
        return
      }
      this.#world.observe(this.#journal)
    }
  }

  /**
   * Waits for the disk, so that the next step can come at any moment of a sync or a write of others. Without that, all would
   * wait for the same syncs, and go on at the same moments.
   */
  async #pause(): Promise<void> {
    try {
      await this.#storage.stat(PATH)
    } catch (error) {
      if (isCrash(error)) throw error
    }
  }

  async #step(): Promise<void> {
    const world = this.#world
    const journal = this.#journal
    switch (this.#choices.below(15)) {
      case 0:
        world.append(journal, this.#sizes())
        return
      case 1:
        world.block(() => journal.flushSync())
        return
      case 2:
        await journal.flush()
        return
      case 3: {
        const lsn = world.append(journal, this.#sizes())
        const durable = world.block(() => journal.syncThroughSync(lsn))
        if (durable !== undefined) world.confirm(durable, lsn)
        return
      }
      case 4:
        this.#batch()
        return
      case 5:
      case 6: {
        const lsn = world.append(journal, this.#sizes())
        world.confirm(await journal.syncThrough(lsn), lsn)
        return
      }
      case 7: {
        const lsn = this.#choices.below(journal.nextLsn + 1) as Lsn
        world.confirm(await journal.syncThrough(lsn), lsn)
        return
      }
      case 8:
        world.append(journal, 0)
        return
      case 9: {
        const lsn = this.#choices.below(journal.nextLsn + 1) as Lsn
        const durable = world.block(() => journal.syncThroughSync(lsn))
        if (durable !== undefined) world.confirm(durable, lsn)
        return
      }
      case 10:
        await this.#preallocate()
        return
      default:
        await world.commit(journal, this.#sizes())
    }
  }

  /** Changes nothing that anybody could read. When it fails, that is nobody's business but the caller's (D5). */
  async #preallocate(): Promise<void> {
    const journal = this.#journal
    const offset = this.#choices.below(journal.nextLsn + 10_000)
    const length = 1 + this.#choices.below(30_000)
    try {
      if (this.#choices.chance(0.5)) await journal.preallocate(offset, length)
      else journal.preallocateSync(offset, length)
      this.#world.counts.preallocations++
    } catch (error) {
      this.#world.expectedFailure(error, 'work')
      if (isCrash(error) || codeOf(error) === 'ERR_FSYS_POISONED' || codeOf(error) === 'ERR_FSYS_CLOSED') throw error
    }
  }

  /** From an array, or from a generator that uses the same memory for each record. */
  #batch(): void {
    const { model, counts } = this.#world
    const payloads = Array.from({ length: this.#choices.below(5) }, () => this.#world.payload(this.#sizes()))
    let lsn = model.endLsn
    for (const payload of payloads) lsn = model.appending(payload)
    const found = this.#journal.appendBatch(this.#choices.chance(0.5) ? inOneMemory(payloads) : payloads)
    must(found === lsn, 'D4', () => `a batch ends at ${found}, not at ${lsn}`)
    for (const payload of payloads) payload.fill(0xee)
    counts.batches++
  }

  /** D2, D3: whoever reads while others write gets a prefix, and all that was written when the reader was opened. */
  async #reader(): Promise<void> {
    const { model, counts } = this.#world
    let read = 0
    try {
      const written = this.#journal.writtenLsn
      const reader = openReader(PATH, { storage: this.#storage })
      try {
        for await (const { payload } of reader) model.readsRecord(read++, payload)
        model.readsEnd(read, written)
        const writtenSince = this.#journal.writtenLsn
        reader.refresh()
        for (const { payload } of reader) model.readsRecord(read++, payload)
        model.readsEnd(read, writtenSince)
        counts.liveReads++
      } finally {
        reader.close()
      }
    } catch (error) {
      this.#world.expectedFailure(error, 'read')
    }
  }

  /** Closes the journal while others are at it. */
  async #closer(): Promise<void> {
    const world = this.#world
    for (let turn = this.#choices.below(3); turn > 0; turn--) await world.disk.settle()
    world.isClosing = true
    world.counts.closesInFlight++
    const lsn = this.#journal.nextLsn
    try {
      await world.close(this.#journal, this.#choices.chance(0.5))
      world.confirm(this.#journal.durableLsn, lsn)
    } catch (error) {
      if (!isCrash(error) && codeOf(error) !== 'ERR_FSYS_POISONED') world.expectedFailure(error, 'work')
    }
  }
}

function* inOneMemory(payloads: readonly Uint8Array[]): Generator<Uint8Array> {
  const memory = new Uint8Array(Math.max(0, ...payloads.map(({ length }) => length)))
  for (const payload of payloads) {
    memory.set(payload)
    yield memory.subarray(0, payload.length)
  }
}
