import assert from 'node:assert/strict'

import { KernelPool } from '#src/checksum/kernel-pool.js'
import { FRAME_OVERHEAD_BYTES, HEADER_BYTES } from '#src/frame/frame.js'
import { Journal } from '#src/journal/journal.js'
import { SingleFileSpace } from '#src/journal/log-space.js'
import type { OpenedJournal } from '#src/journal/open.js'
import { type JournalOptions, settleJournalOptions } from '#src/journal/options.js'
import type { StorageFile } from '#src/storage/storage.js'

import type { Choices } from './explore.js'
import { SteppedDisk } from './stepped-disk.js'

/** A call on the journal. Records are small, or so large that a blocking write would be too slow for them. */
export type Call =
  | 'commit'
  | 'commit large'
  | 'append'
  | 'append large'
  | 'syncThrough'
  | 'syncThroughSync'
  | 'flush'
  | 'flushSync'
  | 'close'
  | 'closeSync'

const RECORD_BYTES = { small: 4, large: 70_000 }
/** Two large records do not fit into one. */
const SLOT_BYTES = 2 ** 17

export const pool: KernelPool = new KernelPool()

interface Promised {
  readonly call: Call
  readonly lsn: number
  state: 'pending' | 'resolved' | 'rejected'
  reason?: unknown
}

/** One journal on one stepped disk: callers that each make their calls one after the other, in an order that is chosen. */
export class JournalRun {
  readonly #choices: Choices
  readonly #callers: readonly Call[][]
  readonly #disk: SteppedDisk
  readonly #journal: Journal
  readonly #soon: (() => void)[] = []
  readonly #promised: Promised[] = []
  /** The LSNs at which records begin, and how long they are. */
  readonly #records: { from: number; bytes: number }[] = []
  /** LSNs that somebody was told are durable, since the last look. */
  readonly #confirmed: number[] = []
  #faultsLeft: number
  #seen = { next: 0, written: 0, durable: 0 }
  #releases = 0
  #failure: unknown
  readonly trace: string[] = []

