import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { suite, test } from 'node:test'

import { temporaryDirectory } from '../support/temporary.js'
import { interrupt, run } from './shell.js'

// The commands that documents show. Those of the README and of the examples are run, those of docs/ too (examples.test.ts).
// What installs, tests or measures this very project is not: of these, and of all that stands between the lines, it is checked
// that each script, file, test and option is there.

interface Package {
  readonly name: string
  readonly scripts: Readonly<Record<string, string>>
}

const { name: packageName, scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as Package

const directory = temporaryDirectory()

/** The blocks of commands in a document. */
function blocksOf(document: string): string[] {
  return Array.from(readFileSync(document, 'utf8').matchAll(/^```sh\n([\s\S]*?)^```$/gmu), ([, code = '']) => code)
}

const examples = ['queue', 'audit-log', 'key-value-store'].map((name) => join('examples', name, 'README.md'))

/** By document: how many of its blocks are run, and how many are only checked. */
const EXPECTED: Readonly<Record<string, { readonly run: number; readonly checked: number }>> = {
  'README.md': { run: 1, checked: 1 },
  'CONTRIBUTING.md': { run: 0, checked: 2 },
  'examples/queue/README.md': { run: 1, checked: 0 },
  'examples/audit-log/README.md': { run: 2, checked: 0 },
  'examples/key-value-store/README.md': { run: 1, checked: 0 },
  'test/compat/README.md': { run: 0, checked: 1 },
}

const documents = ['.', 'docs', 'examples', ...examples.map((path) => dirname(path)), 'test/compat'].flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
)

