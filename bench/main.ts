import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { parseArgs } from 'node:util'

import { appendContests } from './contests/append.js'
import { commitContests } from './contests/commit.js'
import { replaceContests } from './contests/replace.js'
import { replayContests } from './contests/replay.js'
import { type ContestResult, hold } from './measure.js'
import { renderPage } from './page.js'
import { describeMachine, renderResults } from './report.js'
import { Scratch } from './scratch.js'

const HELP = `usage: npm run bench -- [--rounds N] [--only TEXT] [--directory DIR] [--page FILE]

  --rounds N       measured rounds a contest, at least 5 (default 7)
  --only TEXT      only the contests whose names hold this text
  --directory DIR  where to write (default: the system's directory for temporary files)
  --page FILE      write the page of results there too

Exit status: 0 if every floor is met, 1 if one is missed.`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    directory: { type: 'string', default: tmpdir() },
    page: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  if (values.help) {
    console.log(HELP)
    return
  }
  const rounds = Math.max(5, Number(values.rounds))
  const scratch = new Scratch(values.directory)
  process.once('exit', () => scratch.remove())
  process.once('SIGINT', () => process.exit(130))
  const machine = describeMachine(scratch.directory)
  console.log(machine.join('\n'))
  const contests = [
    ...appendContests(scratch),
    ...commitContests(scratch),
    ...replaceContests(scratch),
    ...(await replayContests(scratch)),
  ]
  const results: ContestResult[] = []
  for (const contest of contests.filter(({ name }) => name.includes(values.only))) {
    const result = await hold(contest, rounds, (text) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`)
    })
    if (process.stderr.isTTY) process.stderr.write('\r\u001B[K')
    console.log(`\n${renderResults([result])}`)
    results.push(result)
  }
  if (values.page !== undefined) writeFileSync(values.page, renderPage(machine, results))
  const missed = results.flatMap(({ verdicts }) => verdicts).filter(({ isMet }) => !isMet)
  if (missed.length > 0) {
    console.error(`\n${missed.length} floors were missed`)
    process.exitCode = 1
  }
}

await main()
