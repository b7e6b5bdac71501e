import { closeSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { monitorEventLoopDelay } from 'node:perf_hooks'

import { openJournal } from 'fsys'
import type { Journal } from 'fsys'

import type { Contender, Contest } from '../measure.js'
import { median } from '../measure.js'
import { HandWrittenGroupCommit, commitOneByOne } from '../plain-node.js'
import type { Scratch } from '../scratch.js'

/** Durable commits of 64 B. Every file grows: nothing is preallocated. */
export function commitContests(scratch: Scratch): Contest[] {
  return [manyCommitters(scratch, 1024, 300_000), eventLoopDelay(scratch, 1024, 300_000), oneCommitter(scratch, 2000)]
}

const EVERY_RECORD = 'every record, when its commit resolves'
const RECORD = Buffer.alloc(64, 'x')

function manyCommitters(scratch: Scratch, committers: number, commits: number): Contest {
  const handWritten = 'hand-written group commit, no checksums'
  return {
    name: `${committers} concurrent committers of 64 B`,
    unit: 'thousand commits/s',
    contenders: [
      withJournal(scratch, 'fsys commit', async (journal) => {
        const seconds = await timed(committers, commits, () => journal.commit(RECORD))
        return commits / seconds / 1e3
      }),
      withJournal(scratch, 'fsys syncThrough(append())', async (journal) => {
        const seconds = await timed(committers, commits, () => journal.syncThrough(journal.append(RECORD)))
        return commits / seconds / 1e3
      }),
      {
        name: handWritten,
        durable: EVERY_RECORD,
        async run() {
          const path = scratch.fresh()
          const file = await open(path, 'w')
          const group = new HandWrittenGroupCommit(file)
          const seconds = await timed(committers, commits, () => group.commit(RECORD))
          await file.close()
          scratch.discard(path)
          return commits / seconds / 1e3
        },
      },
    ],
    floors: [
      { contender: 'fsys commit', to: handWritten, relation: '>=', value: 0.9 },
      { contender: 'fsys syncThrough(append())', to: handWritten, relation: '>=', value: 1.2 },
    ],
  }
}

function eventLoopDelay(scratch: Scratch, committers: number, commits: number): Contest {
  const name = 'fsys commit'
  return {
    name: `Event-loop delay, 99th percentile, under ${committers} committers`,
    unit: 'ms',
    contenders: [
      withJournal(scratch, name, async (journal) => {
        // The monitor's own timer has a resolution of 1 ms, which is in the figure.
        const delay = monitorEventLoopDelay({ resolution: 1 })
        delay.enable()
        await timed(committers, commits, () => journal.commit(RECORD))
        delay.disable()
        return delay.percentile(99) / 1e6
      }),
    ],
    floors: [{ contender: name, relation: '<=', value: 3 }],
  }
}

function oneCommitter(scratch: Scratch, commits: number): Contest {
  const loop = 'writeSync and async fdatasync in a loop'
  return {
    name: 'One committer of 64 B, median latency',
    unit: 'us',
    contenders: [
      withJournal(scratch, 'fsys commit', async (journal) => {
        const durations: number[] = []
        for (let index = 0; index < commits; index++) {
          const begun = performance.now()
          await journal.commit(RECORD)
          durations.push((performance.now() - begun) * 1000)
        }
        return median(durations)
      }),
      {
        name: loop,
        durable: EVERY_RECORD,
        async run() {
          const path = scratch.fresh()
          const fd = openSync(path, 'w')
          const durations = await commitOneByOne(fd, Buffer.alloc(RECORD.length + 12, 'x'), commits)
          closeSync(fd)
          scratch.discard(path)
          return median(durations)
        },
      },
    ],
    floors: [{ contender: 'fsys commit', to: loop, relation: '<=', value: 1.2 }],
  }
}

function withJournal(scratch: Scratch, name: string, measure: (journal: Journal) => Promise<number>): Contender {
  return {
    name,
    durable: EVERY_RECORD,
    async run() {
      const path = scratch.fresh()
      const journal = await openJournal(path)
      const figure = await measure(journal)
      await journal.close()
      scratch.discard(path)
      return figure
    },
  }
}

/** Commits in as many loops at the same time. Returns how many seconds it took. */
async function timed(committers: number, commits: number, commit: () => Promise<unknown>): Promise<number> {
  let left = commits
  async function committer(): Promise<void> {
    while (left-- > 0) await commit()
  }
  const begun = performance.now()
  await Promise.all(Array.from({ length: committers }, committer))
  return (performance.now() - begun) / 1000
}
