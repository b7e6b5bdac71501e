import { join } from 'node:path'

import { createHandle, openJournal, openReader } from 'fsys'

const SNAPSHOT = 'snapshot.jsonl'
const nameOf = (number) => `journal.${number}.wal`

/**
 * A key-value store: a map in memory, a journal of its changes, and now and then a snapshot, so that the journal need not
 * grow for ever. The snapshot says with which journal it goes on.
 */
export class Store {
  #values = new Map()
  #directory
  #options
  #handle
  #guard
  #journal
  #number
  /** The oldest journal that is still there. */
  #oldest
  /** Resolves when all is durable that stands in journals before this one. */
  #former = Promise.resolve()
  #isSnapshotting = false

  /** In a directory that is there. `options.storage` is for tests on the simulated disk. */
  static async open(directory, options = {}) {
    const store = new Store()
    store.#directory = directory
    store.#options = options
    store.#handle = createHandle({ root: directory, ...options })
    // Nothing stands in it: its lock is that of the whole store.
    store.#guard = await openJournal(join(directory, 'guard.wal'), options)
    try {
      await store.#load()
    } catch (error) {
      await store.#guard.close()
      throw error
    }
    return store
  }

  get(key) {
    return this.#values.get(key)
  }

  entries() {
    return this.#values.entries()
  }

  /** Resolves when the value is there for good. Undefined removes the key. */
  async set(key, value) {
    const lsn = this.#journal.append(JSON.stringify([key, value]))
    this.#apply(key, value)
    await Promise.all([this.#former, this.#journal.syncThrough(lsn)])
  }

  /** Writes all values into a new snapshot, and removes the journals before. Others go on setting meanwhile. */
  async snapshot() {
    if (this.#isSnapshotting) throw new Error('a snapshot is being made')
    this.#isSnapshotting = true
    try {
      const next = await openJournal(join(this.#directory, nameOf(this.#number + 1)), this.#options)
      const former = this.#journal
      // What is in the map now is in the snapshot, and what comes later is in the next journal: nothing may come in between.
      const values = [...this.#values]
      this.#former = former.syncThrough(former.nextLsn)
      this.#journal = next
      this.#number++
      await this.#former
      await this.#handle.write(SNAPSHOT, linesOf(this.#number, values))
      await former.close()
      await this.#removeBefore(this.#number)
    } finally {
      this.#isSnapshotting = false
    }
  }

  async close() {
    await this.#journal.close()
    await this.#guard.close()
  }

  async #load() {
    this.#number = 1
    if (await this.#handle.exists(SNAPSHOT)) {
      const [head, ...lines] = (await this.#handle.read(SNAPSHOT)).toString().split('\n')
      this.#number = JSON.parse(head).journal
      for (const line of lines) if (line !== '') this.#apply(...JSON.parse(line))
    }
    // Removing it may have been cut short.
    this.#oldest = Math.max(this.#number - 1, 1)
    await this.#removeBefore(this.#number)
    this.#journal = await this.#replay(this.#number, true)
    // A crash may have struck when the next journal was there, and changes in it, but not the snapshot that names it.
    for (let next; (next = await this.#replay(this.#number + 1, false)) !== undefined; this.#number++) {
      await this.#journal.close()
      this.#journal = next
    }
  }

  /** Opens a journal, and does again what stands in it. */
  async #replay(number, create) {
    if (!create && !(await this.#handle.exists(nameOf(number)))) return undefined
    const path = join(this.#directory, nameOf(number))
    const journal = await openJournal(path, { ...this.#options, create })
    const reader = openReader(path, this.#options)
    try {
      for (const { payload } of reader) this.#apply(...JSON.parse(Buffer.from(payload).toString()))
    } finally {
      reader.close()
    }
    return journal
  }

  #apply(key, value) {
    // In JSON, undefined in a list is null.
    if (value === undefined || value === null) this.#values.delete(key)
    else this.#values.set(key, value)
  }

  async #removeBefore(number) {
    for (; this.#oldest < number; this.#oldest++) {
      await this.#handle.delete(nameOf(this.#oldest))
      await this.#handle.delete(`${nameOf(this.#oldest)}.mark`)
    }
  }
}

/** A line each, so that a large map is never one large text. */
function* linesOf(number, values) {
  yield `${JSON.stringify({ journal: number })}\n`
  for (const entry of values) yield `${JSON.stringify(entry)}\n`
}
