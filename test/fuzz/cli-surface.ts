import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

import type { Command } from '#src/cli/command.js'
import { COMMANDS } from '#src/cli/commands.js'
import { Output } from '#src/cli/output.js'
import { InputError } from '#src/cli/split.js'
import { codeOf, statusOf } from '#src/cli/status.js'
import { UsageError } from '#src/cli/usage.js'
import { owners } from '#src/platform/owners.js'
import { Random } from '#src/storage/sim/random.js'

import { must } from '../sim/model.js'
import { type Call, type Outcome, expectedOutcome } from './cli-oracle.js'
import { type Input, JOURNAL_BIRTH_TIME, JOURNAL_INODE } from './input.js'
import { makeJournal } from './make-journal.js'
import { makeMark } from './make-mark.js'
import { markOf, sealSlot } from './reference-mark.js'
import type { Surface, Tally } from './surface.js'

const mainPath = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))

/** All but the one that is not about a journal. */
const NAMES: readonly string[] = [...COMMANDS.keys()].filter((name) => name !== 'doctor')

/** The commands on real files that hold anything: in this process, and some as the process that users start. */
export class CliSurface implements Surface {
  readonly name = 'cli'
  readonly goals: readonly string[] = [...NAMES, ...[0, 1, 2, 3, 64].map((status) => `status ${status}`)]
  readonly #directory: string
  readonly #spawnChance: number

  constructor(directory: string, spawnChance: number) {
    this.#directory = directory
    this.#spawnChance = spawnChance
  }

  make(random: Random, bases: readonly Buffer[]): Input {
    const journal = makeJournal(random, bases)
    const beside: Record<string, Buffer> = {}
    if (random.chance(0.4)) beside['.mark'] = makeMark(random, journal)
    if (random.chance(0.3)) beside['.lock'] = Buffer.from(['gone', 'alive', '', '{}', 'garbage'][random.below(5)] ?? '')
    return { journal, beside, choices: random.bits() }
  }

