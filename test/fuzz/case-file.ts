import { readFileSync } from 'node:fs'

import type { Input } from './input.js'

/** One case in a file, to be repeated by `npm run fuzz -- --file <path>`. */
export interface Case {
  readonly surface: string
  readonly input: Input
  /** What was wrong, when it failed. */
  readonly what: string
}

interface Stored {
  readonly surface: string
  readonly what: string
  readonly choices: number
  readonly journal: string
  readonly beside: Readonly<Record<string, string>>
}

export function encodeCase({ surface, input, what }: Case): string {
  const beside = Object.entries(input.beside).map(([suffix, bytes]) => [suffix, bytes.toString('base64')])
  const journal = input.journal.toString('base64')
  const stored: Stored = { surface, what, choices: input.choices, journal, beside: Object.fromEntries(beside) }
  return `${JSON.stringify(stored, undefined, 2)}\n`
}

export function readCase(path: string): Case {
  const { surface, what, choices, journal, beside } = JSON.parse(readFileSync(path, 'utf8')) as Stored
  const decoded = Object.entries(beside).map(([suffix, text]) => [suffix, Buffer.from(text, 'base64')])
  const input = {
    journal: Buffer.from(journal, 'base64'),
    beside: Object.fromEntries(decoded) as Input['beside'],
    choices,
  }
  return { surface, what, input }
}
