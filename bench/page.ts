import type { Chart } from './charts/write-charts.js'
import { goalKey } from './goals.js'
import { reasons } from './reasons.js'
import { describeVerdict, figure, renderLeftOut, renderRows, renderVerdicts } from './report.js'
import type { Results, WorkloadResult } from './results.js'
import { type Miss, type Verdict, missed } from './verdicts.js'

/** Parts of the bench that were run in another place, on another file system for instance. */
export interface Beside {
  /** Of its file in `bench/results/beside`. */
  readonly name: string
  readonly results: Results
  readonly verdicts: readonly Verdict[]
}

/** The page of one run. `name` is that of its file in `bench/results`. */
export function renderPage(
  results: Results,
  verdicts: readonly Verdict[],
  charts: ReadonlyMap<string, Chart>,
  name: string,
  beside: readonly Beside[],
): string {
  const { machine, rounds, begun, commit, workloads } = results
  const served = new Set(workloads.flatMap(({ rows }) => rows.flatMap((row) => row.served ?? [])))
  const leftOut = renderLeftOut(workloads)
  const lines = [
    '# Benchmarks',
    '',
    '<!-- Written by `npm run bench`, which measures, draws the charts and writes this page. Edit bench/ instead. -->',
    '',
    `One run of \`npm run bench\`, begun ${begun.slice(0, 16).replace('T', ' ')} UTC${commit === undefined ? '' : `, commit ${commit}`}. Your figures will differ, the ratios less so.`,
    '',
    ...machine.map((line) => `- ${line}`),
    ...[...served].map((line) => `- fsys served by: ${line}`),
    ...leftOut,
    '',
    ...summary(verdicts),
    '',
    ...(beside.length === 0 ? [] : elsewhere(beside)),
    ...method(rounds, name),
    '',
    ...workloads.flatMap((result) => section(result, verdicts, charts.get(result.id))),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}

function summary(verdicts: readonly Verdict[]): string[] {
  const failures = missed(verdicts)
  const judged = verdicts.filter((verdict) => 'found' in verdict)
  const lines = [
    '## Goals',
    '',
    `${judged.length - failures.length} of ${judged.length} goals are met; each is a ratio within this run, and stands with its workload below.`,
  ]
  if (failures.length === 0) return lines
  return [
    `${lines.join('\n')} These are missed:`,
    '',
    ...failures.map((failure) => {
      const reason = reasons[goalKey(failure.goal)] ?? 'Why is not known yet.'
      return `- **${failure.goal.workload}**, ${describeVerdict(failure)}: ${byHowMuch(failure)}. ${reason}`
    }),
  ]
}

function elsewhere(beside: readonly Beside[]): string[] {
  const lines = ['## Elsewhere', '', 'Parts of it, run in other places: what a sync costs differs most.', '']
  for (const { name, results, verdicts } of beside) {
    const judged = verdicts.filter((verdict) => 'found' in verdict)
    lines.push(
      `### ${name}`,
      '',
      `${results.rounds} rounds of ${results.workloads.map(({ id }) => id).join(' and ')}, begun ${results.begun.slice(0, 16).replace('T', ' ')} UTC. ${judged.length - missed(verdicts).length} of ${judged.length} goals are met.`,
      '',
      ...results.machine.map((line) => `- ${line}`),
      '',
      ...details('The goals', renderVerdicts(verdicts)),
      '',
    )
    for (const result of results.workloads) {
      lines.push(...details(`${result.id}: ${result.title}; ${result.metric.unit}`, renderRows(result)), '')
    }
  }
  return lines
}

function byHowMuch({ goal, found }: Miss): string {
  const excess = goal.relation === '>=' ? goal.value / found : found / goal.value
  if (excess >= 2) return `missed by a factor of ${figure(excess)}`
  return excess < 1.01 ? 'missed by less than 1 %' : `missed by ${((excess - 1) * 100).toFixed(0)} %`
}

function method(rounds: number, name: string): string[] {
  return [
    '## How it is measured',
    '',
    `- Every contestant is a program of its own, started anew for each of ${rounds} rounds; in a round each runs once, every second round in reverse order. A figure is the median of the rounds, with the least and the most. A ratio is the median of the ratios within each round, so that a noisy neighbour, who hits both sides, does not move it. Before each run that writes, everything that others left in the page cache is synced; and ext4 is asked to give it a part of the disk of its own (\`chattr +T\`), because without a journal it passes over inodes that were deleted in the last minutes, one by one, so that who makes files would pay for those of the programs before it.`,
    '- CPU time is user and system time of all threads of the process, a record; work that the kernel does elsewhere is not in it. Memory is the most that was resident in its life. Loop delay is `monitorEventLoopDelay(1)`, whose resolution of 1 ms is in the figure. Each run warms up first, on the same kind of work: a program for Node.js, whose code is compiled while it runs, as long as it is then measured, the others a third of that.',
    '- **What is durable was counted**, not believed: each contestant that writes ran once more under `strace`, which counted its syncs and the writes that are their own (`RWF_DSYNC`, `O_DSYNC`); for io_uring, whose requests strace does not see, the submissions and the flushes that the device completed. One sync can confirm at most one record of each committer: who made fewer is shown, and not compared.',
    '- fsys and the Rust crate write a checksum for each record, and so do the Go logs; the hand-written loops ("unchecked") write none, and are what to expect of the disk and of Node.js rather than something to use: [bench/node/contestants](../bench/node/contestants). Peers run as their documents say for durability, in the best form found for them; what is durable by default is another question.',
    '- The C loops are the limit: [bench/c](../bench/c). Where a file is "allocated and overwritten" it was written with zeros and synced first. fsys begins with an empty file and does that itself as it goes (its zeros are in the figure).',
    `- The figures of every round: [bench/results/${name}.json](../bench/results/${name}.json).`,
  ]
}

function section(result: WorkloadResult, verdicts: readonly Verdict[], chart: Chart | undefined): string[] {
  const { id, title, about, metric } = result
  const its = verdicts.filter(({ goal }) => goal.workload === id)
  return [
    `## ${id}: ${title}`,
    '',
    `${about} In ${metric.unit}; ${metric.better} is better.`,
    '',
    ...(chart === undefined ? [] : [...picture(chart), '']),
    ...details('The table', renderRows(result)),
    '',
    ...(its.length === 0 ? [] : [...renderVerdicts(its), '']),
  ]
}

/** GitHub and others show the one that fits the reader's theme. */
function picture({ name, alternative }: Chart): string[] {
  return [
    '<picture>',
    `  <source media="(prefers-color-scheme: dark)" srcset="charts/${name}-dark.svg">`,
    `  <img alt="${alternative}" src="charts/${name}-light.svg">`,
    '</picture>',
  ]
}

function details(summaryText: string, lines: readonly string[]): string[] {
  return ['<details>', `<summary>${summaryText}</summary>`, '', ...lines, '', '</details>']
}
