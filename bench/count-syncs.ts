import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import type { Entrant } from './entrant.js'
import { environment } from './programs.js'
import type { SyncCount } from './results.js'
import { type Measurement, parseMeasurement } from './task.js'

const execute = promisify(execFile)
const CALLS = 'openat,fsync,fdatasync,msync,syncfs,write,writev,pwrite64,pwritev,pwritev2,io_uring_enter'

/**
 * Runs a program under strace, and counts what makes data durable: calls that sync, and writes that are their own sync. Of
 * io_uring only the submissions can be seen; there, the flushes that the device has completed meanwhile must be as many.
 *
 * @param needed How many syncs there must be at least for what the run says of itself.
 */
export async function countSyncs(
  command: readonly string[],
  engine: Entrant['engine'],
  directory: string,
  needed: (found: Measurement) => number,
): Promise<SyncCount> {
  const folder = mkdtempSync(join(tmpdir(), 'fsys-bench-strace-'))
  const trace = join(folder, 'trace')
  const options = ['--seccomp-bpf', '-f', '-q', '-s', '0', '-e', 'signal=none', '-e', `trace=${CALLS}`, '-o', trace]
  try {
    const flushesBefore = deviceFlushes(directory)
    const { stdout } = await execute('strace', [...options, ...command], { env: environment(engine), timeout: 120_000 })
    const flushesAfter = deviceFlushes(directory)
    const flushes = flushesBefore === undefined || flushesAfter === undefined ? undefined : flushesAfter - flushesBefore
    return judge(syncCalls(readFileSync(trace, 'utf8')), flushes, needed(parseMeasurement(stdout)))
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    const by = code === 'ENOENT' ? 'strace is not on this machine' : (message.split('\n')[0] ?? '')
    return { found: 0, needed: 0, by, verdict: 'not counted' }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function judge(calls: ReadonlyMap<string, number>, flushes: number | undefined, needed: number): SyncCount {
  const submissions = calls.get('io_uring_enter') ?? 0
  const plain = [...calls].reduce((sum, [name, count]) => (name === 'io_uring_enter' ? sum : sum + count), 0)
  const found = plain + Math.min(submissions, flushes ?? submissions)
  const names = [...calls].map(([name, count]) => `${count} ${name}`)
  if (submissions > 0) names.push(flushes === undefined ? 'flushes not counted' : `${flushes} flushes of the device`)
  return { found, needed, by: names.join(', '), verdict: found >= needed ? 'synced' : 'NOT SYNCED' }
}

/** The calls in a trace that make something durable, by name, with how many there were. */
export function syncCalls(trace: string): Map<string, number> {
  const counts = new Map<string, number>()
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1)
  /** Descriptors whose writes are their own sync; threads in the middle of opening one. */
  const own = new Set<string>()
  const opening = new Map<string, boolean>()
  for (const line of trace.split('\n')) {
    const [, thread = '', resumed, name = '', rest = ''] = LINE.exec(line) ?? []
    if (name === 'openat') {
      const isOwn = resumed === undefined ? /\bO_D?SYNC\b/u.test(rest) : opening.get(thread) === true
      if (rest.includes('<unfinished')) opening.set(thread, isOwn)
      const [, fd] = /= (\d+)$/u.exec(rest) ?? []
      if (fd !== undefined && isOwn) own.add(fd)
      else if (fd !== undefined) own.delete(fd)
    } else if (resumed !== undefined || name === '') {
      continue
    } else if (SYNCS.has(name)) {
      count(name)
    } else if (name === 'io_uring_enter') {
      // Its second argument says how much it submits: waiting alone submits nothing.
      if (!/^\d+, 0,/u.test(rest)) count(name)
    } else if (/\bRWF_D?SYNC\b/u.test(rest)) {
      count(`${name} with RWF_DSYNC`)
    } else if (own.has(/^\d+/u.exec(rest)?.[0] ?? '')) {
      count(`${name} with O_DSYNC`)
    }
  }
  return counts
}

const LINE = /^(\d+) +(<\.\.\. )?(\w+)(?:\(| resumed>)(.*)$/u
const SYNCS: ReadonlySet<string> = new Set(['fsync', 'fdatasync', 'msync', 'syncfs'])

/** How many flushes the device under a directory has completed, all programs together; undefined where nobody counts them. */
function deviceFlushes(directory: string): number | undefined {
  try {
    const { dev } = statSync(directory)
    const major = (dev >> 8) & 0xfff
    const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00)
    const folder = `/sys/dev/block/${major}:${minor}`
    // A partition has no counter of its own.
    const fields = [`${folder}/../stat`, `${folder}/stat`].map(statistics).find((found) => found.length >= 16)
    return fields?.[15]
  } catch {
    return undefined
  }
}

function statistics(path: string): number[] {
  try {
    return readFileSync(path, 'latin1').trim().split(/\s+/u).map(Number)
  } catch {
    return []
  }
}
