import { open } from 'node:fs/promises'

import { openJournalSync, openReader } from 'fsys'

import type { Contest } from '../measure.js'
import { appendInPlace, readUnchecked } from '../plain-node.js'
import type { Scratch } from '../scratch.js'

const RECORDS = 2_000_000

/** Reading 2,000,000 records of 64 B that are in the page cache. */
export async function replayContests(scratch: Scratch): Promise<Contest[]> {
  const record = Buffer.alloc(64, 'x')
  const journalPath = scratch.fresh()
  const journal = openJournalSync(journalPath)
  for (let index = 0; index < RECORDS; index++) journal.append(record)
  journal.closeSync()
  const plainPath = scratch.fresh()
  const file = await open(plainPath, 'w')
  await appendInPlace(file, record, RECORDS)
  await file.close()

  const unchecked = 'a loop that reads 1 MiB and hands out a subarray a record, unchecked'
  return [
    {
      name: 'Replay of 64 B from the page cache',
      unit: 'million records/s',
      contenders: [
        timedReplay('fsys scan, checksums verified', () => {
          using reader = openReader(journalPath)
          let bytes = 0
          const records = reader.scan((_buffer, start, end) => void (bytes += end - start))
          check(bytes, 64 * RECORDS)
          return records
        }),
        timedReplay('fsys batches(), checksums verified', async () => {
          using reader = openReader(journalPath)
          let records = 0
          for await (const batch of reader.batches()) records += batch.count
          return records
        }),
        timedReplay('fsys for...of, checksums verified', () => {
          using reader = openReader(journalPath)
          let bytes = 0
          let records = 0
          for (const { payload } of reader) {
            bytes += payload.length
            records++
          }
          check(bytes, 64 * RECORDS)
          return records
        }),
        timedReplay(unchecked, async () => {
          const plain = await open(plainPath, 'r')
          let bytes = 0
          const records = await readUnchecked(plain, (payload) => void (bytes += payload.length))
          await plain.close()
          check(bytes, 64 * RECORDS)
          return records
        }),
      ],
      floors: [
        { contender: 'fsys scan, checksums verified', relation: '>=', value: 11 },
        { contender: 'fsys scan, checksums verified', to: unchecked, relation: '>=', value: 1.2 },
      ],
    },
  ]
}

function timedReplay(name: string, replay: () => number | Promise<number>): Contest['contenders'][number] {
  return {
    name,
    durable: 'only reads',
    async run() {
      const begun = performance.now()
      check(await replay(), RECORDS)
      return RECORDS / ((performance.now() - begun) / 1000) / 1e6
    },
  }
}

function check(found: number, expected: number): void {
  if (found !== expected) throw new Error(`a replay gave ${found} where ${expected} were written`)
}
