import { FsysError } from '../errors.js'
import { LSN_MAX } from '../lsn.js'
import { type Command, type Io, defineCommand } from './command.js'
import { complaintError, tornNote } from './complaint.js'
import { Follower } from './follower.js'
import { FrameGuard } from './guard.js'
import { FORMAT_OPTIONS, type RecordFormat, chooseFormat, writeRecords } from './record-format.js'
import { Interruption } from './signals.js'
import { JournalSource, refuseSameFile } from './source.js'
import { STATUS } from './status.js'
import { quote } from './text.js'
import { wholeNumber } from './usage.js'

const help = `Usage: fsys tail [options] <journal>

Prints the last records of a journal; with -f also those that are appended from then on.

It shows whole valid records, whether or not they are confirmed: a record that is shown can still be lost at a power cut.
With --durable it goes no further than the durable mark, below which everything was confirmed; the mark lags a little, by
100 ms or 16 MiB at most while the journal is in use, and by nothing once it is closed.

What stands behind the last whole record is "not yet", whatever it is: with -f it waits there, and never skips a gap. Before
it goes on it looks whether the record that it showed last is still there. If that has changed, or the file has shrunk below
it or was replaced, it ends with an error: what it showed is not what the journal holds.

Options:
  -n, --limit N     begin with the last N records; the default is 10
  -f, --follow      wait for more
  --durable         stop at the durable mark
  --interval MS     with -f: how often to look, in milliseconds; the default is 100
  --json, --frames  as for fsys cat
  -h, --help        print this

With -f it ends on SIGINT, SIGTERM or SIGHUP, with 130, 143 or 129, and with 0 when there is a record to show and the reader
has gone away.

Exit status:
  0   all is printed
  1   the output could not be written
  2   the journal is damaged, or ends below what was once confirmed; with -f: what was shown is not there any more
  3   it is not a journal, or cannot be read; or there is no mark for --durable
  64  wrong usage
`

export const tail: Command = defineCommand({
  help,
  statusOtherwise: STATUS.unreadable,
  options: {
    ...FORMAT_OPTIONS,
    limit: { type: 'string', short: 'n' },
    follow: { type: 'boolean', short: 'f' },
    durable: { type: 'boolean' },
    interval: { type: 'string' },
  },
  async run(journal, values, io) {
    const format = chooseFormat(values)
    const limit = wholeNumber('--limit', values.limit ?? '10', 0, LSN_MAX)
    const intervalMs = wholeNumber('--interval', values.interval ?? '100', 1, 3_600_000)
    const source = await JournalSource.open(journal)
    try {
      refuseSameFile(process.stdout.fd, source.facts, 'the output')
      const durableLsn = values.durable === true ? durableLsnOf(source) : undefined
      const beginning = await locate(source, limit, durableLsn ?? Infinity)
      if (values.follow === true) return await follow(source, beginning, { format, durableLsn, intervalMs }, io)
      return await printLast(source, beginning, format, io)
    } finally {
      await source.close()
    }
  },
})

function durableLsnOf({ path, mark }: JournalSource): number {
  if (mark.state === 'bound') return mark.mark.durableLsn
  throw new FsysError('ERR_FSYS_NOT_FOUND', `cannot tell what of ${quote(path)} is durable: ${NO_MARK[mark.state]}`, {
    path,
  })
}

const NO_MARK = {
  absent: 'it has no mark',
  broken: 'its mark is broken',
  'of-another-file': 'its mark belongs to another file',
  'no-birth-time': 'the file system keeps no birth times, and so there is no mark',
} as const

/** Where the last records begin. */
interface Beginning {
  /** A frame position. */
  readonly lsn: number
  /** How many records from there on do not belong to the last ones. */
  readonly skipped: number
  /** The end of the last record. */
  readonly endLsn: number
  /** The record before `lsn`, if there is one. */
  readonly guard: FrameGuard | undefined
  readonly complaint: FsysError | undefined
  readonly torn: string | undefined
}

/** Reads the journal from its beginning, and remembers the batches that the last records stand in: few, and at most one a megabyte. */
async function locate(source: JournalSource, limit: number, to: number): Promise<Beginning> {
  const cursor = await source.walk({ to, wantsLargePayloads: true })
  const batches: { lsn: number; records: number; before: FrameGuard | undefined }[] = []
  let records = 0
  let kept = 0
  let last: FrameGuard | undefined
  while (await source.advance(cursor)) {
    const { large, count, offsets, lsnOffset } = cursor
    const batch =
      large === undefined
        ? { lsn: lsnOffset + (offsets[0] as number), records: count, before: last }
        : { lsn: large.lsn, records: 1, before: last }
    last = FrameGuard.of(cursor, count - 1)
    batches.push(batch)
    records += batch.records
    kept += batch.records
    while (kept - (batches[0]?.records ?? Infinity) >= limit) kept -= batches.shift()?.records ?? 0
  }
  const findings = await source.findings(cursor, records)
  const first = batches[0] ?? { lsn: cursor.position, before: last }
  return {
    lsn: first.lsn,
    skipped: Math.max(kept - limit, 0),
    endLsn: cursor.position,
    guard: first.before,
    complaint: complaintError(source.path, findings),
    torn: tornNote(findings),
  }
}

async function printLast(
  source: JournalSource,
  { lsn, skipped, endLsn, complaint, torn }: Beginning,
  format: RecordFormat,
  { output, note }: Io,
): Promise<number> {
  const cursor = await source.walk({ from: lsn, to: endLsn, wantsLargePayloads: true })
  let left = skipped
  while (!output.isGone && (await source.advance(cursor))) {
    const records = cursor.large === undefined ? cursor.count : 1
    await writeRecords(output, format, cursor, left, Infinity)
    left = Math.max(left - records, 0)
  }
  if (output.isGone) return STATUS.done
  if (complaint !== undefined) throw complaint
  if (torn !== undefined) note(torn)
  return STATUS.done
}

interface Following {
  readonly format: RecordFormat
  readonly durableLsn: number | undefined
  readonly intervalMs: number
}

async function follow(
  source: JournalSource,
  beginning: Beginning,
  { format, durableLsn, intervalMs }: Following,
  io: Io,
): Promise<number> {
  const { complaint } = beginning
  if (complaint?.code === 'ERR_FSYS_NOT_A_JOURNAL') throw complaint
  if (complaint !== undefined) io.note(complaint.message)
  const interruption = new Interruption('impatient')
  io.output.waitUntil(interruption.signal)
  try {
    const follower = new Follower(
      source,
      beginning,
      { format, durableLsn, intervalMs, signal: interruption.signal },
      io,
    )
    await follower.run()
    return interruption.status
  } finally {
    interruption.stop()
  }
}
