import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

import { temporaryDirectory } from '../support/temporary.js'
import { run } from './shell.js'

// What a page shows must run. Each JavaScript block of the README runs as a program of its own, in an empty folder. The
// blocks of other pages, JavaScript and shell, begin with the name of their file; those of a page run one after the other,
// in one folder. For the commands of the other documents, see commands.test.ts.

const directory = temporaryDirectory()

/** Runs a program as if the library were installed, and returns what it prints. */
function runFile(folder: string, file: string, code: string): string {
  const installed = code.replaceAll(/'fsys(\/testing)?'/g, (_, entry) =>
    JSON.stringify(resolve(entry === undefined ? 'dist/index.js' : 'dist/testing.js')),
  )
  const isShell = file.endsWith('.sh')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, file), isShell ? code : installed)
  const { status, stdout, stderr } = run(folder, isShell ? ['sh', '-eu', file] : [process.execPath, file])
  assert.equal(status, 0, stderr)
  return stdout
}

const readme = [...readFileSync('README.md', 'utf8').matchAll(/^```js\n([\s\S]*?)^```$/gmu)].map(
  ([, code]) => code ?? '',
)

for (const [index, code] of readme.entries()) {
  test(`README.md, example ${index + 1} runs, and prints what its comments say`, () => {
    const printed = runFile(mkdtempSync(join(directory, 'example-')), 'example.js', code)
    const expected = EXPECTED[index]
    if (expected !== undefined) assert.equal(printed, expected)
  })
}

const EXPECTED: readonly (string | undefined)[] = [
  '0 paid: order 1\n25 paid: order 2\n',
  'true\ntrue 0\n',
  '0 13 a\n13 26 b\n26 39 c\nclean-end 39\n26\n1\nb\n',
  '{ "port": 80 }\n',
]

test('README.md has as many examples as are expected here', () => {
  assert.equal(readme.length, EXPECTED.length)
})

/** A block that names its file, and the block of text after it, if there is one: what it prints. */
const NAMED_BLOCK = /^```(?:js|sh)\n((?:\/\/|#) ([\w.-]+)\n[\s\S]*?)^```\n([^`]*)(?:^```text\n([\s\S]*?)^```$)?/gmu

const pages = readdirSync('docs').filter((name) => name.endsWith('.md'))

for (const page of pages.map((name) => join('docs', name))) {
  test(`${page}: its programs run, and print what it says; FSYS_DOCS=write has it say what they print`, () => {
    const folder = mkdtempSync(join(directory, 'page-'))
    // For the packages that a page brings together with this one.
    symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
    let text = readFileSync(page, 'utf8')
    const blocks = [...text.matchAll(NAMED_BLOCK)]
    for (const [block, code = '', file = '', , output] of blocks) {
      const printed = runFile(folder, file, code)
      if (process.env['FSYS_DOCS'] === 'write' && output !== undefined)
        text = text.replace(block, () => block.replace(/(?<=^```text\n)[\s\S]*(?=^```$)/mu, () => printed))
      else assert.equal(printed, output ?? '', file)
    }
    if (process.env['FSYS_DOCS'] === 'write') writeFileSync(page, text)
    assert.equal(blocks.length, text.match(/^```(?:js|ts|sh)$/gmu)?.length ?? 0, 'every program names its file')
  })
}
