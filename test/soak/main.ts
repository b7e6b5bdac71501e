// npm run soak: a mixed load on real files, with SIGKILLs, for as long as you like.
import { randomInt } from 'node:crypto'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { describeMachine, fileSystemOf } from '../../demo/machine.js'
import { describeSoak } from './report.js'
import { runSoak } from './soak.js'

const HELP = `usage: npm run soak -- [--minutes N] [--seed S] [--directory D] [--json]

  --minutes N    for so long (default 1; fractions too)
  --seed S       what is written, and when it is killed, as far as timing allows (default: random, printed)
  --directory D  where the journals are made, and removed in the end (default: the system's directory for temporary files)
  --json         print the result as JSON

Exit code: 0 if nothing was lost or wrong and nothing has grown, 1 otherwise or if it is interrupted, 2 for a wrong command line.
`

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '1' },
      seed: { type: 'string' },
      directory: { type: 'string', default: tmpdir() },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(HELP)
    return
  }
  const durationMs = Number(values.minutes) * 60_000
  const seed = Number(values.seed ?? randomInt(2 ** 32))
  if (!(durationMs > 0) || !Number.isSafeInteger(seed)) {
    process.stderr.write(HELP)
    process.exitCode = 2
    return
  }
  const interrupt = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interrupt.abort())
  const directory = realpathSync(mkdtempSync(join(values.directory, 'fsys-soak-')))
  const place = `${describeMachine()}; ${fileSystemOf(directory) ?? 'an unknown file system'}`
  process.stderr.write(`seed ${seed}, in ${directory}\n`)
  const result = await runSoak({ durationMs, seed, directory, signal: interrupt.signal }, (text) =>
    process.stderr.write(`${text}\n`),
  )
  const text = values.json ? JSON.stringify({ place, seed, ...result }, null, 2) : describeSoak(result, place, seed)
  process.stdout.write(`${text}\n`)
  if (interrupt.signal.aborted) process.exitCode = 1
  if (result.errors.length > 0) {
    process.stderr.write(`the journals are left in ${directory}\n`)
    process.exitCode = 1
  } else {
    rmSync(directory, { recursive: true, force: true })
  }
}

await main()
