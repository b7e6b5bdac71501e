import { assert } from '../errors.js'
import { CommitGroup } from './commit-group.js'

/**
 * The protocol of group commit, without I/O: one sync is under way, and whoever arrives meanwhile forms the next group.
 * The time of one sync is the batching window; there is no timer.
 *
 * ```text
 *           join                start                  finish
 *   idle ----------> scheduled ----------> running ----------------> idle, if nobody joined meanwhile
 *                        ^                    |                \
 *                        |                    | fail            `---> scheduled, otherwise
 *                        |                    v                          |
 *                        |                  failed                       |
 *                        `-----------------------------------------------'
 * ```
 *
 * `schedule` is called on every change to `scheduled`; whoever gets the call starts the group soon, but not before those
 * whom the last sync has woken could join it.
 */
export class GroupCommit {
  readonly #schedule: () => void
  #phase: 'idle' | 'scheduled' | 'running' | 'failed' = 'idle'
  #forming = new CommitGroup()
  #running: CommitGroup | undefined
  /** What the running sync covers; nothing while its group is still being written. */
  #coveredLsn = 0

  constructor(schedule: () => void) {
    this.#schedule = schedule
  }

  get phase(): 'idle' | 'scheduled' | 'running' | 'failed' {
    return this.#phase
  }

  /** The group whose sync will cover `lsn`, which must be staged. */
  join(lsn: number): CommitGroup {
    if (lsn <= this.#coveredLsn) return this.#running as CommitGroup
    if (this.#phase === 'idle') {
      this.#phase = 'scheduled'
      this.#schedule()
    }
    return this.#forming
  }

  /** The highest LSN that the running group waits for. */
  get awaitedLsn(): number {
    return this.#running?.highestLsn ?? 0
  }

  /** The group that has formed goes to the disk. Returns how many wait for it so far. */
  start(): number {
    assert(this.#phase === 'scheduled', `a group starts while ${this.#phase}`)
    this.#phase = 'running'
    this.#running = this.#forming
    this.#forming = new CommitGroup()
    return this.#running.waiters
  }

  /** A sync begins now, and everything below `lsn` has been written. Who needs no more than that may still join it. */
  cover(lsn: number): void {
    this.#coveredLsn = lsn
  }

  /** The running group's sync has returned. Returns its callers. */
  finish(): CommitGroup {
    assert(this.#phase === 'running' && this.#running !== undefined, `a group finishes while ${this.#phase}`)
    const finished = this.#running
    this.#running = undefined
    this.#coveredLsn = 0
    if (this.#forming.isEmpty) {
      this.#phase = 'idle'
    } else {
      this.#phase = 'scheduled'
      this.#schedule()
    }
    return finished
  }

  /** A write or a sync has failed: there will be no further group. Returns all who wait, followers too. */
  fail(): CommitGroup[] {
    const waiting = this.#running === undefined ? [this.#forming] : [this.#running, this.#forming]
    this.#phase = 'failed'
    this.#running = undefined
    this.#forming = new CommitGroup()
    this.#coveredLsn = 0
    return waiting
  }
}
