import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** This folder in the sources: tests run from a copy of it that was compiled elsewhere. */
export const compatFolder: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..', 'test', 'compat')

/** A record as a plan names it. */
export interface PlannedRecord {
  readonly length: number
  readonly seed: number
}

/** A line of a plan (README.md, "The program"). */
export type Operation =
  | { readonly kind: 'record'; readonly record: PlannedRecord }
  | { readonly kind: 'batch'; readonly records: readonly PlannedRecord[] }
  | { readonly kind: 'sync' }

export function parsePlan(text: string): Operation[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line): Operation => {
      const [kind, ...words] = line.split(' ')
      if (kind === 'sync') return { kind }
      if (kind === 'batch') {
        return { kind, records: words.map((word) => plannedRecord(...(word.split(',') as [string, string]))) }
      }
      if (kind === 'record') return { kind, record: plannedRecord(...(words as [string, string])) }
      throw new Error(`no plan has the line ${JSON.stringify(line)}`)
    })
}

function plannedRecord(length: string, seed: string): PlannedRecord {
  return { length: Number(length), seed: Number(seed) }
}

/** xorshift32, a step a byte (README.md, "Payloads"). */
export function payload({ length, seed }: PlannedRecord): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed | 0
  for (let index = 0; index < length; index++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[index] = state & 0xff
  }
  return bytes
}

/** FNV-1a, 32 bits. */
export function digest(bytes: Uint8Array): string {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

/** What reading a journal gives, in the words of the program's output. */
export interface Reading {
  readonly records: readonly string[]
  readonly tailState: string
  readonly position: number
}

export function parseReading(output: string): Reading {
  const lines = output.trimEnd().split('\n')
  const [word, tailState, position] = (lines.pop() ?? '').split(' ')
  if (word !== 'tail' || tailState === undefined) throw new Error(`this is not what the program prints: ${output}`)
  return { records: lines, tailState, position: Number(position) }
}

/** The program, built with one version of the crate. */
export interface CrateProgram {
  readonly version: string
  /** Runs it and returns its output. Throws what it printed on stderr if it failed. */
  run(...options: string[]): string
}

/** Builds the program with both versions; or says why that cannot be done here. */
export function buildPrograms(): readonly CrateProgram[] | { readonly reason: string } {
  const programs: CrateProgram[] = []
  for (const folder of ['crate-0.9', 'crate-1']) {
    const target = join(compatFolder, folder, 'target')
    const built = spawnSync(
      'cargo',
      [
        'build',
        '--release',
        '--quiet',
        '--manifest-path',
        join(compatFolder, folder, 'Cargo.toml'),
        '--target-dir',
        target,
      ],
      { encoding: 'utf8', timeout: BUILD_MS_MAX },
    )
    if (built.error !== undefined) return { reason: `cargo cannot be started (${built.error.message})` }
    if (built.status !== 0) return { reason: `cargo cannot build ${folder}: ${built.stderr.trim().split('\n').at(-1)}` }
    const program = join(target, 'release', 'fsys-compat')
    programs.push({
      version: run(program, ['version']).trim(),
      run: (...options) => run(program, options),
    })
  }
  return programs
}

const BUILD_MS_MAX = 240_000
const RUN_MS_MAX = 60_000

function run(program: string, options: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, options, { encoding: 'utf8', timeout: RUN_MS_MAX })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`${options.join(' ')} failed: ${stderr.trim()}`)
  return stdout
}
