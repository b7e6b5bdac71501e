import picomatch from 'picomatch'

import { invalidArgument } from '../errors.js'
import type { DirectoryEntry } from '../storage/storage.js'
import type { WalkRules } from './walk.js'

/** How a pattern is understood. */
export interface GlobOptions {
  /** Wildcards match names that begin with a dot too. */
  readonly dot: boolean
  readonly ignoreCase: boolean
}

/** A pattern, ready to be looked for. */
export interface Glob {
  /** The directory to begin in: what stands in the pattern before the first wildcard. */
  readonly base: string
  /** What the paths of all that is found begin with. */
  readonly prefix: string
  readonly rules: WalkRules<readonly number[]>
}

/**
 * Understands a pattern: `*`, `?`, `[abc]`, `{a,b}` and extended forms within a name, `**` for any number of directories; a
 * slash at its end asks for directories. What matches is decided by picomatch on whole paths; where to look is decided here,
 * segment by segment, and generously: a directory is left out only if nothing in it can match.
 */
export function parseGlob(pattern: string, options: GlobOptions): Glob {
  checkPattern(pattern)
  const isForDirectories = pattern.endsWith('/')
  const parts = pattern.split('/').filter((part, index) => part !== '.' && (part !== '' || index === 0))
  let fixed = 0
  while (fixed < parts.length - 1 && isFixed(parts[fixed] as string, options)) fixed++
  const [before, after] = [parts.slice(0, fixed), parts.slice(fixed)]
  if (after.length === 0 || after.includes('..') || after[0] === '') {
    throw invalidArgument(
      `a pattern must end in a name, and have '..' only before its wildcards: ${JSON.stringify(pattern)}`,
    )
  }
  const base = before.join('/')
  const isRoot = before.length === 1 && base === ''
  const settings = { dot: options.dot, nocase: options.ignoreCase, nonegate: true, windows: false, strictSlashes: true }
  const isMatch = compile(after.join('/'), pattern, settings)
  const prefix = before.length === 0 ? '' : `${base}/`
  const segments = after.map((part) => segmentOf(part, settings))
  return {
    base: isRoot ? '/' : base || '.',
    prefix,
    rules: {
      start: closure(segments, [0]),
      visit(state, { name, kind }: DirectoryEntry, path) {
        const isShown = (!isForDirectories || kind === 'directory') && isMatch(path.slice(prefix.length))
        if (kind !== 'directory') return { isShown }
        const below = closure(segments, step(segments, state, name, options.dot))
        return below.length === 0 ? { isShown } : { isShown, below }
      },
    },
  }
}

/** One part of a pattern, between slashes. */
type Segment =
  /** Any number of directories. */
  | 'many'
  /** Nobody here knows: anything may match from here on. */
  | 'anything'
  | ((name: string) => boolean)

/** Of those parts of a pattern that have their meaning by themselves. */
const SIMPLE_SEGMENT = /^(?:[^*?[\](){}!+@|\\]|\*(?!\*)|\?(?!\()|\[[!^]?[\w.-]+\]|\{[\w.,*?-]*\})*$/u

function segmentOf(part: string, settings: picomatch.PicomatchOptions): Segment {
  if (part === '**') return 'many'
  if (!SIMPLE_SEGMENT.test(part) || part.includes('**')) return 'anything'
  return picomatch(part, settings)
}

/** A state is the set of segments that can be next; the number of all segments is the end, below which there is nothing. */
function closure(segments: readonly Segment[], state: readonly number[]): readonly number[] {
  const all = new Set(state)
  for (const at of all) if (segments[at] === 'many') all.add(at + 1)
  all.delete(segments.length)
  return [...all]
}

function step(segments: readonly Segment[], state: readonly number[], name: string, dot: boolean): readonly number[] {
  const next: number[] = []
  for (const at of state) {
    const segment = segments[at]
    if (segment === 'anything') next.push(at)
    else if (segment === 'many') {
      if (dot || !name.startsWith('.')) next.push(at)
    } else if (segment?.(name)) next.push(at + 1)
  }
  return next
}

/** Refuses what a pattern cannot mean; by itself, picomatch would find nothing by it, or only a file of that very name. */
function compile(part: string, pattern: string, settings: picomatch.PicomatchOptions): picomatch.Matcher {
  try {
    return picomatch(part, { ...settings, strictBrackets: true, debug: true })
  } catch (error) {
    const problem = (error as Error).message
    throw invalidArgument(
      `a pattern must be well-formed, with a backslash before what is meant as it stands: ${JSON.stringify(pattern)}: ${problem}`,
    )
  }
}

/** Whether it is a name as it stands. */
function isFixed(part: string, { ignoreCase }: GlobOptions): boolean {
  return part === '' || part === '..' || (!ignoreCase && !/[*?[\](){}!+@|\\]/u.test(part))
}

function checkPattern(pattern: unknown): void {
  if (typeof pattern !== 'string') throw invalidArgument(`a pattern must be a string, not ${typeof pattern}`)
  if (pattern === '') throw invalidArgument('a pattern must not be empty')
  if (pattern.includes('\0')) throw invalidArgument(`a pattern must not hold a NUL: ${JSON.stringify(pattern)}`)
  if (pattern.length > PATTERN_LENGTH_MAX) {
    throw invalidArgument(`a pattern must not be longer than ${PATTERN_LENGTH_MAX} characters`)
  }
}

/** As long as a path of Linux can be. */
const PATTERN_LENGTH_MAX = 4096
