import { join } from 'node:path'

import { createHandle, openReader } from 'fsys'

const SNAPSHOT = 'snapshot.jsonl'
const nameOf = (number) => `journal.${number}.wal`
/** Also of what a journal has beside it; infinite for anything else. */
const numberOf = (name) => Number(/^journal\.(\d+)\.wal(?:\.mark|\.lock)?$/.exec(name)?.[1] ?? Infinity)

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
  #number = 1
  /** Resolves when all is durable that stands in journals before this one. */
  #former = Promise.resolve()
  /** The snapshot that is being made. */
  #snapshot

  /** In this directory, which is made if it is missing. `options.storage` is for tests on the simulated disk. */
  static async open(directory, options = {}) {
    const store = new Store()
    try {
      await store.#open(directory, options)
    } catch (error) {
      await store.close().catch(() => undefined)
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

  /** Resolves when the value is there for good. Undefined removes the key. If it rejects, it may be there or not. */
  async set(key, value) {
    const lsn = this.#journal.append(JSON.stringify([key, value]))
    this.#apply(key, value)
    await Promise.all([this.#former, this.#journal.syncThrough(lsn)])
  }

  /** Writes all values into a new snapshot, and removes the journals before. Others go on setting meanwhile. */
  async snapshot() {
    if (this.#snapshot !== undefined) throw new Error('a snapshot is being made')
    this.#snapshot = this.#makeSnapshot()
    try {
      await this.#snapshot
    } finally {
      this.#snapshot = undefined
    }
  }

  /** A snapshot that is being made is finished first: what it changes, it must change under this store's lock. */
  async close() {
    await this.#snapshot?.catch(() => undefined)
    try {
      await this.#journal?.close()
    } finally {
      await this.#guard?.close()
      this.#handle?.close()
    }
  }

  async #open(directory, options) {
    const handle = createHandle(options)
    await handle.mkdirAll(directory)
    handle.close()
    this.#directory = directory
    this.#options = options
    this.#handle = createHandle({ ...options, root: directory })
    // Nothing stands in it: its lock is that of the whole store.
    this.#guard = await this.#handle.journal('guard.wal')
    const isNew = !(await this.#handle.exists(SNAPSHOT))
    if (!isNew) this.#applySnapshot(await this.#handle.read(SNAPSHOT))
    await this.#removeFormer()
    await this.#replay({ create: isNew })
    // A crash may have struck when the next journal was there, and changes in it, but not the snapshot that names it.
    while (await this.#handle.exists(nameOf(this.#number + 1))) {
      await this.#journal.close()
      this.#number++
      await this.#replay({ create: false })
    }
  }

  #applySnapshot(bytes) {
    const [head, ...lines] = bytes.toString().split('\n')
    this.#number = JSON.parse(head).journal
    for (const line of lines) if (line !== '') this.#apply(...JSON.parse(line))
  }

  /** Opens the journal, and does again what stands in it. */
  async #replay({ create }) {
    const name = nameOf(this.#number)
    this.#journal = await this.#handle.journal(name, { create })
    const reader = openReader(join(this.#directory, name), this.#options)
    try {
      for (const { payload } of reader) this.#apply(...JSON.parse(Buffer.from(payload).toString()))
    } finally {
      reader.close()
    }
  }

  #apply(key, value) {
    // In JSON, undefined in a list is null.
    if (value === undefined || value === null) this.#values.delete(key)
    else this.#values.set(key, value)
  }

  async #makeSnapshot() {
    const next = await this.#handle.journal(nameOf(this.#number + 1))
    const former = this.#journal
    // What is in the map now is in the snapshot, and what comes later is in the next journal: nothing may come in between.
    const values = [...this.#values]
    this.#former = former.syncThrough(former.nextLsn)
    this.#journal = next
    this.#number++
    try {
      await this.#former
      await this.#handle.write(SNAPSHOT, linesOf(this.#number, values))
    } finally {
      await former.close()
    }
    await this.#removeFormer()
  }

  /** Removes the journals before this one, which a snapshot stands for; those, too, that a crash has kept from being removed. */
  async #removeFormer() {
    const names = (await this.#handle.list('.')).map(({ path }) => path)
    await this.#handle.deleteBatch(names.filter((name) => numberOf(name) < this.#number))
  }
}

/** A line each, so that a large map is never one large text. */
function* linesOf(number, values) {
  yield `${JSON.stringify({ journal: number })}\n`
  for (const entry of values) yield `${JSON.stringify(entry)}\n`
}
