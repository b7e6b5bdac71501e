import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { fsys } from '../support/command.js'
import { frame } from '../support/frames.js'
import { temporaryDirectory } from '../support/temporary.js'

const COMMANDS = ['append', 'cat', 'tail', 'stat', 'verify', 'repair', 'reset', 'unlock', 'doctor']
/** Of a command on any path, - is one, and no path is the working directory. */
const TAKES_ANY_PATH = new Set(['doctor'])

test('help goes to stdout with status 0, in all its spellings', async () => {
  const spellings = [['--help'], ['-h'], ['help']]
  const [first, ...others] = await Promise.all(spellings.map((args) => fsys(...args)))
  assert.equal(first?.status, 0)
  assert.equal(first?.stderr, '')
  for (const name of COMMANDS) assert.match(first?.text ?? '', new RegExp(`^  ${name} `, 'mu'))
  for (const other of others) assert.deepEqual(other, first)
})

for (const name of COMMANDS) {
  test(`${name} --help says how to use it and what its exit statuses are`, async () => {
    const { status, text, stderr } = await fsys(name, '--help')
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.ok(text.startsWith(`Usage: fsys ${name} `))
    assert.match(text, /^ {2}-h, --help /mu)
    assert.match(text, /^Exit status:\n {2}0 {3}/mu)
    assert.match(text, /^ {2}64 {2}wrong usage/mu)
    // It fits on a terminal of the width that the sources have.
    for (const line of text.split('\n')) assert.ok(line.length <= 128, line)
    assert.equal((await fsys('help', name)).text, text)
  })

  test(`${name}: wrong usage goes to stderr with status 64`, async () => {
    const needsJournal = TAKES_ANY_PATH.has(name) ? [] : [[], ['-']]
    for (const args of [...needsJournal, ['--no-such-option', 'x.wal'], [''], ['x.wal', 'a', 'b']]) {
      const { status, text, stderr } = await fsys(name, ...args)
      assert.deepEqual({ status, text }, { status: 64, text: '' }, args.join(' '))
      assert.match(stderr, new RegExp(`^fsys ${name}: .+\\nTry 'fsys ${name} --help'\\.\\n$`, 'u'))
    }
  })
}

test('options that take numbers or words refuse others', async () => {
  const wrong = [
    ['cat', '--from', 'x', 'a.wal'],
    ['cat', '--from=-1', 'a.wal'],
    ['cat', '--limit', '1.5', 'a.wal'],
    ['cat', '--limit', '9007199254740993', 'a.wal'],
    ['cat', '--gaps', 'cut', 'a.wal'],
    ['cat', '--json', '--frames', 'a.wal'],
    ['tail', '--interval', '0', 'a.wal'],
    ['tail', '-n', 'ten', 'a.wal'],
    ['append', '--record-bytes-max', '268435456', 'a.wal'],
    ['doctor', '--seconds', 'x'],
    ['doctor', '--seconds', '-1'],
    ['doctor', '--seconds', '3601'],
    ['repair', 'a.wal'],
    ['repair', '--yes', '--dry-run', 'a.wal'],
    ['repair', '--yes', '--gaps', 'keep', 'a.wal'],
  ]
  for (const args of wrong) {
    const { status, stderr } = await fsys(...args)
    assert.equal(status, 64, `${args.join(' ')}: ${stderr}`)
  }
})

test('no command, an unknown one, and an unknown option are wrong usage', async () => {
  for (const args of [[], ['frobnicate'], ['--frobnicate'], ['help', 'frobnicate']]) {
    const { status, text, stderr } = await fsys(...args)
    assert.deepEqual({ status, text }, { status: 64, text: '' })
    assert.match(stderr, /^fsys: .+\nTry 'fsys --help'\.\n$/u)
  }
})

test('--version prints that of the package', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }
  for (const spelling of ['--version', '-V']) assert.equal((await fsys(spelling)).text, `${version}\n`)
})

test('no name that a command tells does anything to a terminal', async (context) => {
  // It clears the screen, in seven bits and in eight, and turns the direction of what follows.
  const path = join(temporaryDirectory(context), 'n\u001b[2J\u009b2J\u202e.wal')
  const quoted = String.raw`n\u001b[2J\u009b2J\u202e.wal`
  writeFileSync(path, Buffer.concat([frame('a'), Buffer.from('torn')]))
  const commands = [['verify'], ['repair', '--yes'], ['stat'], ['reset', '--yes'], ['unlock'], ['stat'], ['doctor']]
  for (const words of commands) {
    const { text, stderr } = await fsys(...words, path)
    assert.ok(text.includes(quoted), `${words.join(' ')}: ${text}${stderr}`)
    assert.doesNotMatch(`${text}${stderr}`, /[^\P{Cc}\n]|\p{Bidi_Control}/u, words.join(' '))
  }
  const { text, stderr } = await fsys('cat', `${path}.none`)
  assert.equal(text, '')
  assert.doesNotMatch(stderr, /[^\P{Cc}\n]|\p{Bidi_Control}/u)
})
