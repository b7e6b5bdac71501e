import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { Display } from './display.js'
import { formatBytes, plural } from './format.js'
import { type Input, prepareInput } from './input.js'
import { describeMachine, fileSystemOf, isInMemory } from './machine.js'
import { type DemoOptions, HELP, UsageError, parseOptions } from './options.js'
import { summarize } from './summary.js'
import { TrialFailure, runTrial } from './trial.js'

const EXIT_DIFFERENCE = 1
const EXIT_USAGE = 2
/** What a shell adds to a signal's number. */
const EXIT_SIGNAL = 128

const COMMITTERS_MAX = 256
/** Enough groups to be killed in: with more committers, a small input is done too soon. */
const LINES_PER_COMMITTER_MIN = 1000

/**
 * `npm start`: journals real text by a process that is killed again and again, and shows that nothing is lost that was
 * acknowledged. Resolves to the exit code.
 */
async function main(args: readonly string[]): Promise<number> {
  const interrupt = new AbortController()
  let exitCode = EXIT_DIFFERENCE
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      exitCode = EXIT_SIGNAL + constants.signals[signal]
      interrupt.abort()
    })
  }
  // Nobody reads on: `npm start | head`.
  process.stdout.on('error', () => interrupt.abort())
  try {
    const options = parseOptions(args)
    if (options === undefined) process.stdout.write(HELP)
    else await demonstrate(options, interrupt.signal)
    return 0
  } catch (error) {
    if (interrupt.signal.aborted) return exitCode
    process.stderr.write(`${explain(error)}\n`)
    return error instanceof UsageError ? EXIT_USAGE : EXIT_DIFFERENCE
  }
}

async function demonstrate(options: DemoOptions, signal: AbortSignal): Promise<void> {
  const { keepDirectory, kills, seed } = options
  const directory = mkdtempSync(join(tmpdir(), 'fsys-demo-'))
  const display = new Display(process.stdout)
  let isEvidence = false
  try {
    if (keepDirectory !== undefined) mkdirSync(keepDirectory, { recursive: true })
    const journalPath = join(keepDirectory ?? directory, 'demo.wal')
    if (existsSync(journalPath)) throw new UsageError(`there is a journal already: ${journalPath}`)
    const input = prepareInput(options.inputPath, directory)
    const committers = options.committers ?? chooseCommitters(input)
    display.say(introduce(input, journalPath, committers, options))
    try {
      const result = await runTrial({ input, journalPath, committers, kills, seed, display, signal })
      display.endProgress()
      display.say(`\n${summarize(result)}\n\n${CAVEAT}`)
      if (keepDirectory !== undefined) display.say(`The journal is ${journalPath}.`)
    } catch (error) {
      display.endProgress()
      isEvidence = error instanceof TrialFailure
      if (isEvidence) display.say(`\nThe journal is left as ${journalPath}, its input as ${input.path}.`)
      throw error
    }
  } finally {
    if (!isEvidence) rmSync(directory, { recursive: true, force: true })
  }
}

function chooseCommitters({ lines }: Input): number {
  return Math.max(1, Math.min(COMMITTERS_MAX, Math.floor(lines / LINES_PER_COMMITTER_MIN)))
}

function introduce(input: Input, journalPath: string, committers: number, { kills, seed }: DemoOptions): string {
  const fileSystem = fileSystemOf(dirname(journalPath))
  const place = `${journalPath} on ${fileSystem ?? 'an unknown file system'}`
  const rows = [
    ['machine', describeMachine()],
    ['journal', isInMemory(fileSystem) ? `${place}, which lives in memory: its syncs cost nothing` : place],
    [
      'input',
      `${plural(input.lines, 'line')}, ${formatBytes(input.textBytes)}, the longest ${formatBytes(input.longestBytes)}`,
    ],
    ['', input.description],
    ['job', `a durable commit a line, by ${plural(committers, 'committer')} at the same time`],
    ['kills', `${kills} by SIGKILL, one of them during recovery; --seed ${seed} chooses their moments again`],
  ]
  const lines = rows.map(([name = '', text]) => `${name.padEnd(NAME_COLUMNS)}${text}`)
  return `A journal whose writer is killed, and nothing lost that was acknowledged.\n\n${lines.join('\n')}\n`
}

const NAME_COLUMNS = 13
const CAVEAT =
  'SIGKILL ends the process, not the machine. What power cuts do is tested on a simulated disk: npm run sim.'

function explain(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\n\n${HELP}`
  if (!(error instanceof TrialFailure)) return error instanceof Error ? (error.stack ?? error.message) : String(error)
  const { difference } = error
  if (difference === undefined) return `FAILED: ${error.message}`
  return [
    `DIFFERENT: ${difference.what}`,
    `  line      ${difference.line + 1}`,
    `  LSN       ${difference.lsn}`,
    `  expected  ${difference.expected}`,
    `  found     ${difference.found}`,
  ].join('\n')
}

process.exitCode = await main(process.argv.slice(2))
