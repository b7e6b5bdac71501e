import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

import type { Call, Kind } from './log.js'

/** Calls that neither change a file nor read what it holds; the recorder need not hear them. */
const HARMLESS = new Set(['readlink', 'statx', 'fstat', 'newfstatat', 'access', 'getdents64', 'fcntl', 'lseek'])

/** By the kernel's names. The recorder makes some calls in a newer form than it was asked for. */
const KIND_OF: Readonly<Record<string, Kind>> = {
  openat: 'open',
  pread64: 'read',
  read: 'read',
  preadv: 'read',
  preadv2: 'read',
  pwrite64: 'write',
  write: 'write',
  pwritev: 'write',
  pwritev2: 'write',
  fdatasync: 'dataSync',
  fsync: 'sync',
  ftruncate: 'truncate',
  renameat2: 'rename',
  linkat: 'link',
  unlinkat: 'unlink',
  mkdirat: 'makeDirectory',
  close: 'close',
}

/** Options for strace, with which `readTraces` understands it: one file a thread, the paths of descriptors, next to no data. */
export function straceOptions(prefix: string): string[] {
  return ['-ff', '--seccomp-bpf', '-y', '-s', '1', '-e', 'trace=%file,%desc', '-o', prefix]
}

/** For each thread, a line a call that touched something below the root, in order. */
export function readTraces(prefix: string, root: string): Map<number, string[]> {
  const threads = new Map<number, string[]>()
  for (const name of readdirSync(dirname(prefix))) {
    if (!name.startsWith(`${basename(prefix)}.`)) continue
    const lines = readFileSync(join(dirname(prefix), name), 'utf8').split('\n')
    const calls = lines
      .filter((line) => line.includes(`"${root}`) || line.includes(`<${root}`))
      .flatMap((line) => lineOfTrace(line) ?? [])
    if (calls.length > 0) threads.set(Number(name.split('.').at(-1)), calls)
  }
  return threads
}

function lineOfTrace(line: string): string | undefined {
  const {
    name = '',
    words = '',
    result = '',
  } = /^(?<name>\w+)\((?<words>.*)\) += (?<result>\S+)/u.exec(line)?.groups ?? {}
  // The first one runs the process.
  if (HARMLESS.has(name) || name === 'execve') return undefined
  const kind = KIND_OF[name] ?? `an unknown call, ${name},`
  const names = [...words.matchAll(/"(?<path>\/[^"]*)"/gu)].map(({ groups }) => groups?.['path'] as string)
  const path = /^\d+<(?<path>[^>]*)>/u.exec(words)?.groups?.['path'] ?? names[0] ?? ''
  const [length, position] = numbersOf(words)
  if (kind === 'read' || kind === 'write')
    return lineOf(kind, path, undefined, `${length} at ${position}`, Number(result))
  if (kind === 'truncate') return lineOf(kind, path, undefined, `to ${length}`, Number(result))
  return lineOf(kind, path, names[1], '', Number.parseInt(result, 10))
}

/** The length and the position, where there are such. */
function numbersOf(words: string): readonly (string | undefined)[] {
  const { length, position } = /iov_len=(?<length>\d+)\}\], 1, (?<position>\d+)/u.exec(words)?.groups ?? {}
  if (length !== undefined) return [length, position]
  return (
    words.replace(/^\d+<[^>]*>(?:, (?:"(?:[^"\\]|\\.[0-9]*)*"(?:\.\.\.)?|0x[0-9a-f]+))?/u, '').match(/(?<=, )\d+/gu) ??
    []
  )
}

/** The same for what was recorded. */
export function linesOfCalls(calls: readonly Call[]): Map<number, string[]> {
  const threads = new Map<number, string[]>()
  for (const call of calls) {
    const { kind, path, to, thread, length, position, result } = call
    const lines = threads.get(thread) ?? []
    threads.set(thread, lines)
    if (kind === 'read' || kind === 'write') lines.push(lineOf(kind, path, to, `${length} at ${position}`, result))
    else if (kind === 'truncate') lines.push(lineOf(kind, path, to, `to ${length}`, result))
    else lines.push(lineOf(kind === 'create' ? 'open' : kind, path, to, '', result))
  }
  return threads
}

function lineOf(kind: string, path: string, to: string | undefined, what: string, result: number): string {
  const file = to === undefined ? path : `${path} to ${to}`
  return `${kind} ${file} ${what} = ${kind === 'open' && result >= 0 ? 'a descriptor' : result}`
}
