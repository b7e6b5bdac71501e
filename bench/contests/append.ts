import { open } from 'node:fs/promises'

import { openJournal } from 'fsys'

import type { Contest } from '../measure.js'
import { appendInPlace, appendJoined } from '../plain-node.js'
import type { Scratch } from '../scratch.js'

/** Records handed to the operating system, the last one too; no sync. */
export function appendContests(scratch: Scratch): Contest[] {
  return [
    {
      name: 'Append 64 B without sync',
      unit: 'million records/s',
      contenders: [
        journal(scratch, 64, 2_000_000),
        plain(scratch, 'one reused buffer, 1000 records a FileHandle.write', appendInPlace, 64, 2_000_000),
        plain(scratch, 'Buffer.concat of 1000 records a FileHandle.write', appendJoined, 64, 2_000_000),
      ],
      floors: [
        { contender: JOURNAL, relation: '>=', value: 8 },
        { contender: JOURNAL, to: 'Buffer.concat of 1000 records a FileHandle.write', relation: '>=', value: 2.5 },
        { contender: JOURNAL, to: 'one reused buffer, 1000 records a FileHandle.write', relation: '>=', value: 1.2 },
      ],
    },
    {
      name: 'Append 4 KiB without sync',
      unit: 'million records/s',
      contenders: [
        journal(scratch, 4096, 100_000),
        plain(scratch, 'one reused buffer, 1000 records a FileHandle.write', appendInPlace, 4096, 100_000),
      ],
      floors: [{ contender: JOURNAL, relation: '>=', value: 0.35 }],
    },
  ]
}

const JOURNAL = 'fsys append, then flush'
const NOTHING = 'nothing: in the page cache'

function journal(scratch: Scratch, recordBytes: number, count: number): Contest['contenders'][number] {
  const record = Buffer.alloc(recordBytes, 'x')
  return {
    name: JOURNAL,
    durable: NOTHING,
    async run() {
      const path = scratch.fresh()
      const wal = await openJournal(path)
      const begun = performance.now()
      for (let index = 0; index < count; index++) wal.append(record)
      await wal.flush()
      const seconds = (performance.now() - begun) / 1000
      await wal.close()
      scratch.discard(path)
      return count / seconds / 1e6
    },
  }
}

function plain(
  scratch: Scratch,
  name: string,
  append: typeof appendJoined,
  recordBytes: number,
  count: number,
): Contest['contenders'][number] {
  const record = Buffer.alloc(recordBytes, 'x')
  return {
    name,
    durable: NOTHING,
    async run() {
      const path = scratch.fresh()
      const file = await open(path, 'w')
      const begun = performance.now()
      await append(file, record, count)
      const seconds = (performance.now() - begun) / 1000
      await file.datasync()
      await file.close()
      scratch.discard(path)
      return count / seconds / 1e6
    },
  }
}