  async check(input: Input, tally: Tally): Promise<void> {
    const random = new Random(input.choices)
    const command = NAMES[random.below(NAMES.length)] ?? ''
    const options = optionsOf(command, random)
    const isSpawned = random.chance(this.#spawnChance)
    const appended = makeJournal(random, []).subarray(0, 2000)

    const call = this.#prepare(input, command, options, appended)
    const expected = expectedOutcome(call, this.#files())
    const outcome = await (isSpawned ? this.#spawn(call) : this.#run(call))
    const what = `fsys ${command} ${options.join(' ')}`
    must(outcome.status === expected.status, 'CLI', () => `${what}: status ${outcome.status}, not ${expected.status}`)
    expected.check(outcome)
    if (isSpawned) tally.add('as a process')
    tally.add(command)
    tally.add(`status ${outcome.status}`)
  }

  get #path(): string {
    return join(this.#directory, 'a.wal')
  }

  /** Puts everything in place, its mark bound to the file that is really there. */
  #prepare({ journal, beside }: Input, command: string, options: readonly string[], input: Buffer): Call {
    rmSync(this.#directory, { recursive: true, force: true })
    mkdirSync(this.#directory)
    writeFileSync(this.#path, journal)
    const { ino, birthtimeNs } = statSync(this.#path, { bigint: true })
    const markFile = beside['.mark'] === undefined ? undefined : rebound(beside['.mark'], ino, birthtimeNs)
    if (markFile !== undefined) writeFileSync(`${this.#path}.mark`, markFile)
    const lockText = beside['.lock']?.toString()
    if (lockText !== undefined) writeFileSync(`${this.#path}.lock`, lockOf(lockText))
    writeFileSync(join(this.#directory, 'input'), input)
    const lock =
      lockText === undefined ? 'nobody' : lockText === 'gone' || lockText === 'alive' ? lockText : 'unreadable'
    return { command, options, journal, mark: markOf(markFile, ino, birthtimeNs), lock, input }
  }

  /** As `fsys` does it. */
  async #run({ command, options }: Call): Promise<Outcome> {
    const chunks: Buffer[] = []
    const stdout = new Writable({ write: (chunk: Buffer, _, done) => (chunks.push(chunk), done()) })
    const output = new Output(stdout)
    const loaded = (await COMMANDS.get(command)?.load()) as Command
    let status
    try {
      status = await loaded.run(this.#argumentsOf(command, options), { output, note: () => undefined })
    } catch (error) {
      const isKnown = codeOf(error) !== undefined || error instanceof UsageError || error instanceof InputError
      const isOurs = error instanceof TypeError || error instanceof RangeError
      if (!isKnown || isOurs) throw error
      status = statusOf(error, loaded.statusOtherwise)
    }
    await output.finish()
    return { status, stdout: Buffer.concat(chunks), files: this.#files() }
  }

  async #spawn({ command, options }: Call): Promise<Outcome> {
    const args = [mainPath, command, ...this.#argumentsOf(command, options)]
    const ended = await new Promise<{ status: number; stdout: Buffer; stderr: string }>((resolve) => {
      execFile(process.execPath, args, { encoding: 'buffer', timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ status: error === null ? 0 : Number(error.code ?? -1), stdout, stderr: stderr.toString() })
      })
    })
    must(!/\n {4}at /u.test(ended.stderr), 'CLI', () => `fsys ${command} ${options.join(' ')}: ${ended.stderr}`)
    return { ...ended, files: this.#files() }
  }

  #argumentsOf(command: string, options: readonly string[]): string[] {
    return [...options, this.#path, ...(command === 'append' ? [join(this.#directory, 'input')] : [])]
  }

  #files(): Map<string, Buffer> {
    return new Map(readdirSync(this.#directory).map((name) => [name, readFileSync(join(this.#directory, name))]))
  }
}

function optionsOf(command: string, random: Random): string[] {
  const maybe = (...options: string[]): string[] => (random.chance(0.5) ? options : [])
  switch (command) {
    case 'append':
      return [...maybe('--frames'), ...maybe('--record-bytes-max', `${random.below(300)}`)]
    case 'cat':
      return [
        ...formatOf(random),
        ...maybe('--from', `${random.below(700)}`),
        ...maybe('-n', `${random.below(5)}`),
        ...maybe('--gaps', 'skip'),
      ]
    case 'tail':
      return [...formatOf(random), '-n', `${random.below(6)}`]
    case 'repair':
      return [
        random.chance(0.7) ? '--yes' : '--dry-run',
        '--json',
        ...[[], ['--gaps', 'skip'], ['--gaps', 'cut']][random.below(3)]!,
      ]
    case 'reset':
      return ['--json', ...maybe('--yes'), ...maybe('--force')]
    case 'unlock':
      return [...maybe('--yes'), '--json']
    default:
      return ['--json']
  }
}

function formatOf(random: Random): string[] {
  return [[], ['--json'], ['--frames']][random.below(3)]!
}

/** Slots that are bound to the journal of all cases are bound to this file instead. */
function rebound(mark: Buffer, inode: bigint, birthTime: bigint): Buffer {
  const file = Buffer.from(mark)
  for (const start of [0, 4096]) {
    const slot = file.subarray(start, start + 64)
    const isOurs = markOf(Buffer.concat([slot, Buffer.alloc(64)]), JOURNAL_INODE, JOURNAL_BIRTH_TIME) !== undefined
    if (slot.length < 64 || !isOurs) continue
    slot.writeBigUInt64LE(inode, 16)
    slot.writeBigInt64LE(birthTime, 24)
    sealSlot(slot)
  }
  return file
}

function lockOf(text: string): string {
  const lock = { token: '00000000-0000-4000-8000-000000000000', ...owners.self() }
  if (text === 'alive') return JSON.stringify(lock)
  // Where boots are not told apart, a pid that no system has.
  return text === 'gone' ? JSON.stringify({ ...lock, boot: 'an earlier one' }) : text
}
