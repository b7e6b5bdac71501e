import { sharedKernelPool } from '../checksum/kernel-pool.js'
import type { Findings } from '../journal/recovery.js'
import { reset as resetJournal } from '../journal/reset.js'
import { type SavedTail, planSavedTail } from '../journal/saved-tail.js'
import { defaultStorage } from '../storage/default-storage.js'
import { nodeStorage } from '../storage/node-storage.js'
import { run } from '../storage/steps.js'
import { type Command, type Io, defineCommand } from './command.js'
import { complaintError } from './complaint.js'
import { describeSaved, savedFacts } from './saved-words.js'
import { JournalSource } from './source.js'
import { STATUS } from './status.js'
import { count, plain, table } from './text.js'
import { UsageError } from './usage.js'

const help = `Usage: fsys reset --yes [options] <journal>

Starts a journal over: leaves it empty, with a fresh durable mark. For one that was emptied or overwritten in place, which
its mark makes every open refuse, or that is not wanted any more. To keep its valid records, use fsys repair.

All that it holds, unless it is zero, is first saved beside it as <name>.corrupt-0. It takes the journal's lock, and refuses
while somebody else holds it. A crash on the way leaves the journal as it was, or empty.

Without --yes it only says what it would do, and exits with 64.

Options:
  --yes       do it
  --force     also empty a file that does not begin like a journal
  --json      one JSON object
  -h, --help  print this

Exit status:
  0   done
  1   it could not be done: somebody else holds the lock, the disk is full ...
  3   it is not a journal, or cannot be read
  64  wrong usage, or no --yes
`

export const reset: Command = defineCommand({
  help,
  statusOtherwise: STATUS.failed,
  options: { yes: { type: 'boolean' }, force: { type: 'boolean' }, json: { type: 'boolean' } },
  async run(journal, { yes, force = false, json = false }, io) {
    if (yes !== true) return await plan(journal, force, json, io)
    const storage = defaultStorage(false)
    const { path, findings, saved } = await run(
      resetJournal(journal, { storage, memory: sharedKernelPool, force, fileMode: FILE_MODE }),
    )
    report(journal, { path, findings, saved, isDone: true }, json, io)
    return STATUS.done
  },
})

/** As for a new journal. */
const FILE_MODE = 0o600

async function plan(journal: string, force: boolean, isJson: boolean, io: Io): Promise<number> {
  const source = await JournalSource.open(journal)
  try {
    const findings = await source.examine('skip')
    const complaint = complaintError(source.path, findings)
    if (complaint?.code === 'ERR_FSYS_NOT_A_JOURNAL' && !force) throw complaint
    const { path, file, kernel } = source
    const saved = await run(planSavedTail(nodeStorage, path, { file, from: 0, to: findings.fileSize }, kernel))
    report(journal, { path, findings, saved, isDone: false }, isJson, io)
  } finally {
    await source.close()
  }
  throw new UsageError('nothing was done: say --yes')
}

interface Reset {
  readonly path: string
  readonly findings: Findings
  readonly saved: SavedTail | undefined
  readonly isDone: boolean
}

function report(name: string, { path, findings, saved, isDone }: Reset, isJson: boolean, { output }: Io): void {
  const { fileSize, cleanEnd, tailState, records } = findings
  if (isJson) {
    const facts = { path, isDone, fileBytes: fileSize, records, cleanEnd, tailState, savedTail: savedFacts(saved) }
    output.writeLine(JSON.stringify(facts))
    return
  }
  const rows: [string, string | number][] = [
    [isDone ? 'held' : 'holds', `${count(fileSize, 'byte')}, ${count(records, 'record')} up to LSN ${cleanEnd}`],
    ['saved', saved === undefined ? 'nothing: it is empty or all zero' : describeSaved(saved)],
  ]
  if (saved !== undefined) rows.push(['as', plain(saved.path)])
  output.writeText(`${plain(name)}: ${isDone ? 'is empty now' : 'would be emptied'}\n${table(rows)}`)
}
