// Runs the compiled tests: all of them, or those whose paths hold one of the texts given. Those of journals on real disks
// run once for each engine that is here, with FSYS_ENGINE set; what they open journals with asserts that they got it. The
// others run once, with the engine that is chosen by itself. With FSYS_ENGINE set, those run with that engine alone.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

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
  'crash/batch-kills': 'each of its tests has an engine of its own',
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

run(names.filter(isSwarm), 1)
run(
  names.filter((name) => !isSwarm(name) && !isForEachEngine(name)),
  AT_A_TIME,
)
const forEachEngine = names.filter(isForEachEngine)
if (forEachEngine.length > 0) {
  const forced = process.env.FSYS_ENGINE
  for (const engine of forced ? [forced] : ['portable', 'pool', 'uring']) runWith(engine, forEachEngine)
}

function runWith(engine, files) {
  const reason = whyNot(engine)
  console.log(`\nWith FSYS_ENGINE=${engine}: ${reason ?? `${files.length} files of tests`}`)
  if (reason === undefined) run(files, AT_A_TIME, { FSYS_ENGINE: engine })
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

function run(files, concurrency, environment = {}) {
  if (files.length === 0) return
  const options = ['--test', '--test-reporter=spec', `--test-concurrency=${concurrency}`]
  const { status } = spawnSync(process.execPath, [...options, ...files.map((name) => `build/test/${name}`)], {
    stdio: 'inherit',
    env: { ...process.env, FSYS_ENGINE: undefined, ...environment },
  })
  if (status !== 0) process.exitCode = 1
}
