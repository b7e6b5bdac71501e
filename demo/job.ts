import { openJournal } from 'fsys'

import { LineReader } from './lines.js'
import { AcknowledgementSender, sendEvent } from './reports.js'

/*
 * The job that is killed: it commits the lines of a file to a journal, each durably, from many committers at once, and goes
 * on behind the last line that the journal holds.
 *
 *     node job.js <journal> <input> <committers> <line before which it waits to be killed>
 */
const [journalPath = '', inputPath = '', committers, waitingLine] = process.argv.slice(2)

// The parent is gone.
process.stdin.on('end', () => process.exit(1)).resume()

sendEvent({ event: 'opening' })
const openingAt = performance.now()
const journal = await openJournal(journalPath)
sendEvent({ event: 'opened', durationMs: performance.now() - openingAt, info: journal.info })

const lines = new LineReader(inputPath)
lines.skip(journal.info.recovery.records)
const sender = new AcknowledgementSender()
await Promise.all(Array.from({ length: Number(committers) }, commitLines))

if (isAtWaitingLine()) {
  sendEvent({ event: 'waiting' })
} else {
  await journal.close()
  sendEvent({ event: 'closed' })
  process.stdin.destroy()
}

/** One of many: takes the next line, waits until it is durable, says so, and takes another. */
async function commitLines(): Promise<void> {
  while (!isAtWaitingLine()) {
    const line = lines.nextLine
    const text = lines.next()
    if (text === undefined) return
    const committingAt = performance.now()
    // Its turn comes when the line before it is durable: that is the point.
    const lsn = await journal.commit(text)
    sender.add(line, lsn, performance.now() - committingAt, journal.durableLsn)
  }
}

function isAtWaitingLine(): boolean {
  return lines.nextLine >= Number(waitingLine)
}
