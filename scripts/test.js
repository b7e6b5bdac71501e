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
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', '--test-concurrency=2', ...files], {
  stdio: 'inherit',
})
process.exit(status ?? 1)
