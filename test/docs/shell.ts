import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

import { mainPath } from '../support/command.js'
import { temporaryDirectory } from '../support/temporary.js'

const MS_MAX = 240_000

const directory = join(temporaryDirectory(), 'commands')
mkdirSync(directory)
writeFileSync(
  join(directory, 'npx'),
  `#!/bin/sh\n[ "$1" = fsys ] && shift && exec '${process.execPath}' '${mainPath}' "$@"\nexit 127\n`,
)
chmodSync(join(directory, 'npx'), 0o755)

/** How a program has ended. */
export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What programs are run with: an `npx` that knows `fsys` and nothing else, as if it were installed. */
function environment(more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${directory}${delimiter}${process.env['PATH']}`, ...more }
}

/** Runs a program in a folder to its end. */
export function run(
  folder: string,
  [command = '', ...words]: readonly string[],
  { input = '', more }: { readonly input?: string; readonly more?: Readonly<Record<string, string>> } = {},
): Ran {
  const options = { cwd: folder, encoding: 'utf8', timeout: MS_MAX, input, env: environment(more) } as const
  return spawnSync(command, words, options)
}

/** Runs a command of the shell that does not end by itself until it has printed this line; then it is interrupted. */
export async function interrupt(folder: string, command: string, line: string): Promise<string> {
  const child = spawn('sh', ['-euc', `exec ${command}`], { cwd: folder, env: environment(), stdio: 'pipe' })
  const timer = setTimeout(() => child.kill('SIGKILL'), MS_MAX)
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    if (stdout.split('\n').includes(line)) child.kill('SIGINT')
  })
  await once(child, 'close')
  clearTimeout(timer)
  return stdout
}
