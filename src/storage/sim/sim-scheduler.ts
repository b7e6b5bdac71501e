import { nextTick } from 'node:process'

import type { Choices } from './choices.js'
import type { Operation } from './operation.js'

/** What a scheduler runs operations with. */
export interface Performer {
  begin(operation: Operation): void
  complete(operation: Operation): unknown
  over(operation: Operation): void
}

interface Timer {
  readonly due: number
  readonly callback: () => void
  readonly owner: object
}

const TORN_CHANCE = 1 / 8
const PAUSE_CHANCE = 1 / 2
const LATE_ANSWER_CHANCE = 1 / 4
const PASSING_CHANCE = 1 / 4

const RESOLVED = Promise.resolve()

/**
 * Decides by the seed which waiting operation goes on, and owns the time. One step after the other, each when every
 * microtask that the last one woke is done, as the callbacks of a real event loop. No timers and no turns of the event
 * loop: a step is queued as a microtask that queues a tick, so that ticks cannot starve microtasks.
 */
export class SimScheduler {
  readonly #performer: Performer
  readonly #choices: Choices
  #now = 0
  #operations: Operation[] = []
  /** Operations that a fault has made slow, by when they go on. */
  #delayed: { readonly due: number; readonly operation: Operation }[] = []
  readonly #soon: (() => void)[] = []
  #timers: Timer[] = []
  #waiters: (() => void)[] = []
  #isAwake = false

  constructor(performer: Performer, choices: Choices) {
    this.#performer = performer
    this.#choices = choices
  }

  get now(): number {
    return this.#now
  }

  add(operation: Operation): void {
    this.#operations.push(operation)
    this.#wake()
  }

  soon(callback: () => void): void {
    this.#soon.push(callback)
    this.#wake()
  }

