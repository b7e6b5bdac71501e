/**
 * What one run of a program is to do. Every contestant is a program of its own, in whatever language, so that memory, CPU
 * time and the delay of the event loop are its own: it is started with a task, does it once, and prints a measurement.
 *
 *   program <work> path=... variant=... record-bytes=N count=N sync-every=N seconds=N committers=N
 */
export interface Task {
  /**
   * - append: `count` records handed to the system, then one sync; with `syncEvery`, a sync after each so many records
   * - commit: for `seconds`, `committers` callers at the same time, each with one durable record after the other
   * - prepare: writes what replay and open are to find at `path`
   * - replay: reads all records there, and checks that they are `count`
   * - open: makes the log ready for appending
   * - replace: makes `count` files at `path`, a directory, and then measures how long it takes to replace them all
   */
  readonly work: (typeof WORKS)[number]
  /** A file or a directory below one that exists; `prepare`, `append` and `commit` find nothing there. */
  readonly path: string
  /** Which of the program's ways to do it; words separated by commas. */
  readonly variant: string
  readonly recordBytes: number
  readonly count: number
  /** 0: once at the end. */
  readonly syncEvery: number
  readonly seconds: number
  readonly committers: number
}

const WORKS = ['append', 'commit', 'prepare', 'replay', 'open', 'replace'] as const

/** What a program prints: one line of JSON. Warming up is not in it, but for `confirmed` and `memoryBytes`. */
export interface Measurement {
  /** Records, or files. */
  readonly operations: number
  readonly seconds: number
  /** How long the one sync at the end took, which is not in `seconds`. */
  readonly syncSeconds?: number
  /** User and system, of all its threads. */
  readonly cpuSeconds: number
  /** The most that was resident in the life of the process. */
  readonly memoryBytes: number
  /** Latency of a durable record, if there is one committer. */
  readonly p50Us?: number
  readonly p99Us?: number
  /** monitorEventLoopDelay(1), 99th percentile: the resolution of 1 ms is in it. */
  readonly loopDelayMs?: number
  /** Records that were confirmed as durable one by one or in groups, warming up included. */
  readonly confirmed?: number
  /** What served: engine, checksums, version. */
  readonly served?: string
}

/** What programs are given on the command line. */
export function taskArguments(task: Task): string[] {
  return [
    task.work,
    `path=${task.path}`,
    `variant=${task.variant}`,
    `record-bytes=${task.recordBytes}`,
    `count=${task.count}`,
    `sync-every=${task.syncEvery}`,
    `seconds=${task.seconds}`,
    `committers=${task.committers}`,
  ]
}

/** The other way round. Throws TypeError if it is not what `taskArguments` gives. */
export function parseTask([work, ...words]: readonly string[]): Task {
  const values = new Map(words.map((word) => [word.slice(0, word.indexOf('=')), word.slice(word.indexOf('=') + 1)]))
  const text = (name: string): string => {
    const value = values.get(name)
    if (value === undefined) throw new TypeError(`the task has no ${name}`)
    return value
  }
  const known = WORKS.find((name) => name === work)
  if (known === undefined) throw new TypeError(`no task has the work ${JSON.stringify(work)}`)
  return {
    work: known,
    path: text('path'),
    variant: text('variant'),
    recordBytes: Number(text('record-bytes')),
    count: Number(text('count')),
    syncEvery: Number(text('sync-every')),
    seconds: Number(text('seconds')),
    committers: Number(text('committers')),
  }
}

/** Throws Error if a program's output does not end in a measurement. */
export function parseMeasurement(output: string): Measurement {
  const line = output.trimEnd().split('\n').at(-1) ?? ''
  try {
    const found = JSON.parse(line) as Measurement
    if (Number.isFinite(found.operations) && Number.isFinite(found.seconds)) return found
  } catch {
    // Said below.
  }
  throw new Error(`this is no measurement: ${JSON.stringify(line.slice(0, 200))}`)
}