test('each block of commands in a document is run, or is known not to be', (context) => {
  const found = documents
    .filter((document) => dirname(document) !== 'docs')
    .map((document) => [document, blocksOf(document).length] as const)
    .filter(([, count]) => count > 0)
  const expected = Object.entries(EXPECTED).map(
    ([document, { run: ran, checked }]) => [document, ran + checked] as const,
  )
  assert.deepEqual(Object.fromEntries(found), Object.fromEntries(expected))
  for (const [document, { checked }] of Object.entries(EXPECTED)) {
    const first = blocksOf(document)
      .slice(0, checked)
      .map((block) => block.split(/ *(?:#|\n)/u, 1)[0])
    if (checked > 0) context.diagnostic(`${document}: checked, and not run: what begins with ${first.join('; ')}`)
  }
})

suite('README.md', () => {
  const [install = '', commands = ''] = blocksOf('README.md')

  test('what it says to install is this package', () => {
    assert.equal(install, `npm install ${packageName}\n`)
  })

  test('its commands run, and say what its comments say', async () => {
    const folder = mkdtempSync(join(directory, 'readme-'))
    const said: readonly RegExp[] = [
      /^14893\n$/u,
      /^1\n2\n3\n$/u,
      /^991\n(?:\d+\n)*1000\n$/u,
      /records +1000\n/u,
      /numbers\.wal: clean\n/u,
      /nothing would be cut off\n/u,
      /sync/u,
    ]
    const lines = commands.trim().split('\n')
    assert.equal(lines.length, said.length)
    for (const [index, line] of lines.entries()) {
      if (line.includes('tail -f')) {
        assert.match(await interrupt(folder, line, '1000'), said[index] as RegExp)
        continue
      }
      const { status, stdout, stderr } = run(folder, ['sh', '-euc', line])
      assert.equal(status, 0, `${line}: ${stderr}`)
      assert.match(stdout, said[index] as RegExp, line)
    }
  })
})

suite('the examples, as their pages say to start them', () => {
  /** By block: a line of what it prints. */
  const said: Readonly<Record<string, readonly RegExp[]>> = {
    'examples/queue/README.md': [/^0 jobs are left$/mu],
    'examples/audit-log/README.md': [/^2 [0-9a-f]{64}$/mu, /^3 entries, all as they were recorded$/mu],
    'examples/key-value-store/README.md': [/^set counter-\d 1\d\d$/mu],
  }
  for (const document of examples) {
    test(document, () => {
      const folder = checkout()
      const more = { TMPDIR: join(folder, 'tmp') }
      const expected = said[document] ?? []
      const blocks = blocksOf(document)
      assert.equal(blocks.length, expected.length)
      for (const [index, block] of blocks.entries()) {
        const { status, stdout, stderr } = run(folder, ['sh', '-euc', block], { input: 'a line\nanother one\n', more })
        assert.equal(status, 0, stderr)
        assert.match(stdout, expected[index] as RegExp)
      }
    })
  }

  test('each command of package.json that starts one is among them', () => {
    const started = examples.flatMap((document) =>
      blocksOf(document).flatMap((block) => Array.from(block.matchAll(/npm run (example:\S+)/gu), ([, name]) => name)),
    )
    const all = Object.keys(scripts).filter((name) => name.startsWith('example:'))
    assert.deepEqual(new Set(started), new Set(all))
  })
})

/** What the examples take of a checkout, in a folder of its own, so that nothing of theirs is left in this one. */
function checkout(): string {
  const folder = mkdtempSync(join(directory, 'checkout-'))
  for (const name of ['package.json', 'examples']) cpSync(name, join(folder, name), { recursive: true })
  for (const name of ['dist', 'node_modules']) symlinkSync(resolve(name), join(folder, name))
  mkdirSync(join(folder, 'tmp'))
  return folder
}

/** Where somebody may have copied a command from; what CI does among them. */
const everywhere = [...documents, '.ci/run'].map((path) => ({ path, text: readFileSync(path, 'utf8') }))

/** All that a pattern finds there, with the place. */
function findAll(pattern: RegExp): { readonly path: string; readonly words: readonly string[] }[] {
  return everywhere.flatMap(({ path, text }) =>
    Array.from(text.matchAll(pattern), ([, ...words]) => ({ path, words: words.map((word) => word ?? '') })),
  )
}

/** The program that a script of package.json runs. */
function programOf(script: string): string | undefined {
  return /^node (\S+)$/u.exec(scripts[script] ?? '')?.[1]
}

suite('what is shown and not run', () => {
  test('each npm script that is named anywhere is in package.json, and its program is there', () => {
    assert.ok(existsSync('package-lock.json'), 'npm ci needs it')
    const found = findAll(/\bnpm (?:run (?<script>[\w:-]+)|(?<short>test|start))\b/gu)
    assert.ok(found.length > 50)
    for (const { path, words } of found) {
      const name = words[0] || words[1] || ''
      assert.ok(scripts[name] !== undefined, `${path} names npm run ${name}`)
    }
    for (const name of Object.keys(scripts)) {
      const program = programOf(name)
      assert.ok(program === undefined || existsSync(program), `npm run ${name}: ${program}`)
    }
  })

  test('each file that node is to run is there, and each text that tests are chosen by chooses some', () => {
    for (const { path, words } of findAll(/\bnode ((?:examples|scripts|build|bench)\/\S+\.js)/gu)) {
      assert.ok(existsSync(words[0] as string), `${path}: node ${words[0]}`)
    }
    const tests = readdirSync('build/test', { recursive: true })
      .map((name) => join('build/test', String(name)))
      .filter((name) => name.endsWith('.test.js'))
    const found = findAll(/\bnode scripts\/test\.js((?: [\w/-]+)*)/gu)
    assert.ok(found.length > 3)
    for (const { path, words } of found) {
      for (const text of (words[0] ?? '').split(' ').filter((word) => word !== '')) {
        assert.ok(
          tests.some((name) => name.includes(text)),
          `${path}: no test's path holds ${text}`,
        )
      }
    }
  })

  test('each option of these is told of by --help, which the longer tiers of CONTRIBUTING.md all have', () => {
    const [, tiers = ''] = blocksOf('CONTRIBUTING.md')
    const wanted = new Map<string, Set<string>>()
    for (const [, name = ''] of tiers.matchAll(/^npm run (\S+)/gmu)) wanted.set(name, new Set())
    assert.ok(wanted.size > 8)
    for (const { words } of findAll(/\bnpm run ([\w:-]+) -- ([^`\n#]*)/gu)) {
      const options = wanted.get(words[0] as string) ?? new Set()
      for (const [option] of (words[1] ?? '').matchAll(/--[a-z-]+/gu)) options.add(option)
      wanted.set(words[0] as string, options)
    }
    for (const [name, options] of wanted) {
      const program = programOf(name)
      assert.ok(program !== undefined, `npm run ${name}`)
      const { status, stdout } = run('.', [process.execPath, program, '--help'])
      assert.equal(status, 0, name)
      assert.ok(stdout.startsWith(`usage: npm run ${name}`), `npm run ${name} -- --help says ${stdout}`)
      for (const option of options) assert.ok(stdout.includes(option), `npm run ${name} has no ${option}`)
    }
  })

  test('each variable of the environment that is to be set is asked for somewhere', () => {
    const sources = ['src', 'test', 'scripts', 'demo', 'bench']
      .flatMap((folder) => readdirSync(folder, { recursive: true }).map((name) => join(folder, String(name))))
      .filter((path) => /\.[jt]s$/u.test(path) && !path.includes('node_modules'))
    const asked = new Set(sources.flatMap((path) => readFileSync(path, 'utf8').match(/\bFSYS_[A-Z_]+/gu) ?? []))
    for (const { path, words } of findAll(/\b(FSYS_[A-Z_]+)=/gu)) {
      assert.ok(asked.has(words[0] as string), `${path} sets ${words[0]}`)
    }
  })

  test('each file that test/compat/README.md names in its commands is there', () => {
    const [commands = ''] = blocksOf('test/compat/README.md')
    const files = commands.match(/(?<=^|\s)[\w.-]*[/][\w./-]+/gu) ?? []
    const shipped = files.filter((file) => !file.includes('/target'))
    assert.equal(shipped.length, 4)
    for (const file of shipped) assert.ok(existsSync(join('test/compat', file)), file)
  })
})
