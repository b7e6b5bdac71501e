import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { CommitGroup } from '#src/journal/commit-group.js'
import { GroupCommit } from '#src/journal/group-commit.js'

import { type Choices, exploreAll } from './explore.js'

const RECORDS = 3
const JOINS = 4
const STEPS = 9

type Phase = GroupCommit['phase']

/**
 * GroupCommit, driven as the journal drives it, beside what its documentation says of it. What tests it elsewhere writes
 * everything at once when a group starts; here records are written when they are, others sync by blocking meanwhile,
 * anybody joins for any LSN that is staged, durable or not, and the failure comes in any phase.
 */
class Run {
  readonly #groups = new GroupCommit(() => this.#calls++)
  /** How often `schedule` was called and not yet answered by a start. */
  #calls = 0
  #phase: Phase = 'idle'
  #next = 0
  #written = 0
  #durable = 0
  /** What the sync that is under way covers. */
  #covered: number | undefined
  #joins = 0
  /** Who waits, by what the documentation says of where. */
  #forming: number[] = []
  #running: number[] = []
  readonly #groupOf = new Map<'forming' | 'running', CommitGroup>()
  readonly #ended = new Set<CommitGroup>()
  #answered = 0
  readonly trace: string[] = []

  /** What can happen now, and what happens then. */
  events(isDraining: boolean): [string, () => void][] {
    const events: [string, () => void][] = []
    if (this.#phase === 'failed') return events
    if (this.#phase === 'scheduled') events.push(['start', () => this.#start()])
    if (this.#phase === 'running' && this.#covered === undefined) {
      // Journal.#startGroup writes all that is staged; others may stage more before the sync begins.
      events.push(['write and cover', () => this.#cover()])
      if (this.#groups.awaitedLsn <= this.#durable) events.push(['finish without a sync', () => this.#finish()])
    }
    if (this.#covered !== undefined) events.push(['finish', () => this.#finish()])
    if (isDraining) return events
    events.push(['fail', () => this.#fail()])
    if (this.#next < RECORDS) events.push(['append', () => this.#next++])
    if (this.#durable < this.#next) events.push(['sync by blocking', () => this.#syncByBlocking()])
    if (this.#joins < JOINS) {
      for (let lsn = 1; lsn <= this.#next; lsn++) events.push([`join(${lsn})`, () => this.#join(lsn)])
    }
    return events
  }

  take([name, event]: [string, () => void]): void {
    this.trace.push(name)
    event()
    assert.equal(this.#groups.phase, this.#phase)
    assert.equal(this.#calls, this.#phase === 'scheduled' ? 1 : 0, 'it is scheduled once for each group')
    assert.equal(this.#groups.awaitedLsn, Math.max(0, ...this.#running))
  }

  /** Without anybody who does anything new, all have their answer in the end. */
  drain(): void {
    for (let event = this.events(true)[0]; event !== undefined; event = this.events(true)[0]) this.take(event)
    assert.deepEqual([...this.#forming, ...this.#running], [], 'somebody waits for ever')
    assert.equal(this.#answered, this.#joins)
  }

  #join(lsn: number): void {
    const group = this.#groups.join(lsn)
    void group.waitTogether(lsn).catch(() => {})
    assert.ok(!this.#ended.has(group), 'somebody joins a group that has had its answer')
    this.#joins++
    const isInTime = this.#covered !== undefined && lsn <= this.#covered
    const where = isInTime ? 'running' : 'forming'
    assert.equal(this.#groupOf.get(where) ?? group, group)
    assert.notEqual(this.#groupOf.get(isInTime ? 'forming' : 'running'), group)
    this.#groupOf.set(where, group)
    if (isInTime) this.#running.push(lsn)
    else this.#forming.push(lsn)
    if (!isInTime && this.#phase === 'idle') this.#phase = 'scheduled'
  }

  #start(): void {
    this.#calls--
    this.#groups.start()
    this.#phase = 'running'
    this.#running = this.#forming
    this.#forming = []
    const group = this.#groupOf.get('forming')
    this.#groupOf.delete('forming')
    if (group !== undefined) this.#groupOf.set('running', group)
  }

  #cover(): void {
    this.#written = this.#next
    this.#covered = this.#written
    this.#groups.cover(this.#covered)
    assert.ok(this.#groups.awaitedLsn <= this.#written)
  }

  #finish(): void {
    this.#durable = Math.max(this.#durable, this.#covered ?? 0)
    this.#covered = undefined
    this.#answer(this.#groups.finish(), 'running', this.#running)
    assert.ok(
      this.#running.every((lsn) => lsn <= this.#durable),
      'confirmed is durable (D1)',
    )
    this.#running = []
    this.#phase = this.#forming.length > 0 ? 'scheduled' : 'idle'
  }

  #fail(): void {
    const groups = this.#groups.fail()
    // Those who wait in the running group hear of it first.
    for (const where of ['running', 'forming'] as const) {
      const waiting = where === 'running' ? this.#running : this.#forming
      const group = this.#groupOf.get(where)
      if (group === undefined) assert.equal(waiting.length, 0)
      else assert.ok(groups.includes(group), `those who wait in the ${where} group are not told (D10)`)
      if (group !== undefined) this.#answer(group, where, waiting)
    }
    this.#running = []
    this.#forming = []
    this.#covered = undefined
    this.#calls = 0
    this.#phase = 'failed'
    assert.throws(() => this.#groups.start(), 'a group starts though all is over')
    assert.throws(() => this.#groups.finish(), 'a group ends twice')
  }

  #syncByBlocking(): void {
    this.#written = this.#next
    this.#durable = this.#next
  }

  #answer(group: CommitGroup, where: 'forming' | 'running', waiting: readonly number[]): void {
    assert.equal(group, this.#groupOf.get(where) ?? group)
    assert.ok(!this.#ended.has(group), 'a group has its answer once')
    assert.equal(group.highestLsn, Math.max(0, ...waiting), 'those who joined are those who are told')
    this.#ended.add(group)
    this.#groupOf.delete(where)
    this.#answered += waiting.length
  }
}

test(`D1 D4 D5 D10: group commit, in all orders of up to ${STEPS} events, answers everybody once, and in time`, async (t) => {
  const phases = new Map<string, number>()
  const orders = await exploreAll((choices: Choices) => {
    const run = new Run()
    try {
      for (let step = 0; step < STEPS; step++) {
        const events = run.events(false)
        // The last choice is to do nothing more.
        const event = events[choices.choose(events.length + 1)]
        if (event === undefined) break
        run.take(event)
        phases.set(event[0], (phases.get(event[0]) ?? 0) + 1)
      }
      run.drain()
    } catch (error) {
      throw new Error(`after ${run.trace.join(', ')}: ${(error as Error).message}`, { cause: error })
    }
  })
  t.diagnostic(`${orders} orders; ${JSON.stringify(Object.fromEntries(phases))}`)
  assert.ok(orders > 100_000, `${orders} orders`)
  for (const name of ['finish without a sync', 'finish', 'fail', 'join(3)']) assert.ok((phases.get(name) ?? 0) > 100)
})