  /** The timer goes with its owner. */
  startTimer(owner: object, delayMs: number, callback: () => void): () => void {
    const timer = { due: this.#now + Math.max(0, delayMs), callback, owner }
    const place = this.#timers.findIndex(({ due }) => due > timer.due)
    this.#timers.splice(place === -1 ? this.#timers.length : place, 0, timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  stopTimers(owner: object): void {
    this.#timers = this.#timers.filter((timer) => timer.owner !== owner)
  }

  /** A blocking call takes time, and others use it: waiting operations take effect, but their answers wait. */
  pass(): void {
    this.#tick()
    while (this.#operations.length > 0 && this.#choices.chance(PASSING_CHANCE)) {
      this.#advance(this.#choices.below(this.#operations.length), false)
    }
  }

  /** Time passes for one who waits, and nobody else. It ends even if the power is cut: whoever wakes finds out by its next call. */
  sleepWaiting(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#now += ms
      this.soon(resolve)
    })
  }

  /** Somebody blocks until this operation has been answered. */
  finish(operation: Operation): void {
    this.pass()
    while (operation.stage === 'issued' || operation.stage === 'begun') {
      const place = this.#operations.indexOf(operation)
      if (place >= 0) this.#advance(place, false)
      else this.#skipToNext()
    }
    if (operation.stage !== 'landed') return
    this.#takeOut(this.#operations.indexOf(operation))
    this.#answer(operation)
  }

  /** A blocking call is slow. */
  sleep(ms: number): void {
    this.#now += ms
  }

  /** Rejects what waits, and takes it out; what `isKept` says is kept goes on without anybody waiting. */
  abandon(isMeant: (operation: Operation) => boolean, isKept: (operation: Operation) => boolean): void {
    const delayed = this.#delayed.map(({ operation }) => operation)
    for (const operation of [...this.#operations, ...delayed].filter(isMeant)) {
      operation.answer?.reject(operation.caller.deathError())
      operation.answer = undefined
      if (!operation.isStruck && isKept(operation)) operation.detach()
      else this.#end(operation)
    }
    this.#operations = this.#operations.filter(({ stage }) => stage !== 'over')
    this.#delayed = this.#delayed.filter(({ operation }) => operation.stage !== 'over')
  }

  /** Resolves when nothing is under way. Timers are not waited for. */
  settle(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve)
      this.#wake()
    })
  }

  /** Lets so much time pass; timers go off, and what they start settles. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    for (;;) {
      // One timer after the other is the point.
      // oxlint-disable-next-line no-await-in-loop
      await this.settle()
      const timer = this.#timers[0]
      if (timer === undefined || timer.due > end) break
      this.#now = Math.max(this.#now, timer.due)
      this.#fire(timer)
    }
    this.#now = Math.max(this.#now, end)
  }

  #wake(): void {
    if (this.#isAwake) return
    this.#isAwake = true
    // queueMicrotask makes a resource to be traced of each call, and costs five times as much.
    void RESOLVED.then(this.#queueStep)
  }

  readonly #queueStep = (): void => nextTick(this.#step)

  readonly #step = (): void => {
    this.#isAwake = false
    try {
      if (this.#soon.length > 0) this.#runSoon()
      else if (this.#operations.length > 0) {
        // Nobody can tell steps from one another that call nobody back.
        while (this.#operations.length > 0 && !this.#goOn());
      } else if (this.#delayed.length > 0) this.#skipToNext()
      else this.#answerWaiters()
    } finally {
      const isBusy = this.#soon.length > 0 || this.#operations.length > 0 || this.#delayed.length > 0
      if (isBusy || this.#waiters.length > 0) this.#wake()
    }
  }

  /** As the ticks of Node: all of them, those too that are added meanwhile. */
  #runSoon(): void {
    for (let callback = this.#soon.shift(); callback; callback = this.#soon.shift()) callback()
  }

  /** One step. True if somebody was called back. */
  #goOn(): boolean {
    this.#tick()
    if (this.#delayed.length > 0) this.#resumeDelayed()
    const timer = this.#timers[0]
    const isDue = timer !== undefined && timer.due <= this.#now
    const choice = this.#choices.below(this.#operations.length + (isDue ? 1 : 0))
    if (choice < this.#operations.length) return this.#advance(choice, true)
    if (timer) this.#fire(timer)
    return true
  }

  #delay(operation: Operation): void {
    const due = this.#now + operation.delayMs
    const place = this.#delayed.findIndex((other) => other.due > due)
    this.#delayed.splice(place === -1 ? this.#delayed.length : place, 0, { due, operation })
    operation.delayMs = 0
  }

  #resumeDelayed(): void {
    for (let first = this.#delayed[0]; first && first.due <= this.#now; first = this.#delayed[0]) {
      this.#delayed.shift()
      this.#operations.push(first.operation)
    }
  }

  /** Nothing goes on but what is slow: time passes to the end of that, or to a timer before it. */
  #skipToNext(): void {
    const due = this.#delayed[0]?.due ?? this.#now
    const timer = this.#timers[0]
    const isTimerFirst = timer !== undefined && timer.due < due
    this.#now = Math.max(this.#now, isTimerFirst ? timer.due : due)
    if (isTimerFirst) this.#fire(timer)
    else this.#resumeDelayed()
  }

  #answerWaiters(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }

  #fire(timer: Timer): void {
    this.#timers.shift()
    timer.callback()
  }

  #advance(place: number, mayAnswer: boolean): boolean {
    const operation = this.#operations[place]
    if (operation === undefined) return false
    this.#run(operation)
    if (operation.stage === 'begun' && operation.delayMs > 0) {
      this.#takeOut(this.#operations.indexOf(operation))
      this.#delay(operation)
      return false
    }
    if (operation.stage === 'landed' && mayAnswer && !this.#choices.chance(LATE_ANSWER_CHANCE)) this.#answer(operation)
    if (operation.stage !== 'over') return false
    // A power cut on the way has taken it out already, and the others with it.
    if (this.#operations[place] === operation) this.#takeOut(place)
    return true
  }

  /** The others keep their order, so that the first is the one that waits longest. Few wait: `splice` costs more. */
  #takeOut(place: number): void {
    const operations = this.#operations
    for (let at = place + 1; at < operations.length; at += 1) operations[at - 1] = operations[at] as Operation
    operations.length -= 1
  }

  #run(operation: Operation): void {
    try {
      if (operation.stage === 'issued') {
        operation.isTorn = this.#choices.chance(TORN_CHANCE)
        operation.stage = 'begun'
        this.#performer.begin(operation)
        if (operation.delayMs > 0 || (operation.isLong && this.#choices.chance(PAUSE_CHANCE))) return
      }
      if (operation.stage === 'begun') {
        operation.result = this.#performer.complete(operation)
        operation.stage = 'landed'
      }
    } catch (error) {
      operation.error = error
      if (!this.#isOver(operation)) operation.stage = 'landed'
    }
  }

  // What happens inside of `begin` can end the operation, which the compiler cannot see.
  #isOver(operation: Operation): boolean {
    return operation.stage === 'over'
  }

  #answer(operation: Operation): void {
    const { answer } = operation
    this.#end(operation)
    if (operation.error === undefined) answer?.resolve(operation.result)
    else answer?.reject(operation.error)
  }

  #end(operation: Operation): void {
    operation.stage = 'over'
    this.#performer.over(operation)
  }

  /** Mostly a little; now and then the whole machine stands still. */
  #tick(): void {
    const bits = this.#choices.below(2 ** 28)
    const fraction = (bits & 0xffff) / 0x10000
    const kind = bits >>> 16
    this.#now += fraction * (kind < 4080 ? 0.1 : kind < 4095 ? 20 : 300) + 0.001
  }
}