  constructor(choices: Choices, callers: readonly (readonly Call[])[], faults: number) {
    this.#choices = choices
    this.#callers = callers.map((calls) => [...calls])
    this.#faultsLeft = faults
    this.#disk = new SteppedDisk((what) => this.#chooseFault(what))
    const storage = {
      open: () => {},
      clock: { now: () => 0, soon: (callback: () => void) => this.#soon.push(callback) },
    }
    const options = settleJournalOptions({
      logBufferBytes: SLOT_BYTES,
      memory: pool,
      storage: storage as unknown as NonNullable<JournalOptions['storage']>,
    })
    const [file, blocking] = [this.#disk.open(), this.#disk.open()] as unknown as [StorageFile, StorageFile]
    const opened = {
      path: '/journal',
      storage,
      lock: { releaseSync: () => this.#releases++ },
      mark: { note: (lsn: number) => this.#confirmed.push(lsn), closeSync: () => {} },
      space: new SingleFileSpace({ waiting: file, blocking }, 0),
      carried: new Uint8Array(0),
      recovery: { cleanEnd: 0 },
      unregister: () => {},
    }
    this.#journal = new Journal(opened as unknown as OpenedJournal, options)
  }

  /** To the end: until nothing can happen any more. */
  async run(): Promise<void> {
    for (;;) {
      const events = this.#events()
      if (events.length === 0) break
      const event = events[this.#choices.choose(events.length)] as () => void
      event()
      // All that this wakes comes to a rest.
      await new Promise(setImmediate)
      this.#check()
    }
    this.#checkEnd()
  }

  /** What can happen next. */
  #events(): (() => void)[] {
    const events: (() => void)[] = []
    const [soon] = this.#soon
    if (soon !== undefined) events.push(() => this.#note('soon', () => this.#soon.shift()?.()))
    for (const [caller, calls] of this.#callers.entries()) {
      const [call] = calls
      const isWaiting = this.#promised.some((promised) => promised.state === 'pending' && callerOf(promised) === caller)
      if (call !== undefined && !isWaiting) {
        events.push(() => this.#note(`${caller}: ${call}`, () => this.#call(caller, calls.shift() as Call)))
      }
    }
    for (const operation of this.#disk.unfinished) {
      const { kind } = operation
      if (operation.isPerformed || this.#faultsLeft === 0) {
        events.push(() =>
          this.#note(`${kind} returns`, () => {
            if (!operation.isPerformed) operation.perform(false)
            operation.answer()
          }),
        )
        continue
      }
      for (const isFailing of [false, true]) {
        events.push(() =>
          this.#note(`${kind} ${isFailing ? 'fails' : 'returns'}`, () => {
            if (isFailing) this.#faultsLeft--
            operation.perform(isFailing)
            operation.answer()
          }),
        )
      }
    }
    return events
  }

  /** In front of a blocking call, the kernel may have got on with what is unfinished, and the journal not been told. */
  #chooseProgress(): void {
    for (const operation of this.#disk.unfinished) {
      if (operation.isPerformed) continue
      const choice = this.#choices.choose(this.#faultsLeft > 0 ? 3 : 2)
      if (choice === 0) continue
      if (choice === 2) this.#faultsLeft--
      this.trace.push(`(${operation.kind} ${choice === 1 ? 'is done' : 'has failed'}, untold)`)
      operation.perform(choice === 2)
    }
  }

  #chooseFault(what: string): boolean {
    if (this.#faultsLeft === 0 || this.#choices.choose(2) === 0) return false
    this.#faultsLeft--
    this.trace.push(`(${what} fails)`)
    return true
  }

  #call(caller: number, call: Call): void {
    const journal = this.#journal
    const size = call.endsWith('large') ? 'large' : 'small'
    if (call.endsWith('Sync')) this.#chooseProgress()
    this.#attempt(() => {
      if (call === 'append' || call === 'append large') journal.append(this.#record(size))
      else if (call === 'flushSync') journal.flushSync()
      else if (call === 'closeSync') journal.closeSync()
      else if (call === 'syncThroughSync') {
        const through = journal.nextLsn
        this.#disk.require(journal.syncThroughSync(through) >= through, 'syncThroughSync returns too early')
        this.#confirmed.push(through)
      } else this.#promise(caller, call, size)
    })
    this.#learn()
  }

  #promise(caller: number, call: Call, size: 'small' | 'large'): void {
    const journal = this.#journal
    const promise = {
      commit: () => journal.commit(this.#record(size)),
      'commit large': () => journal.commit(this.#record(size)),
      syncThrough: () => journal.syncThrough(journal.nextLsn),
      flush: () => journal.flush(),
      close: () => journal.close(),
    }[call as 'commit']() as Promise<number | void>
    this.#learn()
    const promised: Promised = { call, lsn: journal.nextLsn, state: 'pending' }
    callers.set(promised, caller)
    this.#promised.push(promised)
    promise.then(
      (value) => {
        promised.state = 'resolved'
        const { lsn } = promised
        if (call.startsWith('commit')) this.#disk.require(value === lsn, `a commit of LSN ${lsn} resolves to another`)
        if (call === 'syncThrough') this.#disk.require(Number(value) >= lsn, `syncThrough(${lsn}) resolves too early`)
        if (call === 'flush') this.#disk.require(journal.writtenLsn >= lsn, `a flush up to LSN ${lsn} has not written`)
        else this.#confirmed.push(lsn)
      },
      (error: unknown) => {
        promised.state = 'rejected'
        promised.reason = error
      },
    )
  }

  /** A call that blocks may throw what a promise would reject with. */
  #attempt(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#checkRefusal(error)
    }
  }

  #record(size: 'small' | 'large'): Buffer {
    return Buffer.alloc(RECORD_BYTES[size], this.#records.length + 1)
  }

  /** Which records were staged by the last call. */
  #learn(): void {
    const { nextLsn } = this.#journal
    const last = this.#records.at(-1)
    const from = last === undefined ? 0 : last.from + last.bytes + FRAME_OVERHEAD_BYTES
    if (nextLsn > from) this.#records.push({ from, bytes: nextLsn - from - FRAME_OVERHEAD_BYTES })
  }

  #note(what: string, event: () => void): void {
    this.trace.push(what)
    event()
  }

  #check(): void {
    const { nextLsn: next, writtenLsn: written, durableLsn: durable } = this.#journal
    assert.ok(durable <= written && written <= next, `frontiers ${durable}, ${written}, ${next} (D4)`)
    const { next: oldNext, written: oldWritten, durable: oldDurable } = this.#seen
    assert.ok(next >= oldNext && written >= oldWritten && durable >= oldDurable, 'a frontier goes back (D4)')
    this.#seen = { next, written, durable }
    this.#checkDurable(durable)
    for (const lsn of this.#confirmed.splice(0)) this.#checkDurable(lsn)
    assert.deepEqual(this.#disk.violations, [])
  }

  /** Every record below is on the disk as it was appended. */
  #checkDurable(lsn: number): void {
    for (const [index, { from, bytes }] of this.#records.entries()) {
      if (from >= lsn) break
      const { stable } = this.#disk
      const start = from + HEADER_BYTES
      const payload = stable.subarray(start, start + bytes)
      const isThere = stable[from] !== 0 && payload[0] === index + 1 && payload.at(-1) === index + 1
      assert.ok(isThere, `LSN ${lsn} is durable, but record ${index} at ${from} is not on the disk (D1)`)
      assert.notEqual(stable.readUInt32LE(start + bytes), 0, 'a record without its checksum is on the disk (D3)')
    }
  }

  /** All who had to be refused name the same first failure. */
  #checkRefusal(error: unknown): void {
    const { code, cause } = error as { code?: string; cause?: unknown }
    if (code === 'ERR_FSYS_CLOSED') return
    const failure = code === 'ERR_FSYS_POISONED' ? cause : error
    assert.ok(this.#disk.hasToldOfFailure, `refused without a failure: ${String(error)}`)
    this.#failure ??= failure
    assert.equal(failure, this.#failure, 'two failures are told (D5)')
  }

  #checkEnd(): void {
    for (const { call, lsn, state, reason } of this.#promised) {
      assert.notEqual(state, 'pending', `${call} of LSN ${lsn} is never answered (D10)`)
      if (state === 'rejected') this.#checkRefusal(reason)
    }
    assert.equal(this.#releases, 1, 'the lock is released once')
    assert.ok(this.#disk.files.every((file) => file.isClosed))
    if (!this.#disk.hasToldOfFailure) assert.equal(this.#journal.durableLsn, this.#journal.nextLsn, 'close syncs all')
  }
}

const callers = new WeakMap<Promised, number>()

function callerOf(promised: Promised): number | undefined {
  return callers.get(promised)
}
