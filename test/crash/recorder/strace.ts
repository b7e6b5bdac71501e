import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

import type { Call, Kind } from './log.js'

/** Calls that neither change a file nor read what it holds; the recorder need not hear them. */
const HARMLESS = new Set(
  'readlink statx fstat newfstatat access getdents64 fcntl lseek statfs fstatfs sync_file_range lgetxattr'.split(' '),
)

/** By the kernel's names. The recorder makes some calls in a newer form than it was asked for. */
const KIND_OF: Readonly<Record<string, Kind>> = {
  openat: 'open',
  openat2: 'open',
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
  fchmod: 'changeMode',
  close: 'close',
}

/** Options for strace, with which `readTraces` understands it: one file a thread, the times, the paths of descriptors, next to no data. */
export function straceOptions(prefix: string): string[] {
  return ['-ff', '-ttt', '-T', '--seccomp-bpf', '-y', '-s', '1', '-e', 'trace=%file,%desc', '-o', prefix]
}

/** For each thread, a line a call that touched something below the root, in order. */
export function readTraces(prefix: string, root: string): Map<number, string[]> {
  const traces = readdirSync(dirname(prefix))
    .filter((name) => name.startsWith(`${basename(prefix)}.`))
    .map((name) => ({
      thread: Number(name.split('.').at(-1)),
      text: readFileSync(join(dirname(prefix), name), 'utf8'),
    }))
  const opened = traces.flatMap(({ text }) => opensOf(text)).toSorted((one, other) => one.time - other.time)
  const threads = new Map<number, string[]>()
  for (const { thread, text } of traces) {
    const lines = text.split('\n').filter((line) => !isOfListing(line, opened))
    const calls = lines
      .map((line) => withoutDescriptors(line, opened))
      .filter((line) => line.includes(`"${root}`) || line.includes(`<${root}`))
      .flatMap((line) => lineOfTrace(line) ?? [])
    if (calls.length > 0) threads.set(thread, calls)
  }
  return threads
}

/** What a descriptor led to, from when on. */
interface Opened {
  readonly time: number
  readonly descriptor: string
  readonly path: string
  /** By opendir, to list a directory: the C library does that by itself, and the recorder need not hear it. */
  readonly isListing: boolean
}

/** The flags that opendir opens with, and nobody else. */
const OF_OPENDIR = 'O_NONBLOCK|O_CLOEXEC|O_DIRECTORY'

function opensOf(text: string): Opened[] {
  const pattern = /^(?<time>[\d.]+) openat2?\((?<words>.*) = (?<descriptor>\d+)<(?<path>[^>]*)> <(?<seconds>[\d.]+)>/gmu
  return Array.from(text.matchAll(pattern), ({ groups }) => {
    const { time = '', seconds = '', words = '', descriptor = '', path = '' } = groups ?? {}
    // When it ended: another thread may have had that descriptor, and have closed it, since this call began.
    return { time: Number(time) + Number(seconds), descriptor, path, isListing: words.includes(OF_OPENDIR) }
  })
}

function isOfListing(line: string, opened: readonly Opened[]): boolean {
  const { time = '', name, words = '' } = /^(?<time>[\d.]+) (?<name>\w+)\((?<words>.*)/u.exec(line)?.groups ?? {}
  if (name === 'openat') return words.includes(OF_OPENDIR)
  return name === 'close' && lastOpened(opened, time, words.split('<', 1)[0])?.isListing === true
}

function lastOpened(opened: readonly Opened[], time: string, descriptor: string | undefined): Opened | undefined {
  return opened.findLast((open) => open.time < Number(time) && open.descriptor === descriptor)
}

/** The line without its time, and with paths for '/proc/self/fd/7'. */
function withoutDescriptors(line: string, opened: readonly Opened[]): string {
  const { time = '', call = '' } = /^(?<time>[\d.]+) (?<call>.*)/u.exec(line)?.groups ?? {}
  return call.replaceAll(/\/proc\/self\/fd\/(?<descriptor>\d+)/gu, (whole, descriptor) => {
    return lastOpened(opened, time, descriptor)?.path ?? whole
  })
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
  const opened = /^\d+<(?<path>[^>]*)>/u.exec(words)?.groups?.['path'] ?? ''
  const [path = opened, to] = ON_NAMES.has(kind) ? namesIn(words) : []
  const [length, position] = numbersOf(words)
  if (kind === 'read' || kind === 'write')
    return lineOf(kind, path, undefined, `${length} at ${position}`, Number(result))
  if (kind === 'truncate') return lineOf(kind, path, undefined, `to ${length}`, Number(result))
  if (kind === 'changeMode')
    return lineOf(kind, path, undefined, `to ${Number.parseInt(length ?? '', 8)}`, Number(result))
  return lineOf(kind, path, to, '', Number.parseInt(result, 10))
}

const ON_NAMES: ReadonlySet<string> = new Set(['open', 'rename', 'link', 'unlink', 'makeDirectory'])

/** Those that follow the descriptor of a directory, as absolute ones. */
function namesIn(words: string): string[] {
  const pattern = /(?:\d+|AT_FDCWD)<(?<base>[^>]*)>, "(?<name>[^"]*)"/gu
  return Array.from(words.matchAll(pattern), ({ groups }) => {
    const { base = '', name = '' } = groups ?? {}
    return (name.startsWith('/') ? name : `${base}/${name}`).replace(/\/\.$/u, '')
  })
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
    else if (kind === 'truncate' || kind === 'changeMode') lines.push(lineOf(kind, path, to, `to ${length}`, result))
    else lines.push(lineOf(kind === 'create' ? 'open' : kind, path, to, '', result))
  }
  return threads
}

function lineOf(kind: string, path: string, to: string | undefined, what: string, result: number): string {
  const file = to === undefined ? path : `${path} to ${to}`
  return `${kind} ${file} ${what} = ${kind === 'open' && result >= 0 ? 'a descriptor' : result}`
}
