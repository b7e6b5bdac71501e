import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { openJournal } from '#src/journal/open-journal.js'

import { feed, fsys } from '../support/command.js'
import { frame } from '../support/frames.js'
import { noMarks } from '../support/marks.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const at = (name: string): string => join(directory, name)

test('reset without --yes says what it would do, does nothing, and exits with 64', async () => {
  const path = at('plan')
  writeFileSync(path, Buffer.concat([frame('one'), frame('two')]))
  const before = { bytes: readFileSync(path), names: readdirSync(directory) }
  const { status, text, stderr } = await fsys('reset', path)
  assert.equal(status, 64)
  assert.match(text, /would be emptied\n {2}holds +30 bytes, 2 records up to LSN 30\n/u)
  assert.ok(text.includes(`${path}.corrupt-0`))
  assert.match(stderr, /nothing was done: say --yes/u)
  assert.deepEqual({ bytes: readFileSync(path), names: readdirSync(directory) }, before)
})

test('reset --yes saves all, and leaves an empty journal that takes records (D7)', async () => {
  const path = at('done')
  const old = Buffer.concat([frame('one'), frame('two'), Buffer.from('garbage'), Buffer.alloc(10)])
  writeFileSync(path, old)
  const { status, text } = await fsys('reset', '--yes', '--json', path)
  assert.equal(status, 0)
  assert.deepEqual(JSON.parse(text), {
    path,
    isDone: true,
    fileBytes: 47,
    records: 2,
    cleanEnd: 30,
    tailState: 'bad-magic',
    savedTail: { path: `${path}.corrupt-0`, bytes: 37, validFrames: 2, isAtLeast: false },
  })
  assert.ok(readFileSync(`${path}.corrupt-0`).equals(old.subarray(0, 37)))
  assert.equal(readFileSync(path).length, 0)
  assert.equal(existsSync(`${path}.lock`), false)
  assert.equal((await feed('new\n', 'append', path)).text, '15\n')
  // Never over an older one.
  assert.match((await fsys('reset', '--yes', path)).text, /is empty now[^]*corrupt-0\.2\n/u)
})

test('reset starts over a journal that was emptied in place, which every open refuses', { skip: noMarks }, async () => {
  const path = at('emptied')
  await feed('one\ntwo\n', 'append', path)
  truncateSync(path, 0)
  assert.equal((await feed('new\n', 'append', path)).status, 2)
  assert.match((await fsys('reset', '--yes', path)).text, /saved +nothing: it is empty or all zero\n/u)
  assert.equal((await feed('new\n', 'append', path)).status, 0)
  assert.equal((await fsys('verify', path)).status, 0)
})

test('reset refuses what is no journal, unless it is forced', async () => {
  const path = at('letter')
  writeFileSync(path, 'a letter to somebody')
  for (const args of [[path], ['--yes', path]]) {
    const { status, stderr } = await fsys('reset', ...args)
    assert.equal(status, 3)
    assert.match(stderr, /\(ERR_FSYS_NOT_A_JOURNAL\)/u)
  }
  assert.equal((await fsys('reset', '--force', path)).status, 64)
  assert.equal(readFileSync(path, 'utf8'), 'a letter to somebody')
  assert.equal((await fsys('reset', '--yes', '--force', path)).status, 0)
  assert.equal(readFileSync(`${path}.corrupt-0`, 'utf8'), 'a letter to somebody')
  assert.equal((await fsys('reset', '--yes', at('not-there'))).status, 3)
})

test('reset refuses while somebody else has the journal open (D8)', async () => {
  const path = at('held')
  const journal = await openJournal(path)
  await journal.commit('one')
  const { status, stderr } = await fsys('reset', '--yes', path)
  assert.equal(status, 1)
  assert.match(stderr, /\(ERR_FSYS_LOCKED\)/u)
  await journal.close()
  assert.equal((await fsys('cat', path)).text, 'one\n')
})
