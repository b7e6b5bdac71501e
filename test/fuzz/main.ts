// npm run fuzz: cases for as long as you like.
import { existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { fuzz, missedGoals, replayCase, replayCorpus, replayJournal } from './fuzz.js'
import type { Tallies } from './worker.js'

const HELP = `usage: npm run fuzz -- [options]

  --minutes N     go on for so long (default 1)
  --cases N       or so many cases
  --seed S        the first seed; each case has the next one (default: random, printed)
  --surface NAME  one only: reader, recovery, lock, reset, split, power-cut, large or cli
  --file F        repeat one case: what a failure was written to, or any file as a journal`

const BATCH_CASES = 400_000
/** For each file of the corpus, on each surface. */
const CHOICES_EACH = 10

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    cases: { type: 'string' },
    seed: { type: 'string' },
    surface: { type: 'string' },
    file: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  if (values.help) {
    console.log(HELP)
  } else if (values.file !== undefined) {
    await replay(values.file)
  } else {
    await run()
  }
}

async function replay(path: string): Promise<void> {
  if (path.endsWith('.json')) await replayCase(path)
  else
    await replayJournal(
      path,
      readFileSync(path),
      existsSync(`${path}.mark`) ? readFileSync(`${path}.mark`) : undefined,
      1000,
    )
  console.log(`${path}: nothing is wrong`)
}

async function run(): Promise<void> {
  const startedAt = performance.now()
  const elapsedS = (): string => ((performance.now() - startedAt) / 1000).toFixed(1)
  const end = startedAt + Number(values.minutes) * 60_000
  const wanted = values.cases === undefined ? Infinity : Number(values.cases)
  let seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 40))
  console.log(`corpus: ${await replayCorpus(CHOICES_EACH)} cases in ${elapsedS()} s`)
  let done = 0
  do {
    const cases = values.cases === undefined ? BATCH_CASES : wanted
    const { tallies, failures } = await fuzz(seed, cases, values.surface)
    done += cases
    print(tallies)
    console.log(`seeds from ${seed}: ${cases} cases; ${done} in ${elapsedS()} s`)
    for (const failure of failures) console.error(failure)
    const missed = values.surface === undefined && cases >= BATCH_CASES ? missedGoals(tallies) : []
    if (missed.length > 0) console.error(`never reached: ${missed.join('; ')}`)
    if (failures.length > 0 || missed.length > 0) {
      process.exitCode = 1
      return
    }
    seed += cases
  } while (done < wanted && (values.cases !== undefined || performance.now() < end))
}

function print(tallies: Tallies): void {
  for (const [surface, counts] of tallies) {
    const rest = [...counts].filter(([what]) => what !== 'cases').toSorted(([a], [b]) => (a < b ? -1 : 1))
    if (counts.size === 0) continue
    console.log(`${surface}: ${counts.get('cases') ?? 0} cases`)
    for (const [what, count] of rest) console.log(`  ${String(count).padStart(8)}  ${what}`)
  }
}

await main()
