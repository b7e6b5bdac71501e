import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { writeCharts } from './charts/write-charts.js'
import { Contest } from './contest.js'
import { goals } from './goals.js'
import { describeMachine } from './machine.js'
import { renderPage } from './page.js'
import { installPeers } from './peers.js'
import { Programs, projectFolder } from './programs.js'
import { renderLeftOut, renderVerdicts, renderWorkload } from './report.js'
import { type Results, type WorkloadResult, stringify } from './results.js'
import { Scratch } from './scratch.js'
import { judge, missed } from './verdicts.js'
import { workloads } from './workloads.js'

const HELP = `usage: npm run bench -- [--only TEXT] [--rounds N] [--quick] [--directory DIR] [--list]

Measures fsys beside its peers, checks the goals, and writes docs/benchmarks.md with its charts and the figures
of every round in bench/results/. A part of it (--only) or a look at it (--quick) writes neither.

  --only TEXT      only the workloads whose id begins with this text
  --rounds N       measured rounds a workload, at least 3 (default 5)
  --quick          tiny sizes and 3 rounds: does it run? Its figures mean nothing, and no goal is judged
  --directory DIR  where to measure (default: the system's directory for temporary files)
  --list           say which workloads and contestants there are, and stop

Exit status: 0 if every goal is met, 1 if one is missed.`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    directory: { type: 'string', default: tmpdir() },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

async function main(): Promise<void> {
  const chosen = workloads(options.quick ? 'quick' : 'full').filter(({ id }) => id.startsWith(options.only))
  if (options.help) return console.log(HELP)
  if (chosen.length === 0) throw new Error(`no workload begins with ${JSON.stringify(options.only)}; see --list`)
  if (options.list) {
    for (const { id, title, entrants } of chosen) {
      console.log(`${id}: ${title}\n${entrants.map((entrant) => `  ${entrant.id}: ${entrant.label}`).join('\n')}`)
    }
    return
  }
  const results = await measure(chosen)
  const verdicts = options.quick ? [] : judge(goals(sqliteOf(results.workloads)), results.workloads)
  console.log(`\n${[...renderLeftOut(results.workloads), ...renderVerdicts(verdicts)].join('\n')}`)
  if (!options.quick && options.only === '') {
    const name = `${results.begun.slice(0, 16).replaceAll(':', '')}Z`
    mkdirSync(join(projectFolder, 'bench', 'results'), { recursive: true })
    writeFileSync(join(projectFolder, 'bench', 'results', `${name}.json`), stringify(results))
    const charts = writeCharts(results.workloads, join(projectFolder, 'docs', 'charts'))
    writeFileSync(join(projectFolder, 'docs', 'benchmarks.md'), renderPage(results, verdicts, charts, name))
    console.log(`\nwritten: docs/benchmarks.md, bench/results/${name}.json`)
  }
  if (missed(verdicts).length > 0) process.exitCode = 1
}

async function measure(chosen: ReturnType<typeof workloads>): Promise<Results> {
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
    isQuick: options.quick,
    machine,
    rounds,
    workloads: found,
  }
}

/** On a terminal, one line that says what runs. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[K${text}`)
}

/** The goals name node:sqlite; where Node.js has none, better-sqlite3 stands in for it. */
function sqliteOf(found: readonly WorkloadResult[]): string {
  const isThere = found.some(({ rows }) => rows.some(({ id }) => id === 'node-sqlite/commit'))
  return isThere ? 'node-sqlite/commit' : 'better-sqlite3/commit'
}

function commitOfSource(): string | undefined {
  try {
    const describe = ['describe', '--always', '--dirty']
    return execFileSync('git', describe, { cwd: projectFolder, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return undefined
  }
}

await main()
