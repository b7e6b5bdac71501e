import { stat as statOf } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { storageFailure } from '../errors.js'
import { FRAME_OVERHEAD_BYTES } from '../frame/frame.js'
import type { FrameCursor } from '../journal/frame-cursor.js'
import type { Findings } from '../journal/recovery.js'
import { nodeStorage } from '../storage/node-storage.js'
import { type Command, defineCommand } from './command.js'
import { complaintError } from './complaint.js'
import { Distribution } from './distribution.js'
import { describeMark, markFacts } from './mark-words.js'
import { JournalSource } from './source.js'
import { STATUS } from './status.js'
import { chart, count, plain, quote, table } from './text.js'

const help = `Usage: fsys stat [options] <journal>

Tells how many records a journal holds and how large they are, how large its file is and how much of the disk it has, what
stands behind the last record, what the durable mark says, and which tails were saved beside it. It reads all of the journal,
changes nothing, and can be used while somebody writes.
Sizes are those of the payloads: exact below 4 KiB, percentiles above are at most 0.4 % too large. Allocated is what the file
system has set aside for the file, preallocated blocks past its end included; where files are compressed or share blocks,
that is the file system's own way of counting. Zeros behind the last record are written ahead while a journal is open, and
cut off when it is closed, or when it is opened after a crash.

Options:
  --json      one JSON object
  -h, --help  print this

Exit status:
  0   done, whatever the state of the journal; fsys verify judges it
  3   it is not a journal, or cannot be read
  64  wrong usage
`

export const stat: Command = defineCommand({
  help,
  statusOtherwise: STATUS.unreadable,
  options: { json: { type: 'boolean' } },
  async run(journal, { json }, { output }) {
    const source = await JournalSource.open(journal)
    try {
      const { sizes, findings } = await measure(source)
      const complaint = complaintError(source.path, findings)
      if (complaint?.code === 'ERR_FSYS_NOT_A_JOURNAL') throw complaint
      const facts = factsOf(source, findings, sizes, {
        allocatedBytes: await allocatedBytes(source.path),
        savedTails: await savedTails(source.path),
      })
      if (json === true) output.writeLine(JSON.stringify(facts))
      else output.writeText(inWords(journal, facts, sizes, findings))
    } finally {
      await source.close()
    }
    return STATUS.done
  },
})

async function measure(source: JournalSource): Promise<{ sizes: Distribution; findings: Findings }> {
  const sizes = new Distribution()
  const cursor = await source.walk({ wantsLargePayloads: false })
  while (await source.advance(cursor)) addAll(sizes, cursor)
  return { sizes, findings: await source.findings(cursor, sizes.count) }
}

function addAll(sizes: Distribution, { large, count: records, offsets }: FrameCursor): void {
  if (large !== undefined) {
    sizes.add(large.endLsn - large.lsn - FRAME_OVERHEAD_BYTES)
    return
  }
  for (let index = 0; index < records; index++) {
    sizes.add((offsets[index + 1] as number) - (offsets[index] as number) - FRAME_OVERHEAD_BYTES)
  }
}

/** The unit is 512 bytes, whatever the blocks of the file system are. */
async function allocatedBytes(path: string): Promise<number> {
  try {
    return (await statOf(path)).blocks * 512
  } catch (error) {
    throw storageFailure(error, `cannot read journal ${quote(path)}`, { path })
  }
}

interface SavedFile {
  readonly path: string
  readonly bytes: number
}

/** What opens and repairs have saved: `<name>.corrupt-<LSN>`, `<name>.corrupt-<LSN>.2` ... */
async function savedTails(journal: string): Promise<SavedFile[]> {
  const directory = dirname(journal)
  const prefix = `${basename(journal)}.corrupt-`
  try {
    const names = (await nodeStorage.list(directory)).filter(
      (name) => name.startsWith(prefix) && /^\d+(\.\d+)?$/u.test(name.slice(prefix.length)),
    )
    const tails: SavedFile[] = []
    for (const name of names.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }))) {
      const path = join(directory, name)
      const there = await nodeStorage.stat(path)
      if (there?.isFile === true) tails.push({ path, bytes: there.size })
    }
    return tails
  } catch (error) {
    throw storageFailure(error, `cannot read directory ${quote(directory)}`, { path: directory })
  }
}

interface Facts {
  readonly path: string
  readonly fileBytes: number
  readonly allocatedBytes: number
  readonly zeroAheadBytes: number
  readonly records: number
  readonly payloadBytes: number
  readonly gaps: number
  readonly sizes: { min: number; p50: number; p90: number; p99: number; max: number }
  readonly histogram: readonly { from: number; to: number; records: number }[]
  readonly tail: { state: string; lsn: number; bytes: number }
  readonly mark: ReturnType<typeof markFacts>
  readonly savedTails: readonly SavedFile[]
}

function factsOf(
  { path }: JournalSource,
  { fileSize, cleanEnd, tailState, gaps, mark }: Findings,
  sizes: Distribution,
  beside: Pick<Facts, 'allocatedBytes' | 'savedTails'>,
): Facts {
  const { count: records, total: bytes, min, max } = sizes
  const [p50, p90, p99] = [sizes.quantile(0.5), sizes.quantile(0.9), sizes.quantile(0.99)]
  return {
    path,
    fileBytes: fileSize,
    allocatedBytes: beside.allocatedBytes,
    zeroAheadBytes: tailState === 'clean-end' ? fileSize - cleanEnd : 0,
    records,
    payloadBytes: bytes,
    gaps,
    sizes: { min, p50, p90, p99, max },
    histogram: sizes.histogram().map(({ from, to, count: number }) => ({ from, to, records: number })),
    tail: { state: tailState, lsn: cleanEnd, bytes: fileSize - cleanEnd },
    mark: markFacts(mark),
    savedTails: beside.savedTails,
  }
}

function inWords(name: string, facts: Facts, sizesFound: Distribution, { mark }: Findings): string {
  const { records, payloadBytes, fileBytes, allocatedBytes: allocated, zeroAheadBytes, sizes, tail, gaps } = facts
  const rows: [string, string | number][] = [
    ['records', records],
    ['payloads', count(payloadBytes, 'byte')],
    ['file', `${count(fileBytes, 'byte')}, ${allocated} allocated`],
    ['sizes', `min ${sizes.min}, p50 ${sizes.p50}, p90 ${sizes.p90}, p99 ${sizes.p99}, max ${sizes.max}`],
    ['tail', `${tail.state} at LSN ${tail.lsn}, ${count(tail.bytes, 'byte')}`],
    ['mark', describeMark(mark)],
  ]
  if (zeroAheadBytes > 0) rows.push(['zeros', `${count(zeroAheadBytes, 'byte')} of the tail, written ahead of records`])
  if (gaps > 0) rows.push(['gaps', `${gaps} of an older writer, crossed`])
  for (const { path, bytes } of facts.savedTails) rows.push(['saved', `${plain(path)}, ${count(bytes, 'byte')}`])
  return `${plain(name)}:\n${table(rows)}${chart('bytes and records', sizesFound.histogram())}`
}
