import { createHash } from 'node:crypto'

import { openJournal, openReader } from 'fsys'

/** What stands before the first entry. */
const BEGINNING = '0'.repeat(64)

/**
 * A log to which entries are added, and nothing else. Each entry names the hash of the one before it: whoever changes or
 * removes one must change all that follow, and then they are not those of which others hold receipts.
 */
export class AuditLog {
  #journal
  #last = { number: 0, hash: BEGINNING }

  static async open(path, { create = true } = {}) {
    const log = new AuditLog()
    log.#journal = await openJournal(path, { create })
    try {
      for (const { number, hash } of readEntries(path)) log.#last = { number, hash }
    } catch (error) {
      await log.#journal.close()
      throw error
    }
    return log
  }

  /** Resolves to a receipt, { number, hash }, when the entry is durable. Entries are in the order of the calls. */
  async record(text) {
    const { number, hash: previous } = this.#last
    const content = JSON.stringify({ number: number + 1, time: new Date().toISOString(), previous, text })
    const lsn = this.#journal.append(content)
    const receipt = { number: number + 1, hash: hashOf(content) }
    this.#last = receipt
    await this.#journal.syncThrough(lsn)
    return receipt
  }

  async close() {
    await this.#journal.close()
  }
}

/** The entries, { number, time, text, hash }, checked one by one. Throws at the first that is not what it should be. */
export function* readEntries(path) {
  const reader = openReader(path)
  try {
    let last = { number: 0, hash: BEGINNING }
    for (const { lsn, payload } of reader) {
      const { number, time, previous, text } = JSON.parse(Buffer.from(payload).toString())
      if (number !== last.number + 1 || previous !== last.hash) {
        throw new Error(`the entry at LSN ${lsn} does not follow entry ${last.number}: somebody has changed the log`)
      }
      last = { number, hash: hashOf(payload) }
      yield { number, time, text, hash: last.hash }
    }
    // What a crash leaves is cut off by the next one who records. Anything else is damage.
    if (['bad-magic', 'length-overflow'].includes(reader.tailState)) {
      throw new Error(`the log is damaged at LSN ${reader.position}: ${reader.tailState}`)
    }
  } finally {
    reader.close()
  }
}

function hashOf(content) {
  return createHash('sha256').update(content).digest('hex')
}
