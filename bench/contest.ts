import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { countSyncs } from './count-syncs.js'
import type { Entrant, Workload } from './entrant.js'
import { type Programs, evict, runProgram } from './programs.js'
import type { LeftOut, Row, SyncCount, WorkloadResult } from './results.js'
import { interleave } from './rounds.js'
import type { Scratch } from './scratch.js'
import type { Measurement, Task } from './task.js'

const execute = promisify(execFile)

/** Holds the contests: starts the programs, round by round, and counts their syncs once. */
export class Contest {
  readonly #programs: Programs
  readonly #scratch: Scratch
  readonly #progress: (text: string) => void
  /** The same program does the same work in more than one workload: its syncs are counted once. */
  readonly #syncs = new Map<string, Promise<SyncCount>>()

  constructor(programs: Programs, scratch: Scratch, progress: (text: string) => void) {
    this.#programs = programs
    this.#scratch = scratch
    this.#progress = progress
  }

  /** Runs a workload with those of its entrants that this machine has. `countsSyncs`: says how many syncs each made. */
  async hold(workload: Workload, rounds: number, countsSyncs: boolean): Promise<WorkloadResult> {
    const counts = new Map<Entrant, SyncCount>()
    const prepared = new Map<string, string>()
    const { work } = workload.task
    if (countsSyncs && (work === 'append' || work === 'commit' || work === 'replace')) {
      for (const entrant of workload.entrants) {
        this.#progress(`${workload.id}: counting the syncs of ${entrant.label}`)
        const count = await this.#countSyncs(workload, entrant)
        if (count !== undefined) counts.set(entrant, count)
      }
    }
    const outcomes = await interleave(workload.entrants, rounds, (entrant, round) => {
      this.#progress(`${workload.id}: round ${round + 1} of ${rounds}, ${entrant.label}`)
      return this.#run(workload, entrant, prepared)
    })
    for (const path of prepared.values()) this.#scratch.discard(path)

    const rows: Row[] = []
    const leftOut: LeftOut[] = []
    for (const [entrant, outcome] of outcomes) {
      if ('values' in outcome) rows.push(rowOf(workload, entrant, outcome.values, counts.get(entrant)))
      else if (isExpectedToRun(entrant, outcome.reason)) throw new Error(`${entrant.label} failed: ${outcome.reason}`)
      else leftOut.push({ id: entrant.id, label: entrant.label, reason: outcome.reason })
    }
    const { id, title, about, metric, task } = workload
    return { id, title, about, metric, committers: task.committers, rows, leftOut }
  }

  async #run(workload: Workload, entrant: Entrant, prepared: Map<string, string>): Promise<Measurement> {
    const source = workload.preparedBy?.(entrant)
    if (source === undefined) {
      // What others have written is not to be synced in this run.
      await settle()
      const path = this.#scratch.fresh()
      try {
        return await runProgram(this.#programs.commandFor(entrant, { ...workload.task, path }), entrant.engine)
      } finally {
        this.#scratch.discard(path)
      }
    }
    const path = await this.#prepared(workload, source, prepared)
    if (workload.isCold === true) await evict(this.#programs, path)
    return runProgram(this.#programs.commandFor(entrant, { ...workload.task, path }), entrant.engine)
  }

  /** Writes what is to be read, once for all who read the same. */
  async #prepared(
    workload: Workload,
    source: Pick<Entrant, 'program' | 'variant'>,
    prepared: Map<string, string>,
  ): Promise<string> {
    const key = `${source.program} ${source.variant}`
    const known = prepared.get(key)
    if (known !== undefined) return known
    const path = this.#scratch.fresh()
    this.#progress(`${workload.id}: preparing what ${source.program} reads`)
    await runProgram(this.#programs.commandFor(source, { ...workload.task, work: 'prepare', path }), undefined)
    await settle()
    prepared.set(key, path)
    return path
  }

  #countSyncs({ task }: Workload, entrant: Entrant): Promise<SyncCount | undefined> {
    if ('reason' in this.#programs.get(entrant.program)) return Promise.resolve(undefined)
    const key = `${entrant.id} ${task.work} ${task.syncEvery} ${task.committers > 1}`
    let count = this.#syncs.get(key)
    if (count === undefined) {
      const path = this.#scratch.fresh()
      const small = smallTask(task, entrant)
      const command = this.#programs.commandFor(entrant, { ...small, path })
      count = countSyncs(command, entrant.engine, this.#scratch.directory, (found) => syncsNeeded(small, found))
      this.#syncs.set(key, count)
      void count.then(() => this.#scratch.discard(path))
    }
    return count
  }
}

/**
 * Enough to count: a sync that is left out shows. Where there is one sync at the end, it is asked for more often, so that
 * those that opening makes cannot stand in for it; C has no other way than the one.
 */
function smallTask(task: Workload['task'], { program }: Entrant): Omit<Task, 'path' | 'variant'> {
  if (task.work === 'replace') return { ...task, count: 20 }
  if (task.work === 'commit') return { ...task, seconds: 0.15, committers: Math.min(task.committers, 16) }
  const count = task.recordBytes > 1024 ? 2000 : 20_000
  return { ...task, count, syncEvery: task.syncEvery > 0 ? task.syncEvery : program === 'c' ? 0 : count / 20 }
}

/** One sync can confirm no more than one record of each committer. */
function syncsNeeded(
  { work, committers, count, syncEvery }: Omit<Task, 'path' | 'variant'>,
  found: Measurement,
): number {
  if (work === 'replace') return found.confirmed ?? Number.POSITIVE_INFINITY
  if (work === 'commit') return Math.ceil((found.confirmed ?? Number.POSITIVE_INFINITY) / committers)
  return syncEvery === 0 ? 1 : Math.floor(count / syncEvery)
}

/** What is still in the page cache goes to the disk. There is no such command on Windows. */
async function settle(): Promise<void> {
  if (process.platform !== 'win32') await execute('sync')
}

/** Our own must run, but for an engine that this machine refuses. */
function isExpectedToRun({ family }: Entrant, reason: string): boolean {
  return family === 'fsys' && !reason.includes('ERR_FSYS_ENGINE_UNAVAILABLE') && !reason.startsWith('no way')
}

function rowOf(workload: Workload, entrant: Entrant, found: readonly Measurement[], syncs: SyncCount | undefined): Row {
  const { id, label, family, file, durable, blocks } = entrant
  const [first] = found
  const all = (figure: (measurement: Measurement) => number | undefined): number[] =>
    found.map((measurement) => figure(measurement) ?? Number.NaN)
  return {
    id,
    label,
    family,
    file,
    durable,
    blocks,
    figures: all((measurement) => workload.figure(measurement)),
    cpuNs: all(({ cpuSeconds, operations }) => (cpuSeconds / operations) * 1e9),
    memoryMiB: all(({ memoryBytes }) => memoryBytes / 2 ** 20),
    ...(first?.loopDelayMs === undefined ? {} : { loopDelayMs: all(({ loopDelayMs }) => loopDelayMs) }),
    ...(workload.task.committers === 1 && first?.p99Us ? { p99Us: all(({ p99Us }) => p99Us) } : {}),
    ...(workload.syncIsApart === true
      ? {
          withSync: all(({ seconds, syncSeconds = 0, ...rest }) =>
            workload.figure({ ...rest, seconds: seconds + syncSeconds }),
          ),
        }
      : {}),
    ...(syncs === undefined ? {} : { syncs }),
    ...(first?.served === undefined ? {} : { served: first.served }),
  }
}
