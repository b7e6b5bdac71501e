import type { Entrant, Workload } from './entrant.js'
import {
  appendEntrants,
  bulkEntrants,
  committerEntrants,
  committersEntrants,
  openEntrants,
  replaceEntrants,
  replayEntrants,
} from './entrants.js'
import type { Task } from './task.js'

/** How much each workload does: `check` against regressions; `quick` to look at the bench, not at figures. */
export type Size = 'full' | 'check' | 'quick'

const RATE = { name: 'rate', better: 'more' } as const
const MILLION = { ...RATE, unit: 'million records/s' }

/** All workloads, in the order of the page. */
export function workloads(size: Size): Workload[] {
  const share = { full: 1, check: 0.25, quick: 0.05 }[size]
  const seconds = { full: 0.7, check: 0.35, quick: 0.1 }[size]
  const bytes = { full: 2 ** 30, check: 2 ** 27, quick: 2 ** 26 }[size]
  return [
    append('W1-64', 64, size === 'quick' ? 50_000 : 1_000_000),
    append('W1-4096', 4096, 50_000 * share),
    cadence('W1-64-every-100', 64, 100_000 * share),
    cadence('W1-4096-every-100', 4096, 20_000 * share),
    oneCommitter('W2-64', 64, seconds),
    oneCommitter('W2-4096', 4096, seconds),
    ...[8, 64, 512, 1024, 4096].map((committers) => manyCommitters(`W3-64-${committers}`, 64, committers, seconds)),
    manyCommitters('W3-4096-1024', 4096, 1024, seconds),
    replay('W4-64', 64, size === 'quick' ? 50_000 : 1_000_000),
    replay('W4-4096', 4096, 50_000 * share),
    bulk(bytes),
    open('W6-warm', bytes, false),
    open('W6-cold', bytes, true),
    replace({ full: 1000, check: 300, quick: 50 }[size]),
  ]
}

function task(work: Task['work'], recordBytes: number, rest: Partial<Task>): Workload['task'] {
  return { work, recordBytes, count: 0, syncEvery: 0, seconds: 0, committers: 1, ...rest }
}

function sizeOf(recordBytes: number): string {
  return recordBytes >= 1024 ? `${recordBytes / 1024} KiB` : `${recordBytes} B`
}

function append(id: string, recordBytes: number, count: number): Workload {
  return {
    id,
    title: `Append ${sizeOf(recordBytes)}, then one sync`,
    about: `${count.toLocaleString('en')} records handed to the operating system, the last one too. The sync at the end is not in the rate; with it stands beside.`,
    metric: MILLION,
    task: task('append', recordBytes, { count }),
    entrants: appendEntrants(0),
    syncIsApart: true,
    figure: ({ operations, seconds }) => operations / seconds / 1e6,
  }
}

function cadence(id: string, recordBytes: number, count: number): Workload {
  return {
    id,
    title: `Append ${sizeOf(recordBytes)}, a sync every 100 records`,
    about: 'One writer, which goes on when the sync has returned.',
    metric: { ...RATE, unit: 'thousand records/s' },
    task: task('append', recordBytes, { count, syncEvery: 100 }),
    entrants: appendEntrants(100),
    figure: ({ operations, seconds }) => operations / seconds / 1e3,
  }
}

function oneCommitter(id: string, recordBytes: number, seconds: number): Workload {
  return {
    id,
    title: `One durable committer of ${sizeOf(recordBytes)}`,
    about: 'One caller, each record durable before the next. The median latency within a run.',
    metric: { name: 'latency', unit: 'us', better: 'less' },
    task: task('commit', recordBytes, { seconds }),
    entrants: committerEntrants(),
    figure: ({ p50Us }) => p50Us ?? Number.NaN,
  }
}

function manyCommitters(id: string, recordBytes: number, committers: number, forSeconds: number): Workload {
  return {
    id,
    title: `${committers} concurrent committers of ${sizeOf(recordBytes)}`,
    about: `${committers} callers at the same time, each with one durable record after the other.`,
    metric: { ...RATE, unit: 'thousand commits/s' },
    task: task('commit', recordBytes, { committers, seconds: forSeconds }),
    entrants: committersEntrants(),
    figure: ({ operations, seconds }) => operations / seconds / 1e3,
  }
}

function replay(id: string, recordBytes: number, count: number): Workload {
  return {
    id,
    title: `Replay of ${sizeOf(recordBytes)}`,
    about: `${count.toLocaleString('en')} records, read from the page cache. fsys, C and the Rust crate read the same file and check every checksum.`,
    metric: MILLION,
    task: task('replay', recordBytes, { count }),
    entrants: replayEntrants(),
    preparedBy: journalOf,
    figure: ({ operations, seconds }) => operations / seconds / 1e6,
  }
}

function bulk(bytes: number): Workload {
  return {
    id: 'W5',
    title: `Bulk: ${bytes >= 2 ** 30 ? `${bytes / 2 ** 30} GiB` : `${bytes / 2 ** 20} MiB`} of 4 KiB records`,
    about:
      'Written as fast as it goes, and synced at the end: the sync is in the rate. fsys flushes one mebibyte while it stages the next.',
    metric: { ...RATE, unit: 'GB/s' },
    task: task('append', 4096, { count: bytes / 4096 }),
    entrants: bulkEntrants(),
    figure: ({ operations, seconds, syncSeconds = 0 }) => (operations * 4096) / (seconds + syncSeconds) / 1e9,
  }
}

function open(id: string, bytes: number, isCold: boolean): Workload {
  return {
    id,
    title: `Open a journal of ${bytes >= 2 ** 30 ? `${bytes / 2 ** 30} GiB` : `${bytes / 2 ** 20} MiB`}, ${isCold ? 'cold' : 'warm'}`,
    about: `Until it is ready for the next append: every frame of 4 KiB is read and checked. The file is ${isCold ? 'dropped from' : 'in'} the page cache before each run.`,
    metric: { name: 'time', unit: 'ms', better: 'less' },
    task: task('open', 4096, { count: bytes / 4096 }),
    entrants: openEntrants(isCold),
    preparedBy: journalOf,
    isCold,
    figure: ({ seconds }) => seconds * 1000,
  }
}

function replace(count: number): Workload {
  return {
    id: 'W7',
    title: `Replace ${count.toLocaleString('en')} files of 1 KiB`,
    about: 'Files that are there, in one directory, each replaced whole and atomically.',
    metric: { ...RATE, unit: 'files/s' },
    task: task('replace', 1024, { count }),
    entrants: replaceEntrants(),
    figure: ({ operations, seconds }) => operations / seconds,
  }
}

/** All who read the journal's format read the same file. */
function journalOf({ family, program, variant }: Entrant): Pick<Entrant, 'program' | 'variant'> {
  const readsJournal = family === 'fsys' || family === 'limit' || family === 'rust'
  return readsJournal ? { program: 'node:fsys', variant: '' } : { program, variant: program === 'go' ? variant : '' }
}
