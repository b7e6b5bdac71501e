#!/usr/bin/env node
import { readFileSync } from 'node:fs'

import type { Command } from './command.js'
import { COMMANDS } from './commands.js'
import { Output } from './output.js'
import { STATUS, codeOf, statusOf } from './status.js'
import { printable } from './text.js'
import { UsageError } from './usage.js'

const help = `Usage: fsys <command> [options] <journal>

A write-ahead journal from the command line.

Commands:
${Array.from(COMMANDS, ([name, { summary }]) => `  ${name.padEnd(8)}${summary}\n`).join('')}
Options:
  -h, --help     print this; fsys <command> --help says more about a command
  -V, --version  print the version

Options may stand before and behind the journal; -- ends them. Errors go to stderr with a stable code, ERR_FSYS_..., and
the exit status tells their kind; 64 is wrong usage.
`

// The exit code is left to the end of the event loop: process.exit would cut off what a pipe has not taken yet.
process.exitCode = await main(process.argv.slice(2))

async function main(args: readonly string[]): Promise<number> {
  const output = new Output(process.stdout)
  // Nobody is left to tell.
  process.stderr.on('error', () => undefined)
  const [name = '', ...rest] = args
  const prefix = COMMANDS.has(name) ? `fsys ${name}` : 'fsys'
  const say = (message: string): void => void process.stderr.write(`${prefix}: ${printable(message)}\n`)
  let command: Command | undefined
  try {
    command = await COMMANDS.get(name)?.load()
    const status = command === undefined ? await answer(args, output) : await command.run(rest, { output, note: say })
    await output.finish()
    return status
  } catch (error) {
    say(describe(error))
    if (error instanceof UsageError) process.stderr.write(`Try '${prefix} --help'.\n`)
    // What was printed before belongs to the answer.
    await output.finish().catch(() => undefined)
    return statusOf(error, command?.statusOtherwise ?? STATUS.failed)
  }
}

/** What needs no command. */
async function answer([name, topic]: readonly string[], output: Output): Promise<number> {
  if (name === undefined) throw new UsageError('which command?')
  const isHelp = name === 'help' || name === '--help' || name === '-h'
  if (!isHelp && name !== '--version' && name !== '-V') {
    throw new UsageError(name.startsWith('-') ? `unknown option '${name}'` : `there is no command '${name}'`)
  }
  if (!isHelp) {
    output.writeLine(version())
    return STATUS.done
  }
  const command = topic === undefined ? undefined : await COMMANDS.get(topic)?.load()
  if (topic !== undefined && command === undefined) throw new UsageError(`there is no command '${topic}'`)
  output.writeText(command?.help ?? help)
  return STATUS.done
}

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** One line, with the stable code behind it. For a mistake of ours, where it happened. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = codeOf(error)
  if (code !== undefined) return `${error.message} (${code})`
  const isOurs = error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError
  return isOurs ? (error.stack ?? error.message) : error.message
}
