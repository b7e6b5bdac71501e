import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import type { CommitGroup } from '#src/journal/commit-group.js'
import { GroupCommit } from '#src/journal/group-commit.js'
import { durableLsn } from '#src/lsn.js'

type Event = 'join' | 'join again' | 'start' | 'cover' | 'finish' | 'fail'

/** The protocol beside a model of what the disk has: every staged byte is written when its group starts. */
class Run {
  readonly #groups = new GroupCommit(() => this.#scheduled++)
  #scheduled = 0
  #nextLsn = 0
  #writtenLsn = 0
  #coveredLsn: number | undefined
  #durableLsn = 0
  #isFailed = false
  /** Who waits, by LSN, in which group. */
  readonly #waiting = new Map<CommitGroup, number[]>()
  #answered = 0

  possible(joinsLeft: number): Event[] {
    const { phase } = this.#groups
    if (this.#isFailed) return []
    const events: Event[] = []
    if (joinsLeft > 0) events.push('join')
    if (joinsLeft > 0 && this.#nextLsn > this.#durableLsn) events.push('join again')
    if (phase === 'scheduled') events.push('start')
    if (phase === 'running') events.push(this.#coveredLsn === undefined ? 'cover' : 'finish', 'fail')
    return events
  }

  take(event: Event): void {
    if (event === 'join' || event === 'join again') {
      // Somebody appends and waits for it, or waits for what another has appended.
      if (event === 'join') this.#nextLsn++
      const lsn = this.#nextLsn
      const group = this.#groups.join(lsn)
      void group.waitTogether(lsn).catch(() => {})
      this.#waiting.set(group, [...(this.#waiting.get(group) ?? []), lsn])
    } else if (event === 'start') {
      assert.equal(this.#scheduled, 1, 'a group starts once for each time that it was scheduled')
      this.#scheduled = 0
      this.#groups.start()
      this.#writtenLsn = this.#nextLsn
    } else if (event === 'cover') {
      assert.ok(this.#groups.awaitedLsn <= this.#writtenLsn)
      this.#coveredLsn = this.#writtenLsn
      this.#groups.cover(this.#coveredLsn)
    } else if (event === 'finish') {
      this.#durableLsn = this.#coveredLsn ?? 0
      this.#coveredLsn = undefined
      const group = this.#groups.finish()
      for (const lsn of this.#waiting.get(group) ?? []) {
        assert.ok(lsn <= this.#durableLsn, `LSN ${lsn} is confirmed, but only ${this.#durableLsn} is durable (D1)`)
        this.#answered++
      }
      group.resolve(durableLsn(this.#durableLsn))
      this.#waiting.delete(group)
    } else {
      this.#isFailed = true
      for (const group of this.#groups.fail()) {
        this.#answered += this.#waiting.get(group)?.length ?? 0
        group.reject(new Error('the disk is gone'))
        this.#waiting.delete(group)
      }
    }
  }

  /** Everybody is answered in the end, without another event from outside. */
  drain(): void {
    for (let steps = 0; ; steps++) {
      assert.ok(steps < 20, 'the protocol comes to rest')
      const [event] = this.possible(0)
      if (event === undefined) break
      this.take(event)
    }
  }

  get answered(): number {
    return this.#answered
  }

  get waiting(): number {
    return [...this.#waiting.values()].flat().length
  }
}

describe('group commit', () => {
  test('D1 D4 D10: in every order of events, confirmed is durable, and everybody is answered', () => {
    let orders = 0
    const explore = (events: readonly Event[], joins: number): void => {
      const run = new Run()
      for (const event of events) run.take(event)
      const possible = events.length < 14 ? run.possible(5 - joins) : []
      run.drain()
      assert.equal(run.waiting, 0, `a waiter is lost after ${events.join(', ')}`)
      assert.equal(run.answered, joins)
      orders++
      for (const event of possible) explore([...events, event], joins + (event.startsWith('join') ? 1 : 0))
    }
    explore([], 0)
    assert.ok(orders > 10_000, `explored ${orders} orders`)
  })

  test('D10: a failed sync rejects for all who waited, with one error; nobody is left behind', async () => {
    const groups = new GroupCommit(() => {})
    const running = groups.join(12)
    const leader = running.waitAlone(12)
    const follower = running.waitTogether(24)
    groups.start()
    groups.cover(24)
    const next = groups.join(36).waitAlone(36)
    const failure = new Error('the disk is gone')
    for (const group of groups.fail()) group.reject(failure)
    const outcomes = await Promise.allSettled([leader, follower, next])
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason === failure),
      [true, true, true],
    )
  })

  test('whoever needs no more than the running sync covers joins it; others form the next group', () => {
    const groups = new GroupCommit(() => {})
    const first = groups.join(12)
    groups.start()
    assert.notEqual(groups.join(12), first, 'what is not yet written when the sync begins is not covered')
    groups.cover(20)
    assert.equal(groups.join(20), first)
    assert.notEqual(groups.join(21), first)
  })
})
