import { parseArgs, type ParseArgsConfig } from 'node:util'

import type { Output } from './output.js'
import { UsageError } from './usage.js'

/** What a command talks to. */
export interface Io {
  /** stdout: what was asked for. */
  readonly output: Output
  /** stderr: something worth knowing, in the command's name. */
  readonly note: (message: string) => void
}

/** One of the `fsys` commands. */
export interface Command {
  readonly help: string
  /** The exit status for an error that does not say whose fault it is. */
  readonly statusOtherwise: number
  /** Does what the arguments say and answers with the exit status. Throws a UsageError for arguments that it does not take. */
  run(args: readonly string[], io: Io): Promise<number>
}

type OptionsConfig = NonNullable<ParseArgsConfig['options']>

type Config<Options extends OptionsConfig> = {
  readonly options: Options
  readonly strict: true
  readonly allowPositionals: true
}

type Values<Options extends OptionsConfig> = ReturnType<typeof parseArgs<Config<Options>>>['values']

interface Definition<Options extends OptionsConfig> extends Pick<Command, 'help' | 'statusOtherwise'> {
  readonly options: Options
  /** What the first operand is, if it is not a journal but any path, and which one is meant if there is none. */
  readonly pathOtherwise?: string
  /** How many operands there may be besides the first. */
  readonly operandsMax?: number
  readonly run: (path: string, values: Values<Options>, io: Io, operands: readonly string[]) => Promise<number>
}

/** A command on one journal, or on one path. `--help` is everybody's. */
export function defineCommand<const Options extends OptionsConfig>(definition: Definition<Options>): Command {
  const { help, statusOtherwise, options, pathOtherwise, operandsMax = 0 } = definition
  return {
    help,
    statusOtherwise,
    async run(args, io) {
      const { values, positionals } = parse(args, { ...options, help: { type: 'boolean', short: 'h' } })
      if (values['help'] === true) {
        io.output.writeText(help)
        return 0
      }
      const [path = pathOtherwise, ...operands] = positionals
      if (path === undefined) throw new UsageError('which journal?')
      if (path === '')
        throw new UsageError(`the name of the ${pathOtherwise === undefined ? 'journal' : 'path'} is empty`)
      if (path === '-' && pathOtherwise === undefined)
        throw new UsageError('a journal is a file, not a stream; for one that is called - say ./-')
      if (operands.length > operandsMax) throw new UsageError(`unexpected operand '${operands[operandsMax]}'`)
      return await definition.run(path, values as Values<Options>, io, operands)
    },
  }
}

function parse(
  args: readonly string[],
  options: OptionsConfig,
): { values: Record<string, unknown>; positionals: string[] } {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('ERR_PARSE_ARGS_'))
      throw error
    // Node's messages of this kind are made for users; advice follows in later sentences.
    throw new UsageError(error.message.split(/\.\s/u)[0])
  }
}
