import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

import { temporaryDirectory } from '../support/temporary.js'

// What a page shows must run. Each JavaScript block of the README runs as a program of its own, in an empty folder.

const library = resolve('dist/index.js')
const directory = temporaryDirectory()

const blocks = [...readFileSync('README.md', 'utf8').matchAll(/^```js\n([\s\S]*?)^```$/gmu)].map(
  ([, code]) => code ?? '',
)

for (const [index, code] of blocks.entries()) {
  test(`README.md, example ${index + 1} runs, and prints what its comments say`, () => {
    const folder = mkdtempSync(join(directory, 'example-'))
    writeFileSync(join(folder, 'example.mjs'), code.replaceAll("'fsys'", JSON.stringify(library)))
    const { status, stdout, stderr } = spawnSync(process.execPath, ['example.mjs'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 30_000,
    })
    assert.equal(status, 0, stderr)
    const printed = EXPECTED[index]
    if (printed !== undefined) assert.equal(stdout, printed)
  })
}

const EXPECTED: readonly (string | undefined)[] = [
  '0 paid: order 1\n25 paid: order 2\n',
  'true\ntrue 0\n',
  '0 13 a\n13 26 b\n26 39 c\nclean-end 39\n26\n1\nb\n',
]

test('README.md has as many examples as are expected here', () => {
  assert.equal(blocks.length, EXPECTED.length)
})
