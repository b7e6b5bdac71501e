// Runs the compiled tests: all of them, or those whose paths hold one of the texts given. Those of journals on real disks
// run once for each engine that is here, with FSYS_ENGINE set; what they open journals with asserts that they got it. The
// others run once, with the engine that is chosen by itself. With FSYS_ENGINE set, those run with that engine alone.
// At the end stands how long each part took, and once more what failed in any of them.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { chooseEngine } from '../dist/platform/engine.js'

const isForEachEngine = (name) => /^(?:journal|crash|compat)\//u.test(name) && !reasonForOnce(name)

/** Of these folders, what runs once, and why. */
const ONCE = {
  'journal/base-offset': 'it is about the simulated disk',
  'journal/lock.test':
    'locks are files, which all engines write with the same calls; see journal/contention, crash/sudden-ends',
  'journal/file-lock': 'each of its tests has an engine of its own',
  'journal/preallocate': 'each of its tests has an engine of its own',
  'journal/registered': 'each of its tests has an engine of its own',
  'journal/stats': 'each of its tests has an engine of its own',
  'journal/tracing': 'each of its tests has an engine of its own',
  'crash/handle-': 'handles choose for themselves; where the addon makes a difference, the tests say so',
  'crash/power-cuts': 'each life has an engine of its own',
  'crash/recorder/': 'each recording has an engine of its own',
  'crash/ring-faults': 'it is about io_uring',
  'crash/real-reads': 'all engines read with the same calls',
}
const reasonForOnce = (name) => Object.entries(ONCE).find(([prefix]) => name.startsWith(prefix))?.[1]

// What uses all cores by itself runs alone.
const isSwarm = (name) => /^(?:sim\/schedules|fuzz\/fuzz)\.test\.js$/u.test(name)

const wanted = process.argv.slice(2)
const names = readdirSync('build/test', { recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => wanted.length === 0 || wanted.some((text) => `build/test/${name}`.includes(text)))
  .toSorted()
if (names.length === 0) {
  console.error(`no test file of build/test matches ${wanted.join(', ')}`)
  process.exit(1)
}

// More than the cores that CI has: some wait for disks, and for processes of their own.
const AT_A_TIME = 3

/** For each part: what it is called, how long it took, and what failed in it. */
const parts = []

run('what uses all cores', names.filter(isSwarm), 1)
run(
  'what runs once',
  names.filter((name) => !isSwarm(name) && !isForEachEngine(name)),
  AT_A_TIME,
)
const forEachEngine = names.filter(isForEachEngine)
if (forEachEngine.length > 0) {
  const forced = process.env.FSYS_ENGINE
  for (const engine of forced ? [forced] : ['portable', 'pool', 'uring']) runWith(engine, forEachEngine)
}

report()

function runWith(engine, files) {
  const reason = whyNot(engine)
  console.log(`\nWith FSYS_ENGINE=${engine}: ${reason ?? `${files.length} files of tests`}`)
  if (reason === undefined) run(`FSYS_ENGINE=${engine}`, files, AT_A_TIME, { FSYS_ENGINE: engine })
  else if (process.env.FSYS_ENGINE || process.env.FSYS_TESTS_MUST_RUN === '1') process.exitCode = 1
}

function whyNot(engine) {
  try {
    chooseEngine(engine, engine)
    return undefined
  } catch (error) {
    return `skipped. ${error.message}`
  }
}

function run(part, files, concurrency, environment = {}) {
  if (files.length === 0) return
  const directory = mkdtempSync(join(tmpdir(), 'fsys-failures-'))
  const destination = join(directory, 'failures')
  const options = [
    '--test',
    `--test-concurrency=${concurrency}`,
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    '--test-reporter=./scripts/failures-reporter.js',
    `--test-reporter-destination=${destination}`,
  ]
  const begin = performance.now()
  const { status } = spawnSync(process.execPath, [...options, ...files.map((name) => `build/test/${name}`)], {
    stdio: 'inherit',
    env: { ...process.env, FSYS_ENGINE: undefined, ...environment },
  })
  if (status !== 0) process.exitCode = 1
  const seconds = (performance.now() - begin) / 1000
  parts.push({ part, seconds, failures: readFileSync(destination, 'utf8') })
  rmSync(directory, { recursive: true })
}

function report() {
  console.log()
  for (const { part, seconds } of parts) console.log(`${seconds.toFixed(1).padStart(6)} s  ${part}`)
  for (const { part, failures } of parts) if (failures !== '') console.log(`\nFailed, ${part}:\n${failures}`)
}
