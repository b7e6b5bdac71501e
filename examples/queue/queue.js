import { Generations } from './generations.js'

/**
 * A queue that loses no job. A job whose `add` has resolved will be handed out until somebody is `done` with it; one whose
 * `done` has resolved is never handed out again. A crash in between hands it out once more, and says so: how far the work
 * had come, nobody knows.
 */
export class Queue {
  #generations
  /** What is not done yet, by id, in the order in which it came. */
  #jobs = new Map()
  /** Those of them that nobody has: their ids. */
  #free = new Set()
  #nextId = 1

  /** `compactAboveBytes`: a larger journal is begun anew at the start, if that makes it a good deal smaller. */
  static async open(directory, { compactAboveBytes = 1_048_576 } = {}) {
    const queue = new Queue()
    const generations = await Generations.open(directory)
    queue.#generations = generations
    for (const record of generations.records) queue.#apply(JSON.parse(record))
    queue.#free = new Set(queue.#jobs.keys())
    const needed = queue.#summary()
    if (generations.bytes > compactAboveBytes && needed.length < generations.records.length / 2) {
      await generations.begin(needed)
    }
    return queue
  }

  get size() {
    return this.#jobs.size
  }

  /** Resolves to the id of the job when it is certain that it will be done. */
  async add(work) {
    const id = this.#nextId
    await this.#change({ add: id, work }, () => this.#free.add(id))
    return id
  }

  /**
   * Resolves to the oldest job that nobody has, { id, work, attempt }, when the attempt is on record: whoever gets the job
   * after a crash is told that it is the second. Undefined if there is none.
   */
  async take() {
    const [id] = this.#free
    if (id === undefined) return undefined
    this.#free.delete(id)
    await this.#change({ take: id })
    const { work, attempts } = this.#jobs.get(id)
    return { id, work, attempt: attempts }
  }

  /** Resolves when it is certain that the job is not handed out again. */
  async done(id) {
    await this.#change({ done: id })
  }

  async close() {
    await this.#generations.close()
  }

  /** Callers that wait here at the same time share a sync. What they wait for may be seen only when it is durable. */
  async #change(change, whenDurable = () => {}) {
    const { journal } = this.#generations
    const lsn = journal.append(JSON.stringify(change))
    this.#apply(change)
    await journal.syncThrough(lsn)
    whenDurable()
  }

  #apply({ next, add, work, attempts = 0, take, done }) {
    if (next !== undefined) this.#nextId = next
    if (add !== undefined) this.#jobs.set(add, { work, attempts })
    if (add !== undefined) this.#nextId = Math.max(this.#nextId, add + 1)
    if (take !== undefined) this.#jobs.get(take).attempts++
    if (done !== undefined) this.#jobs.delete(done)
  }

  /** All that matters, in as few records as possible. */
  #summary() {
    const jobs = [...this.#jobs].map(([id, { work, attempts }]) => ({ add: id, work, attempts }))
    // An id is never given a second time, not even when nothing is left of those before.
    return [...jobs, { next: this.#nextId }].map((record) => JSON.stringify(record))
  }
}
