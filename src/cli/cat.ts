import { FsysError } from '../errors.js'
import { LSN_MAX } from '../lsn.js'
import { type Command, type Io, defineCommand } from './command.js'
import { complaintError, tornNote } from './complaint.js'
import { FORMAT_OPTIONS, type RecordFormat, chooseFormat, writeRecords } from './record-format.js'
import { JournalSource, refuseSameFile } from './source.js'
import { STATUS } from './status.js'
import { quote } from './text.js'
import { oneOf, wholeNumber } from './usage.js'

const help = `Usage: fsys cat [options] <journal>

Prints the records of a journal, oldest first: each payload as it is, and a newline behind it. It can be used while somebody
writes to the journal, and shows what is there when it begins, confirmed or not.

Options:
  --json          one JSON object a line: {"lsn": ..., "endLsn": ..., "payload": "..."}; a payload that is not well-formed
                  UTF-8 is given as "payloadBase64" instead. lsn is where the record begins, endLsn what append printed
                  for it, and where the next one begins
  --frames        each payload behind its length, a u32 in little-endian order: what append --frames reads, for records
                  that hold newlines or are not text
  --from LSN      begin at this LSN, which must be one at which a record begins, or the end of the last one
  -n, --limit N   print at most N records
  --gaps skip     go on behind zero gaps in a journal that was never opened for writing by this project: older direct-mode
                  writers of the Rust crate left such gaps
  -h, --help      print this

What a crash left behind the last record is not printed; stderr says so, and that is no failure: it was never confirmed.
A reader that goes away early (fsys cat a.wal | head -1) is no failure either.

Exit status:
  0   all is printed, up to the end or to the limit
  1   no record begins at the LSN that was given, or the output could not be written
  2   the journal is damaged, or ends below what was once confirmed, or has zeros that can mean either; what stands before
      was printed
  3   it is not a journal, or cannot be read
  64  wrong usage
`

export const cat: Command = defineCommand({
  help,
  statusOtherwise: STATUS.unreadable,
  options: {
    ...FORMAT_OPTIONS,
    from: { type: 'string' },
    limit: { type: 'string', short: 'n' },
    gaps: { type: 'string' },
  },
  async run(journal, values, io) {
    const format = chooseFormat(values)
    const from = wholeNumber('--from', values.from ?? '0', 0, LSN_MAX)
    const limit = values.limit === undefined ? Infinity : wholeNumber('--limit', values.limit, 0, LSN_MAX)
    const gaps = values.gaps === undefined ? 'refuse' : oneOf('--gaps', values.gaps, ['skip', 'refuse'])
    const source = await JournalSource.open(journal)
    try {
      refuseSameFile(process.stdout.fd, source.facts, 'the output')
      return await printRecords(source, { from, limit, gaps, format }, io)
    } finally {
      await source.close()
    }
  },
})

interface Wanted {
  readonly from: number
  readonly limit: number
  readonly gaps: 'skip' | 'refuse'
  readonly format: RecordFormat
}

async function printRecords(source: JournalSource, wanted: Wanted, { output, note }: Io): Promise<number> {
  const { from, limit, gaps, format } = wanted
  const cursor = await source.walk({ from, gaps, wantsLargePayloads: true })
  if (from > cursor.fileSize) throw noRecord(source.path, from, `the file ends at ${cursor.fileSize}`)
  let printed = 0
  while (printed < limit && (await source.advance(cursor))) {
    printed += await writeRecords(output, format, cursor, 0, limit - printed)
    if (output.isGone) return STATUS.done
  }
  if (printed >= limit) return STATUS.done
  const findings = await source.findings(cursor, printed)
  const complaint = complaintError(source.path, findings)
  if (complaint !== undefined) {
    throw from > 0 && printed === 0 ? noRecord(source.path, from, findings.tailState) : complaint
  }
  const torn = tornNote(findings)
  if (torn !== undefined) note(torn)
  return STATUS.done
}

function noRecord(path: string, lsn: number, why: string): FsysError {
  return new FsysError('ERR_FSYS_NO_RECORD', `no record of ${quote(path)} begins at LSN ${lsn}: ${why}`, { path, lsn })
}
