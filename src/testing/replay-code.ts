import type { Crash, Moment } from '../storage/sim/faults.js'

/** A crash at a given operation. */
export interface SetCrash {
  /** The operation's index on the disk. */
  readonly at: number
  readonly crash: Crash
  readonly when: Moment
  /** What a power cut leaves of what nobody has synced. */
  readonly leaves: 'some' | 'none' | 'all'
}

/** All that makes a run: the crashes that are set, and what it draws; after these numbers, the simplest. */
export interface Script {
  readonly crashes: readonly SetCrash[]
  readonly draws: readonly number[]
}

/**
 * A script as a short word: `5.0*12.1` for the draws, in base 36, and before them each crash that is set, as
 * `17-power-cut-before-none:`.
 */
export function encodeScript({ crashes, draws }: Script): string {
  const words = crashes.map(({ at, crash, when, leaves }) => `${at}-${crash}-${when}-${leaves}:`)
  const numbers: string[] = []
  for (let index = 0; index < draws.length;) {
    const value = draws[index] ?? 0
    let count = 1
    while (draws[index + count] === value) count += 1
    numbers.push(value.toString(36) + (count > 1 ? `*${count}` : ''))
    index += count
  }
  return words.join('') + numbers.join('.')
}

export function decodeScript(code: string): Script {
  const parts = code.split(':')
  const numbers = parts.pop() ?? ''
  const crashes = parts.map((part) => decodeCrash(part) ?? wrong(code))
  const draws = numbers === '' ? [] : numbers.split('.').flatMap((part) => decodeRun(part) ?? wrong(code))
  return { crashes, draws }
}

function decodeCrash(text: string): SetCrash | undefined {
  const match = /^(\d+)-(power-cut|kill)-(before|middle|after)-(some|none|all)$/.exec(text)
  if (!match) return undefined
  const [, at, crash, when, leaves] = match as unknown as [
    string,
    string,
    SetCrash['crash'],
    SetCrash['when'],
    SetCrash['leaves'],
  ]
  return { at: Number(at), crash, when, leaves }
}

function decodeRun(text: string): number[] | undefined {
  const match = /^([0-9a-z]+)(?:\*(\d{1,6}))?$/.exec(text)
  if (!match) return undefined
  const value = Number.parseInt(match[1] ?? '', 36)
  return Array.from({ length: Number(match[2] ?? 1) }, () => value)
}

function wrong(code: string): never {
  throw new TypeError(`this is no code that a failed exploration has printed: ${code}`)
}
