// Runs the compiled tests: all of them, or those whose paths hold one of the texts given.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

const wanted = process.argv.slice(2)
const files = readdirSync('build/test', { recursive: true })
  .map((name) => `build/test/${name.replaceAll('\\', '/')}`)
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => wanted.length === 0 || wanted.some((text) => name.includes(text)))
  .toSorted()
if (files.length === 0) {
  console.error(`no test file of build/test matches ${wanted.join(', ')}`)
  process.exit(1)
}

// What uses all cores by itself runs alone.
const isSwarm = (name) => /(?:sim\/schedules|fuzz\/fuzz)\.test\.js$/u.test(name)
for (const [group, concurrency] of [
  [files.filter(isSwarm), 1],
  [files.filter((name) => !isSwarm(name)), 2],
]) {
  if (group.length === 0) continue
  const options = ['--test', '--test-reporter=spec', `--test-concurrency=${concurrency}`]
  const { status } = spawnSync(process.execPath, [...options, ...group], { stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}
