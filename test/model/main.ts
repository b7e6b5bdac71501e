// npm run model: goes through all states of the model of group commit, and of its mistakes.
import { MISTAKES } from './mistakes.js'
import { type ModelCheck, type ModelResult, type ModelSize, checkModel, hasSpin } from './spin.js'

const HELP = `usage: npm run model

Goes through all states of the model of group commit, and of each of its mistakes. It takes spin and gcc.`

const CHECKS: readonly [ModelCheck['property'], ModelSize][] = [
  ['safety', { committers: 2, lsnMax: 3, faults: 2 }],
  ['safety', { committers: 3, lsnMax: 2, faults: 1 }],
  ['everybodyIsAnswered', { committers: 2, lsnMax: 3, faults: 1 }],
  ['callsEnd', { committers: 2, lsnMax: 3, faults: 1 }],
]
const MISTAKE_SIZE: ModelSize = { committers: 2, lsnMax: 3, faults: 1 }

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(`${HELP}\n`)
    return
  }
  if (!(await hasSpin())) {
    process.stderr.write('spin and gcc are needed (Debian: apt-get install spin gcc libc6-dev)\n')
    process.exitCode = 1
    return
  }
  say('property or mistake', 'size', 'violates', 'states', 'transitions', 'depth', 'MB', 's', '')
  say('---', '---', '---', '---:', '---:', '---:', '---:', '---:', '---')
  for (const [property, size] of CHECKS) {
    // oxlint-disable-next-line no-await-in-loop
    const result = await checkModel({ property }, size, 2)
    report(property, size, result, result.violated === undefined && result.isComplete)
  }
  for (const { mistake, what, property, violates } of MISTAKES) {
    // oxlint-disable-next-line no-await-in-loop
    const result = await checkModel({ mistake, property }, MISTAKE_SIZE)
    report(what, MISTAKE_SIZE, result, result.violated === violates)
  }
}

function report(name: string, size: ModelSize, result: ModelResult, isRight: boolean): void {
  const { committers, lsnMax, faults } = size
  const { violated = 'nothing', states, transitions, depth, memoryMb, elapsedMs } = result
  const words = `${committers} committers, ${lsnMax} records, ${faults} faults`
  const figures = [states, transitions, depth, memoryMb].map((figure) => Math.round(figure).toLocaleString('en-US'))
  say(name, words, violated, ...figures, (elapsedMs / 1000).toFixed(1), isRight ? 'as it must be' : 'WRONG')
  if (!isRight) process.exitCode = 1
}

function say(...cells: string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`)
}

await main()
