import { describeCrash, describeRecovery } from './crash.js'
import { formatBytes, formatCount, formatMs } from './format.js'
import type { TrialResult } from './trial.js'

/** What a trial has shown, for a person. */
export function summarize({ ledger, crashes, recoveries, runs, checks, committingMs, final }: TrialResult): string {
  const { acknowledgements, latency, syncs } = ledger
  const { count } = acknowledgements
  const seconds = committingMs / 1e3
  const [p50, p99, max] = [latency.percentile(50), latency.percentile(99), latency.max].map((ns) => formatMs(ns / 1e6))
  const recoveryKills = crashes.filter(({ target }) => target === 'recovery').length
  const rows: [name: string, ...lines: string[]][] = [
    ['records', `${formatCount(final.records)}: each line of the input once, in order, byte for byte`],
    [
      'bytes',
      `${formatBytes(final.textBytes)} of text in ${formatBytes(final.fileBytes)} of journal; ${formatBytes(final.textBytes / seconds)} of text a second`,
    ],
    ['commits', `${formatCount(count)} acknowledged, each durable by then; ${formatCount(count / seconds)} a second`],
    [
      'syncs',
      `${formatCount(syncs)}, ${formatCount(syncs / seconds)} a second, for ${(count / syncs).toFixed(1)} commits each`,
    ],
    ['latency', `p50 ${p50}, p99 ${p99}, max ${max}, from the call of commit to its answer`],
    [
      'kills',
      `${crashes.length - recoveryKills} in mid-commit and ${recoveryKills} during recovery; ${runs} runs of the job`,
    ],
    ['left behind', ...crashes.map((crash) => `${WHEN[crash.target]}: ${describeCrash(crash)}`)],
    ['recovery', ...recoveries.map(describeRecovery)],
    [
      'checks',
      `${checks} of the whole journal, by a decoder of the demo's own and by the library's reader: no difference`,
    ],
  ]
  return rows
    .map(([name, ...lines]) => `${name.padEnd(NAME_COLUMNS)}${lines.join(`\n${' '.repeat(NAME_COLUMNS)}`)}`)
    .join('\n')
}

const NAME_COLUMNS = 13
const WHEN = { commit: 'in mid-commit', write: 'at a long write', recovery: 'during recovery' }
