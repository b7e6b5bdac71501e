import { readFileSync } from 'node:fs'

import type { ContestResult } from './measure.js'
import { renderResults } from './report.js'

/** The page of results, with the source of what the journal is compared with. */
export function renderPage(machine: readonly string[], results: readonly ContestResult[]): string {
  const source = readFileSync(new URL('../../bench/plain-node.ts', import.meta.url), 'utf8')
  return `# Benchmarks

Written by \`npm run bench -- --page docs/benchmarks.md\`. These are figures of one run on one machine; yours will differ, the
ratios less so. The command fails if a floor is missed.

${machine.map((line) => `- ${line}`).join('\n')}

Rounds are interleaved: each contender runs once a round. A ratio is the median of the ratios within each round.

${renderResults(results)}

## What it is compared with

The plain-Node contenders, in full (\`bench/plain-node.ts\`):

\`\`\`ts
${source.trimEnd()}
\`\`\`
`
}
