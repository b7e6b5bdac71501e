import { FsysError } from '../errors.js'
import { type Findings, complaintAbout } from '../journal/recovery.js'
import { type Command, type Io, defineCommand } from './command.js'
import { complaintError, tornNote } from './complaint.js'
import { type LockState, describeLock, inspectLock, lockFacts, mayBeHeld } from './lock-state.js'
import { describeMark, markFacts } from './mark-words.js'
import { JournalSource } from './source.js'
import { STATUS, codeOf } from './status.js'
import { count, plain, table } from './text.js'

const help = `Usage: fsys verify [options] <journal>

Checks every record of a journal, what stands behind the last one, and whether everything is there that was once confirmed,
as far as the durable mark knows. It changes nothing and takes no lock, and can be used while somebody writes: what stands
behind the last record may then be a write under way, and the holder of the lock is named.

Options:
  --json      one JSON object
  -h, --help  print this

Exit status:
  0   clean: whole records up to the end, and behind them nothing or zeros
  1   torn: what a crash leaves stands behind the last record; the next open saves it and cuts it off
  2   damaged in a way that no crash explains, or the records end below what was once confirmed, or there are zeros that an
      older direct-mode writer may have left, or a power cut: see fsys repair
  3   not a journal, or it cannot be read
  64  wrong usage
`

export const verify: Command = defineCommand({
  help,
  statusOtherwise: STATUS.unreadable,
  options: { json: { type: 'boolean' } },
  async run(journal, { json }, io) {
    try {
      const source = await JournalSource.open(journal)
      try {
        // Before the records are read: who holds it then can have a write under way then.
        const lock = await inspectLock(source.path)
        return report(journal, { source, lock, findings: await source.examine('refuse') }, json === true, io)
      } finally {
        await source.close()
      }
    } catch (error) {
      if (json === true && error instanceof FsysError) {
        const { code, message } = error
        io.output.writeLine(JSON.stringify({ path: journal, verdict: 'unreadable', error: { code, message } }))
      }
      throw error
    }
  },
})

interface Verified {
  readonly source: JournalSource
  readonly lock: LockState
  readonly findings: Findings
}

function report(name: string, { source, lock, findings }: Verified, isJson: boolean, { output, note }: Io): number {
  const { fileSize, cleanEnd, tailState, records, gaps, mark } = findings
  const complaint = complaintError(source.path, findings)
  const torn = tornNote(findings)
  const verdict = complaintAbout(findings) ?? (torn === undefined ? 'clean' : 'torn')
  if (isJson) {
    const tail = { state: tailState, lsn: cleanEnd, bytes: fileSize - cleanEnd }
    const error = complaint === undefined ? {} : { error: { code: complaint.code, message: complaint.message } }
    const facts = { path: source.path, verdict, records, gaps, fileBytes: fileSize, tail }
    output.writeLine(JSON.stringify({ ...facts, mark: markFacts(mark), lock: lockFacts(lock), ...error }))
  } else {
    const rows: [string, string | number][] = [
      ['records', `${records}, up to LSN ${cleanEnd}`],
      ['tail', `${tailState}, ${count(fileSize - cleanEnd, 'byte')}`],
      ['mark', describeMark(mark)],
      ['lock', describeLock(lock)],
    ]
    if (gaps > 0) rows.push(['gaps', `${gaps} of an older writer, crossed`])
    output.writeText(`${plain(name)}: ${verdict}\n${table(rows)}`)
  }
  if (verdict === 'clean') return STATUS.done
  if (mayBeHeld(lock))
    note('somebody may be writing to it: what stands behind the last record may be a write under way')
  if (complaint !== undefined) {
    note(`${complaint.message} (${codeOf(complaint)})`)
    return complaint.code === 'ERR_FSYS_NOT_A_JOURNAL' ? STATUS.unreadable : STATUS.damaged
  }
  if (torn !== undefined) note(torn)
  return STATUS.torn
}
