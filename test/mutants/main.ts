// npm run mutants: puts one fault after the other into the library, and shows what notices it.
import { parseArgs } from 'node:util'

import { mutants } from './mutants.js'
import { Workshop } from './workshop.js'

const HELP = `usage: npm run mutants [-- [--only TEXT] [--seed S]]

  --only TEXT   only the mutants whose name or file holds this text
  --seed S      the schedules' first seed (default 1): what is caught must not be so by luck`

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  if (values.help) return say(HELP)
  const firstSeed = Number(values.seed)
  if (!Number.isSafeInteger(firstSeed)) throw new Error(`a seed is a whole number, not ${values.seed}`)
  const chosen = mutants.filter(({ name, file }) => `${name} ${file}`.includes(values.only))
  if (chosen.length === 0) throw new Error(`no mutant's name or file holds ${JSON.stringify(values.only)}`)
  const startedAt = performance.now()
  const workshop = new Workshop(firstSeed)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      workshop.close()
      process.exit(1)
    })
  }
  let wrong = 0
  try {
    say(line({ name: 'mutant', breaks: 'breaks', what: 'caught by', seconds: 'seconds' }))
    await workshop.run(chosen, (row) => {
      if (!row.isRight) wrong++
      say(line({ ...row, seconds: row.seconds.toFixed(1) }))
    })
  } finally {
    workshop.close()
  }
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  say(
    `\n${chosen.length} mutants, of which ${wrong === 0 ? 'all are' : `${wrong} are NOT`} caught as stated, in ${seconds} s`,
  )
  if (wrong > 0) process.exitCode = 1
}

function line({ name, breaks, what, seconds }: Record<'name' | 'breaks' | 'what' | 'seconds', string>): string {
  return `${name.padEnd(NAME_LENGTH)} ${breaks.padEnd(7)} ${seconds.padStart(7)}  ${what}`
}

const NAME_LENGTH = Math.max(...mutants.map(({ name }) => name.length), 'the library as it is'.length)

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

await main()
