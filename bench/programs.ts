import { execFile, execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import type { Entrant, ProgramName } from './entrant.js'
import { type Measurement, type Task, parseMeasurement, taskArguments } from './task.js'

const execute = promisify(execFile)

/** The project's folder, from where the compiler puts this file. */
export const projectFolder: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const outputFolder = join(projectFolder, 'build', 'bench', 'programs')

/** How a program is started; or why it cannot be. */
export type Program = { readonly command: readonly string[] } | { readonly reason: string }

const RUN_MS_MAX = 120_000
const BUILD_MS_MAX = 600_000

/** Compiles what is not JavaScript, with the compilers that are here. */
export class Programs {
  readonly #built = new Map<ProgramName, Program>()
  readonly #tell: (text: string) => void

  constructor(tell: (text: string) => void) {
    this.#tell = tell
  }

  /** The program, built when it is first asked for. */
  get(name: ProgramName): Program {
    let program = this.#built.get(name)
    if (program === undefined) {
      program = this.#make(name)
      this.#built.set(name, program)
      if ('reason' in program) this.#tell(`${name} is left out: ${program.reason}`)
    }
    return program
  }

  /** The command line of a run. Throws Error if there is no such program here. */
  commandFor({ program: name, variant }: Pick<Entrant, 'program' | 'variant'>, task: Omit<Task, 'variant'>): string[] {
    const program = this.get(name)
    if ('reason' in program) throw new Error(program.reason)
    return [...program.command, ...taskArguments({ ...task, variant })]
  }

  #make(name: ProgramName): Program {
    if (name.startsWith('node:')) {
      const script = join(projectFolder, 'build', 'bench', 'node', 'program.js')
      return { command: [process.execPath, script, name.slice('node:'.length)] }
    }
    mkdirSync(outputFolder, { recursive: true })
    if (name === 'c') return this.#compileC()
    const source = join(projectFolder, 'bench')
    if (name === 'go') {
      const binary = join(outputFolder, 'go-logs')
      return this.#build(name, binary, 'go', ['build', '-o', binary, '.'], join(source, 'go'))
    }
    const target = join(outputFolder, name)
    const manifest = join(source, 'rust', name === 'rust-1' ? 'crate-1' : 'crate-0.9', 'Cargo.toml')
    const options = ['build', '--release', '--quiet', '--manifest-path', manifest, '--target-dir', target]
    return this.#build(name, join(target, 'release', 'fsys-bench'), 'cargo', options, source)
  }

  #compileC(): Program {
    const folder = join(projectFolder, 'bench', 'c')
    const binary = join(outputFolder, 'limit')
    const sources = ['main.c', 'append.c', 'commit.c', 'scan.c']
    const options = ['-O2', '-march=native', '-pthread', '-o', binary, ...sources]
    return this.#build('c', binary, 'cc', options, folder)
  }

  #build(name: string, binary: string, tool: string, options: readonly string[], cwd: string): Program {
    this.#tell(`building ${name} with ${tool}`)
    try {
      execFileSync(tool, options, { cwd, stdio: 'pipe', encoding: 'utf8', timeout: BUILD_MS_MAX })
      return { command: [binary] }
    } catch (error) {
      const { code, stderr = '' } = error as { code?: string; stderr?: string }
      if (code === 'ENOENT') return { reason: `${tool} is not on this machine` }
      return { reason: `${tool} cannot build it: ${lastLine(stderr)}` }
    }
  }
}

/** Runs a program once. Throws Error with what it said last if it fails. */
export async function runProgram(command: readonly string[], engine: Entrant['engine']): Promise<Measurement> {
  const [file = '', ...options] = command
  try {
    const { stdout } = await execute(file, options, { env: environment(engine), timeout: RUN_MS_MAX })
    return parseMeasurement(stdout)
  } catch (error) {
    const { stderr = '', killed = false, message } = error as { stderr?: string; killed?: boolean; message: string }
    throw new Error(killed ? `it took more than ${RUN_MS_MAX / 1000} s` : reasonIn(stderr) || message, { cause: error })
  }
}

export function environment(engine: Entrant['engine']): NodeJS.ProcessEnv {
  const { FSYS_ENGINE: _, NODE_OPTIONS: _options, ...rest } = process.env
  return engine === undefined ? rest : { ...rest, FSYS_ENGINE: engine }
}

/** Drops a file from the page cache, by the C program. Throws Error if there is none. */
export async function evict(programs: Programs, path: string): Promise<void> {
  const program = programs.get('c')
  if ('reason' in program) throw new Error(`no way to empty the page cache: ${program.reason}`)
  const [file = ''] = program.command
  if (existsSync(path)) await execute(file, ['evict', `path=${path}`])
}

/** The line of an uncaught error, or the last one. */
function reasonIn(stderr: string): string {
  return /^(?:\w*Error\b.*|\S+ \[ERR_.*)$/mu.exec(stderr)?.[0] ?? lastLine(stderr)
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? ''
}
