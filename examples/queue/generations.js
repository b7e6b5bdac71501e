import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

import { openJournal, openReader } from 'fsys'

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
  #guard
  #number = 0

  /** Rejects with ERR_FSYS_LOCKED if another process has it open. */
  static async open(directory) {
    await makeDirectory(directory)
    const generations = new Generations()
    generations.#directory = directory
    // Nothing stands in it: its lock is that of all the others, also while one takes the place of another.
    generations.#guard = await openJournal(join(directory, 'guard.wal'))
    try {
      await generations.#findNewest()
    } catch (error) {
      await generations.#guard.close()
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
    await this.#remove(number) // what a crash may have left of an attempt
    const journal = await openJournal(this.#pathOf(number))
    journal.appendBatch(records)
    await journal.commit(COMPLETE)
    await this.journal?.close()
    this.journal = journal
    this.#number = number
    for (const older of await this.#numbers()) if (older < number) await this.#remove(older)
  }

  async close() {
    await this.journal.close()
    await this.#guard.close()
  }

  async #findNewest() {
    for (const number of (await this.#numbers()).toReversed()) {
      const journal = await openJournal(this.#pathOf(number), { create: false })
      const records = readAll(this.#pathOf(number))
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

  #pathOf(number) {
    return join(this.#directory, `state.${number}.wal`)
  }

  async #numbers() {
    const numbers = (await readdir(this.#directory)).map((name) => /^state\.(\d+)\.wal$/.exec(name)?.[1])
    return numbers
      .filter((number) => number !== undefined)
      .map(Number)
      .toSorted((a, b) => a - b)
  }

  async #remove(number) {
    for (const end of ['', '.mark']) await rm(this.#pathOf(number) + end, { force: true })
  }
}

function readAll(path) {
  const reader = openReader(path)
  try {
    return [...reader].map(({ payload }) => Buffer.from(payload).toString())
  } finally {
    reader.close()
  }
}

/** A journal makes its own name durable, but not that of the directory that it is in. */
async function makeDirectory(path) {
  const first = await mkdir(path, { recursive: true })
  if (first === undefined || process.platform === 'win32') return
  for (let made = resolve(path); made.length >= first.length; made = dirname(made)) {
    const parent = await open(dirname(made))
    try {
      await parent.sync()
    } finally {
      await parent.close()
    }
  }
}
