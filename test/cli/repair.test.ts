import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { openJournal } from '#src/journal/open-journal.js'

import { fsys } from '../support/command.js'
import { frame } from '../support/frames.js'
import { noMarks } from '../support/marks.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const at = (name: string): string => join(directory, name)

function write(name: string, ...parts: (Buffer | string)[]): string {
  writeFileSync(at(name), Buffer.concat(parts.map((part) => (typeof part === 'string' ? frame(part) : part))))
  return at(name)
}

function writeGap(name: string): string {
  return write(name, 'one', Buffer.alloc(512 - 15), 'two')
}

type Facts = Record<string, unknown> & { savedTail: { path: string } | null }

/** What a dry run says, having changed nothing, and what doing it says then: the same. */
async function repair(path: string, ...options: string[]): Promise<Facts> {
  const before = { bytes: readFileSync(path), names: readdirSync(directory) }
  const dry = await fsys('repair', '--dry-run', '--json', ...options, path)
  assert.deepEqual({ bytes: readFileSync(path), names: readdirSync(directory) }, before)
  const done = await fsys('repair', '--yes', '--json', ...options, path)
  assert.deepEqual([dry.status, done.status], [0, 0], `${dry.stderr}${done.stderr}`)
  const [said, did] = [JSON.parse(dry.text) as Facts, JSON.parse(done.text) as Facts]
  assert.deepEqual({ ...said, isDone: true }, did)
  assert.equal(said['isDone'], false)
  return did
}

test('repair saves what is damaged and cuts it off, and a dry run says so before (D7)', async () => {
  const damaged = Buffer.concat([Buffer.from('garbage'), frame('two'), Buffer.alloc(100)])
  const path = write('damaged', 'one', damaged)
  assert.deepEqual(await repair(path), {
    path,
    isDone: true,
    tailState: 'bad-magic',
    cleanEnd: 15,
    records: 1,
    gaps: 0,
    bytesCut: 122,
    savedTail: { path: `${path}.corrupt-15`, bytes: 22, validFrames: 1, isAtLeast: false },
    bytesRewritten: 15,
    isBelowMark: false,
  })
  assert.ok(readFileSync(`${path}.corrupt-15`).equals(damaged.subarray(0, 22)))
  assert.equal((await fsys('verify', path)).status, 0)
  assert.equal((await fsys('cat', path)).text, 'one\n')
})

test('repair never replaces an older saved tail; one that holds the same bytes serves', async () => {
  const path = write('again', 'one', Buffer.from('garbage'))
  writeFileSync(`${path}.corrupt-15`, 'of old')
  assert.equal((await repair(path)).savedTail?.path, `${path}.corrupt-15.2`)
  assert.equal(readFileSync(`${path}.corrupt-15`, 'utf8'), 'of old')
  writeFileSync(path, Buffer.from('garbage'), { flag: 'a' })
  assert.equal((await repair(path)).savedTail?.path, `${path}.corrupt-15.2`)
})

test('repair of a clean journal cuts nothing off', async () => {
  const path = write('clean', 'one')
  const facts = await repair(path)
  assert.equal(facts['bytesCut'], 0)
  assert.equal(facts.savedTail, null)
  assert.match((await fsys('repair', '--dry-run', path)).text, /: nothing would be cut off\n/u)
  assert.match((await fsys('repair', '--yes', path)).text, /: nothing had to be cut off\n/u)
})

test('repair of zeros saves nothing', async () => {
  const facts = await repair(write('zeros', 'one', Buffer.alloc(77)))
  assert.equal(facts['bytesCut'], 77)
  assert.equal(facts.savedTail, null)
})

test('repair below the mark says what is lost, and makes the journal usable (D7)', { skip: noMarks }, async () => {
  const path = at('below')
  const journal = await openJournal(path)
  journal.appendBatch(['one', 'two'])
  await journal.close()
  truncateSync(path, 20)
  assert.match((await fsys('repair', '--dry-run', path)).text, /lost +records that were once confirmed/u)
  const facts = await repair(path)
  assert.equal(facts['isBelowMark'], true)
  assert.equal((await fsys('verify', path)).status, 0)
})

test('repair of an ambiguous gap needs to be told', async () => {
  const path = writeGap('gap')
  for (const mode of ['--dry-run', '--yes']) {
    const { status, stderr } = await fsys('repair', mode, path)
    assert.equal(status, 2)
    assert.match(stderr, /\(ERR_FSYS_AMBIGUOUS_GAP\)/u)
  }
  assert.equal(readFileSync(path).length, 527)
  const skipped = await repair(path, '--gaps', 'skip')
  assert.deepEqual([skipped['records'], skipped['gaps'], skipped['bytesCut']], [2, 1, 0])
  const cut = await repair(writeGap('gap-cut'), '--gaps', 'cut')
  assert.deepEqual([cut['records'], cut['gaps'], cut['bytesCut']], [1, 0, 512])
})

test('repair of what is no journal refuses', async () => {
  for (const path of [write('letter', Buffer.from('a letter to somebody')), at('not-there')]) {
    for (const mode of ['--dry-run', '--yes']) {
      const { status, stderr } = await fsys('repair', mode, path)
      assert.equal(status, 3, stderr)
    }
  }
  assert.equal(existsSync(at('not-there')), false)
})

test('repair refuses while somebody else has the journal open, and a dry run says that it would (D8)', async () => {
  const path = at('held')
  const journal = await openJournal(path)
  for (const mode of ['--dry-run', '--yes']) {
    const { status, stderr } = await fsys('repair', mode, path)
    assert.equal(status, 1)
    assert.match(stderr, new RegExp(`process ${process.pid} .*\\(ERR_FSYS_LOCKED\\)`, 'u'))
  }
  await journal.close()
})
