import { join } from 'node:path'

import { createHandle, openReader } from 'fsys'

/** Says that a generation has all that it was to begin with. No record of the program's own. */
const COMPLETE = '\0complete'

/**
 * A journal that can be begun anew, so that it does not grow for ever: a directory of journals, `state.<number>.wal`. A new
 * one begins with all that is still needed, and then says so. One that does not was being made when a crash struck: it
 * counts for nothing, and the one before it is still there.
 */
export class Generations {
  /** The newest one, for more. */
  journal
  /** What stood in it when it was opened, as text. */
  records = []
  #directory
  #handle
  #guard
  #number = 0

  /** Rejects with ERR_FSYS_LOCKED if another process has it open. */
  static async open(directory) {
    const generations = new Generations()
    try {
      await generations.#open(directory)
    } catch (error) {
      await generations.close().catch(() => undefined)
      throw error
    }
    return generations
  }

  /** How much there is of the newest one. */
  get bytes() {
    return this.journal.nextLsn
  }

  /** Begins a new one with these records. The old one is removed when the new one is durable, its name included. */
  async begin(records) {
    const number = this.#number + 1
    await this.#remove((other) => other === number) // what a crash may have left of an attempt
    const journal = await this.#handle.journal(nameOf(number))
    journal.appendBatch(records)
    await journal.commit(COMPLETE)
    await this.journal?.close()
    this.journal = journal
    this.#number = number
    await this.#remove((other) => other < number)
  }

  async close() {
    try {
      await this.journal?.close()
    } finally {
      await this.#guard?.close()
      this.#handle?.close()
    }
  }

  async #open(directory) {
    const handle = createHandle()
    await handle.mkdirAll(directory)
    handle.close()
    this.#directory = directory
    this.#handle = createHandle({ root: directory })
    // Nothing stands in it: its lock is that of all the others, also while one takes the place of another.
    this.#guard = await this.#handle.journal('guard.wal')
    await this.#findNewest()
  }

  async #findNewest() {
    const names = (await this.#handle.list('.')).map(({ path }) => path)
    const numbers = names.filter((name) => name.endsWith('.wal')).map(numberOf)
    for (const number of numbers.filter((each) => each !== undefined).toSorted((a, b) => b - a)) {
      const journal = await this.#handle.journal(nameOf(number), { create: false })
      const records = readAll(join(this.#directory, nameOf(number)))
      const place = records.indexOf(COMPLETE)
      if (place >= 0) {
        this.journal = journal
        this.records = records.toSpliced(place, 1)
        this.#number = number
        return
      }
      await journal.close()
    }
    await this.begin([])
  }

  async #remove(isWanted) {
    const names = (await this.#handle.list('.')).map(({ path }) => path)
    await this.#handle.deleteBatch(names.filter((name) => numberOf(name) !== undefined && isWanted(numberOf(name))))
  }
}

function nameOf(number) {
  return `state.${number}.wal`
}

/** Also of what a journal has beside it; undefined for anything else. */
function numberOf(name) {
  const digits = /^state\.(\d+)\.wal(?:\.mark|\.lock)?$/.exec(name)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

function readAll(path) {
  const reader = openReader(path)
  try {
    return [...reader].map(({ payload }) => Buffer.from(payload).toString())
  } finally {
    reader.close()
  }
}
