import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { type Bound, type Checked, boundFor, check } from './bounds.js'
import { Contest } from './contest.js'
import { describeMachine } from './machine.js'
import { Programs, projectFolder } from './programs.js'
import { figure } from './report.js'
import { Scratch } from './scratch.js'
import { workloads } from './workloads.js'

const HELP = `usage: npm run bench:check -- [--write] [--directory DIR]

A short bench against regressions: fsys beside C loops and plain Node.js only, and their ratios held against
bench/bounds.json. A ratio that is out of bounds is measured again, twice at most, before it counts.

  --write          set the bounds by what this machine gives now, and do not judge
  --directory DIR  where to measure (default: the system's directory for temporary files)

Exit status: 0 if every ratio is within its bound, 1 if one is not.`

const { values: options } = parseArgs({
  options: {
    write: { type: 'boolean', default: false },
    directory: { type: 'string', default: tmpdir() },
    help: { type: 'boolean', default: false },
  },
})

const boundsFile = join(projectFolder, 'bench', 'bounds.json')
const ROUNDS = 5
const TRIES = 3

async function main(): Promise<void> {
  if (options.help) return console.log(HELP)
  const bounds = JSON.parse(readFileSync(boundsFile, 'utf8')) as Bound[]
  const scratch = new Scratch(options.directory)
  process.once('exit', () => scratch.remove())
  process.once('SIGINT', () => process.exit(130))
  console.log(`${describeMachine(scratch.directory).join('\n')}\n`)
  const contest = new Contest(new Programs(console.log), scratch, () => {})

  if (options.write) {
    const lines = (await measure(contest, bounds)).map((checked) => JSON.stringify(boundFor(checked)))
    writeFileSync(boundsFile, `[\n${lines.map((line) => `  ${line}`).join(',\n')}\n]\n`)
    return console.log(`written: bench/bounds.json`)
  }
  let open: readonly Bound[] = bounds
  for (let attempt = 1; attempt <= TRIES && open.length > 0; attempt++) {
    if (attempt > 1) console.log('\nagain, what was out of bounds:')
    const checked = await measure(contest, open)
    open = checked.filter(({ isWithin }) => isWithin === false).map(({ bound }) => bound)
  }
  if (open.length > 0) {
    console.error(`\n${open.length} ratios are out of bounds, ${TRIES} times in a row`)
    process.exitCode = 1
  }
}

/** Runs the workloads of these bounds, with those of their entrants that the bounds name, and tells as it goes. */
async function measure(contest: Contest, bounds: readonly Bound[]): Promise<Checked[]> {
  const all: Checked[] = []
  for (const workload of workloads('check')) {
    const its = bounds.filter((bound) => bound.workload === workload.id)
    if (its.length === 0) continue
    const entrants = workload.entrants.filter(({ id }) => its.some(({ row, to }) => id === row || id === to))
    const checked = check(its, [await contest.hold({ ...workload, entrants }, ROUNDS, false)])
    for (const entry of checked) console.log(describe(entry))
    all.push(...checked)
  }
  return all
}

function describe({ bound, ratio, isWithin }: Checked): string {
  const what = `${bound.workload}${bound.of === 'cpu' ? ', CPU time' : ''}, ${bound.row} / ${bound.to}`
  if (ratio === undefined) return `- not measured: ${what}`
  const limit = bound.least === undefined ? `at most ${bound.most}` : `at least ${bound.least}`
  return `- ${isWithin === true ? 'within' : 'OUT OF BOUNDS'}: ${what}: ${figure(ratio)}, ${limit}`
}

await main()
