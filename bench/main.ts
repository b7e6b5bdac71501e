import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'

import { writeCharts } from './charts/write-charts.js'
import { Contest } from './contest.js'
import type { Workload } from './entrant.js'
import { goals } from './goals.js'
import { describeMachine } from './machine.js'
import { type Beside, renderPage } from './page.js'
import { installPeers } from './peers.js'
import { Programs, projectFolder } from './programs.js'
import { renderLeftOut, renderVerdicts, renderWorkload } from './report.js'
import { type Results, type WorkloadResult, stringify } from './results.js'
import { Scratch } from './scratch.js'
import { type Verdict, judge, missed } from './verdicts.js'
import { workloads } from './workloads.js'

const HELP = `usage: npm run bench -- [--only TEXT] [--rounds N] [--quick] [--directory DIR] [--beside NAME] [--list]

Measures fsys beside its peers, checks the goals, and writes docs/benchmarks.md with its charts and the figures
of every round in bench/results/. A part of it (--only) or a look at it (--quick) writes neither.

  --only TEXT,...  only the workloads whose id begins with one of these
  --rounds N       measured rounds a workload, at least 3 (default 5)
  --quick          tiny sizes and 3 rounds: does it run? Its figures mean nothing, and no goal is judged
  --directory DIR  where to measure (default: the system's directory for temporary files)
  --beside NAME    keeps the figures of such a part, measured elsewhere, in bench/results/beside/NAME.json: the page tells
                   of all that are there, beside its own
  --render FILE    measure nothing: write the page and its charts again from a file of bench/results, with what
                   bench/reasons.ts says now
  --list           say which workloads and contestants there are, and stop

Exit status: 0 if every goal is met, 1 if one is missed.`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    beside: { type: 'string' },
    directory: { type: 'string', default: tmpdir() },
    render: { type: 'string' },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const besideFolder = join(projectFolder, 'bench', 'results', 'beside')

async function main(): Promise<void> {
  if (options.help) return console.log(HELP)
  if (options.render !== undefined) {
    publish(JSON.parse(readFileSync(options.render, 'utf8')) as Results, basename(options.render, '.json'))
    return
  }
  const wanted = options.only.split(',')
  const chosen = workloads(options.quick ? 'quick' : 'full').filter(({ id }) =>
    wanted.some((text) => id.startsWith(text)),
  )
  if (chosen.length === 0) throw new Error(`no workload begins with ${JSON.stringify(options.only)}; see --list`)
  if (options.list) return console.log(chosen.map(describe).join('\n'))

  const results = await measure(chosen)
  console.log(`\n${renderLeftOut(results.workloads).join('\n')}`)
  if (options.quick) return
  if (options.beside !== undefined) {
    mkdirSync(besideFolder, { recursive: true })
    writeFileSync(join(besideFolder, `${options.beside}.json`), stringify(results))
  }
  if (options.only !== '') return tell(verdictsOn(results))
  const name = `${results.begun.slice(0, 16).replaceAll(':', '')}Z`
  const folder = join(projectFolder, 'bench', 'results')
  mkdirSync(folder, { recursive: true })
  // What is published is what is kept: read back, with as many digits.
  writeFileSync(join(folder, `${name}.json`), stringify(results))
  publish(JSON.parse(stringify(results)) as Results, name)
}

function describe({ id, title, entrants }: Workload): string {
  return [`${id}: ${title}`, ...entrants.map((entrant) => `  ${entrant.id}: ${entrant.label}`)].join('\n')
}

/** Writes the page and its charts. */
function publish(results: Results, name: string): void {
  const verdicts = verdictsOn(results)
  const charts = writeCharts(results.workloads, join(projectFolder, 'docs', 'charts'))
  writeFileSync(join(projectFolder, 'docs', 'benchmarks.md'), renderPage(results, verdicts, charts, name, beside()))
  tell(verdicts)
  console.log(`\nwritten: docs/benchmarks.md and docs/charts, from bench/results/${name}.json`)
}

/** What was measured elsewhere. */
function beside(): Beside[] {
  if (!existsSync(besideFolder)) return []
  return readdirSync(besideFolder)
    .toSorted()
    .map((file) => {
      const results = JSON.parse(readFileSync(join(besideFolder, file), 'utf8')) as Results
      return { name: basename(file, '.json'), results, verdicts: verdictsOn(results) }
    })
}

function tell(verdicts: readonly Verdict[]): void {
  console.log(`\n${renderVerdicts(verdicts).join('\n')}`)
  if (missed(verdicts).length > 0) process.exitCode = 1
}

/** The goals name node:sqlite; where Node.js has none, better-sqlite3 stands in for it. */
function verdictsOn({ workloads: found }: Results): Verdict[] {
  const isThere = found.some(({ rows }) => rows.some(({ id }) => id === 'node-sqlite/commit'))
  return judge(goals(isThere ? 'node-sqlite/commit' : 'better-sqlite3/commit'), found)
}

async function measure(chosen: readonly Workload[]): Promise<Results> {
  const rounds = Math.max(3, Number(options.rounds ?? (options.quick ? 3 : 5)))
  const scratch = new Scratch(options.directory)
  process.once('exit', () => scratch.remove())
  process.once('SIGINT', () => process.exit(130))
  const begun = new Date().toISOString()
  const machine = describeMachine(scratch.directory)
  console.log(`${machine.join('\n')}\n`)
  installPeers(console.log)
  const contest = new Contest(new Programs(console.log), scratch, progress)
  const found: WorkloadResult[] = []
  for (const workload of chosen) {
    const result = await contest.hold(workload, rounds, true)
    progress('')
    console.log(`\n${renderWorkload(result).join('\n')}`)
    found.push(result)
  }
  const commit = commitOfSource()
  return {
    begun,
    ...(commit === undefined ? {} : { commit }),
    machine,
    rounds,
    workloads: found,
  }
}

/** On a terminal, one line that says what runs. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`)
}

function commitOfSource(): string | undefined {
  try {
    const asked = ['describe', '--always', '--dirty']
    return execFileSync('git', asked, { cwd: projectFolder, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return undefined
  }
}

await main()
