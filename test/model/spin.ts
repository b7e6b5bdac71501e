import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execute = promisify(execFile)

/** The sources are not copied when the tests are compiled. */
const MODEL_PATH = fileURLToPath(new URL('../../../test/model/group-commit.pml', import.meta.url))
const MEMORY_MB_MAX = 1900
const TIME_MS_MAX = 300_000

/** How large the model is. */
export interface ModelSize {
  readonly committers: number
  readonly lsnMax: number
  readonly faults: number
}

/** What is checked of it. */
export interface ModelCheck {
  /** 'safety' for all assertions, with power cuts at any moment; otherwise the name of a formula. */
  readonly property: 'safety' | 'everybodyIsAnswered' | 'callsEnd'
  /** A mistake that is made on purpose: a macro of the model. */
  readonly mistake?: string
}

export interface ModelResult {
  /** The property that does not hold, if there is one. */
  readonly violated: string | undefined
  /** False if it was given up before all states were seen. */
  readonly isComplete: boolean
  readonly states: number
  readonly transitions: number
  readonly depth: number
  readonly memoryMb: number
  readonly elapsedMs: number
}

/** True if what it needs is on this machine. */
export async function hasSpin(): Promise<boolean> {
  try {
    await Promise.all([execute('spin', ['-V']), execute('gcc', ['--version'])])
    return true
  } catch {
    return false
  }
}

/**
 * Checks the model: spin makes a program of it, gcc compiles that, and it goes through all states. To optimize takes gcc ten
 * seconds, and not to, one: it pays for millions of states.
 */
export async function checkModel(
  { property, mistake }: ModelCheck,
  size: ModelSize,
  optimization: 0 | 2 = 0,
): Promise<ModelResult> {
  const isSafety = property === 'safety'
  const directory = mkdtempSync(join(tmpdir(), 'fsys-model-'))
  try {
    const macros = [
      isSafety ? 'POWER_CUT' : 'LIVENESS',
      ...(mistake === undefined ? [] : [mistake]),
      `COMMITTERS=${size.committers}`,
      `LSN_MAX=${size.lsnMax}`,
      `FAULTS=${size.faults}`,
    ].map((macro) => `-D${macro}`)
    const options = { cwd: directory, timeout: TIME_MS_MAX, maxBuffer: 2 ** 24 }
    await execute('spin', ['-a', ...macros, MODEL_PATH], options)
    // NFAIR: room for the processes that weak fairness counts.
    const way = isSafety ? ['-DSAFETY'] : ['-DNFAIR=3']
    await execute(
      'gcc',
      [`-O${optimization}`, '-DCOLLAPSE', `-DMEMLIM=${MEMORY_MB_MAX}`, ...way, '-o', 'pan', 'pan.c'],
      options,
    )
    const startedAt = performance.now()
    const { stdout } = await execute('./pan', ['-m1000000', ...(isSafety ? [] : ['-a', '-f', '-N', property])], options)
    return readResult(stdout, property, performance.now() - startedAt)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function readResult(output: string, property: string, elapsedMs: number): ModelResult {
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? Number.NaN)
  const errors = number(/errors: (\d+)/u)
  if (Number.isNaN(errors)) throw new Error(`pan did not come to an end:\n${output}`)
  const assertion = /assertion violated\s+!\((\w+)\)/u.exec(output)?.[1]
  const cycle = /acceptance cycle/u.test(output) && errors > 0 ? property : undefined
  return {
    violated: errors === 0 ? undefined : (assertion ?? cycle ?? output),
    isComplete: !/not completed|max search depth too small|out of memory/u.test(output),
    states: number(/(\d+) states, stored/u),
    transitions: number(/([\d.e+]+) transitions/u),
    depth: number(/depth reached (\d+)/u),
    memoryMb: number(/([\d.]+)\s+total actual memory usage/u),
    elapsedMs,
  }
}
