import { openJournal } from '../journal/open-journal.js'
import type { Findings, GapPolicy, Recovery } from '../journal/recovery.js'
import { planSavedTail } from '../journal/saved-tail.js'
import { nodeStorage } from '../storage/node-storage.js'
import { run } from '../storage/steps.js'
import { type Command, type Io, defineCommand } from './command.js'
import { complaintError } from './complaint.js'
import { inspectLock, lockedError, mayBeHeld } from './lock-state.js'
import { describeSaved, savedFacts } from './saved-words.js'
import { JournalSource } from './source.js'
import { STATUS } from './status.js'
import { count, plain, table } from './text.js'
import { UsageError, oneOf } from './usage.js'

const help = `Usage: fsys repair --dry-run | --yes [options] <journal>

Makes a damaged journal usable again: keeps the records up to the first that is not valid, saves what stands behind them
beside the journal as <name>.corrupt-<LSN>, cuts it off, and syncs it all. A journal that only a crash has torn needs no
repair: the next open does the same.

It takes the journal's lock, and refuses while somebody else holds it. If nothing can be saved, nothing is cut off. Records
that were once confirmed can be among what is cut off: then it says so. Restoring a backup may be better.

Options:
  --dry-run    say what --yes would do, and do nothing
  --yes        do it
  --gaps skip  where zeros stand in a journal that was never opened for writing by this project: take what is behind them for
               records of an older direct-mode writer, and keep it
  --gaps cut   ... take it for what a power cut left, and cut it off
  --json       one JSON object
  -h, --help   print this

Exit status:
  0   done, or there is nothing to do; with --dry-run: --yes would do what was said
  1   it could not be done: somebody else holds the lock, the disk is full ...
  2   there are zeros that can mean either: choose by --gaps
  3   it is not a journal (fsys reset --force can empty it), or cannot be read
  64  wrong usage
`

export const repair: Command = defineCommand({
  help,
  statusOtherwise: STATUS.failed,
  options: {
    'dry-run': { type: 'boolean' },
    yes: { type: 'boolean' },
    gaps: { type: 'string' },
    json: { type: 'boolean' },
  },
  async run(journal, values, io) {
    const isDry = values['dry-run'] === true
    if (isDry === (values.yes === true)) throw new UsageError('say either --dry-run or --yes')
    const gaps = values.gaps === undefined ? 'refuse' : oneOf('--gaps', values.gaps, ['skip', 'cut', 'refuse'])
    const isJson = values.json === true
    return isDry ? await plan(journal, gaps, isJson, io) : await mend(journal, gaps, isJson, io)
  },
})

async function plan(journal: string, gaps: GapPolicy, isJson: boolean, io: Io): Promise<number> {
  const source = await JournalSource.open(journal)
  try {
    const lock = await inspectLock(source.path)
    const findings = await source.examine(gaps)
    const complaint = complaintError(source.path, findings)
    const isSettled =
      complaint === undefined ||
      complaint.code === 'ERR_FSYS_DAMAGED' ||
      (complaint.code === 'ERR_FSYS_AMBIGUOUS_GAP' && gaps !== 'refuse')
    if (!isSettled) throw complaint
    const { path, file, kernel } = source
    const { fileSize, cleanEnd } = findings
    const savedTail = await run(planSavedTail(nodeStorage, path, { file, from: cleanEnd, to: fileSize }, kernel))
    report(journal, path, { ...planned(findings), savedTail }, { isDone: false, isJson }, io)
    if (mayBeHeld(lock)) throw lockedError(path, lock)
    return STATUS.done
  } finally {
    await source.close()
  }
}

type Repair = Omit<Recovery, 'durationMs'>

function planned(findings: Findings): Omit<Repair, 'savedTail'> {
  const { tailState, cleanEnd, records, gaps, fileSize, mark } = findings
  const trusted = mark.state === 'bound' ? mark.mark.durableLsn : 0
  return {
    tailState,
    cleanEnd,
    records,
    gaps,
    bytesCut: Math.max(fileSize - cleanEnd, 0),
    bytesRewritten: Math.max(cleanEnd - trusted, 0),
    isBelowMark: cleanEnd < trusted,
  }
}

async function mend(journal: string, gaps: GapPolicy, isJson: boolean, io: Io): Promise<number> {
  const opened = await openJournal(journal, { create: false, onDamage: 'cut', gaps })
  const { path, recovery } = opened.info
  await opened.close()
  report(journal, path, recovery, { isDone: true, isJson }, io)
  return STATUS.done
}

function report(
  name: string,
  path: string,
  { tailState, cleanEnd, records, gaps, bytesCut, savedTail, bytesRewritten, isBelowMark }: Repair,
  { isDone, isJson }: { isDone: boolean; isJson: boolean },
  { output }: Io,
): void {
  if (isJson) {
    const facts = { path, isDone, tailState, cleanEnd, records, gaps, bytesCut, savedTail: savedFacts(savedTail) }
    output.writeLine(JSON.stringify({ ...facts, bytesRewritten, isBelowMark }))
    return
  }
  const rows: [string, string | number][] = [['kept', `${count(records, 'record')}, up to LSN ${cleanEnd}`]]
  if (gaps > 0) rows.push(['gaps', `${gaps} of an older writer, crossed`])
  if (bytesCut > 0) {
    rows.push(['cut off', `${count(bytesCut, 'byte')} (${tailState})`])
    rows.push(['saved', savedTail === undefined ? 'nothing: they are all zero' : describeSaved(savedTail)])
    if (savedTail !== undefined) rows.push(['as', plain(savedTail.path)])
  }
  if (isBelowMark) rows.push(['lost', 'records that were once confirmed'])
  if (bytesRewritten > 0) rows.push(['rewritten', `${count(bytesRewritten, 'byte')} that may not be on the disk yet`])
  const verdict = isDone
    ? bytesCut > 0 || isBelowMark
      ? 'repaired'
      : 'nothing had to be cut off'
    : bytesCut > 0 || isBelowMark
      ? 'would be repaired'
      : 'nothing would be cut off'
  output.writeText(`${plain(name)}: ${verdict}\n${table(rows)}`)
}
