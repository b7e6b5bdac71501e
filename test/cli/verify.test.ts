import assert from 'node:assert/strict'
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
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

interface Verdict {
  readonly verdict: string
  readonly records: number
  readonly tail: { state: string; lsn: number; bytes: number }
  readonly mark: { state: string; durableLsn?: number }
  readonly lock: { state: string; holder?: { pid: number } }
  readonly error?: { code: string; message: string }
}

async function verify(path: string): Promise<{ status: number | null; facts: Verdict; stderr: string }> {
  const { status, text, stderr } = await fsys('verify', '--json', path)
  return { status, facts: JSON.parse(text) as Verdict, stderr }
}

test('status 0: clean, with or without zeros behind it, and empty', async () => {
  for (const path of [write('clean', 'one', 'two'), write('zeros', 'one', 'two', Buffer.alloc(5000))]) {
    const { status, facts, stderr } = await verify(path)
    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
    assert.equal(facts.verdict, 'clean')
    assert.equal(facts.records, 2)
    assert.equal(facts.tail.lsn, 30)
    assert.deepEqual(facts.lock, { state: 'free' })
  }
  assert.equal((await verify(write('empty'))).status, 0)
})

test('status 1: torn, in each way that a crash explains', async () => {
  const three = frame('three')
  const tails = {
    'truncated-header': three.subarray(0, 5),
    'truncated-payload': three.subarray(0, 10),
    'checksum-mismatch': Buffer.concat([three.subarray(0, 8), Buffer.alloc(9)]),
  }
  for (const [state, bytes] of Object.entries(tails)) {
    const { status, facts, stderr } = await verify(write(state, 'one', bytes))
    assert.equal(status, 1)
    assert.equal(facts.verdict, 'torn')
    assert.deepEqual(facts.tail, { state, lsn: 15, bytes: bytes.length })
    assert.match(stderr, /^fsys verify: no whole record at LSN 15/u)
  }
})

test('status 2: damaged', async () => {
  const overflow = Buffer.concat([frame('').subarray(0, 4), Buffer.alloc(8, 0xff)])
  for (const [name, bytes] of [
    ['bad-magic', Buffer.from('garbage')],
    ['length-overflow', overflow],
  ] as const) {
    const { status, facts, stderr } = await verify(write(name, 'one', bytes))
    assert.equal(status, 2)
    assert.equal(facts.verdict, 'damaged')
    assert.equal(facts.error?.code, 'ERR_FSYS_DAMAGED')
    assert.match(stderr, new RegExp(`damaged at LSN 15: ${name}.*\\(ERR_FSYS_DAMAGED\\)`, 'u'))
  }
})

test('status 2: below the mark (D7)', { skip: noMarks }, async () => {
  for (const size of [0, 15, 20]) {
    const path = at(`below-${size}`)
    const journal = await openJournal(path)
    journal.appendBatch(['one', 'two'])
    await journal.close()
    truncateSync(path, size)
    const { status, facts, stderr } = await verify(path)
    assert.equal(status, 2)
    assert.equal(facts.verdict, 'below-mark')
    assert.deepEqual(facts.mark, { state: 'bound', durableLsn: 30, gapFreeLsn: 0 })
    assert.match(stderr, /all below 30 was once confirmed/u)
  }
})

test('status 2: zeros that can mean either', async () => {
  const { status, facts } = await verify(write('gap', 'one', Buffer.alloc(512 - 15), 'two'))
  assert.equal(status, 2)
  assert.equal(facts.verdict, 'ambiguous-gap')
  assert.equal(facts.error?.code, 'ERR_FSYS_AMBIGUOUS_GAP')
})

test('status 3: not a journal', async () => {
  const { status, facts, stderr } = await verify(write('letter', Buffer.from('a letter to somebody')))
  assert.equal(status, 3)
  assert.equal(facts.verdict, 'not-a-journal')
  assert.match(stderr, /\(ERR_FSYS_NOT_A_JOURNAL\)/u)
})

test('status 3: it cannot be read', async () => {
  mkdirSync(at('directory'))
  for (const [path, code] of [
    [at('not-there'), 'ERR_FSYS_NOT_FOUND'],
    [at('directory'), 'ERR_FSYS_NOT_A_FILE'],
  ] as const) {
    const { status, facts, stderr } = await verify(path)
    assert.equal(status, 3)
    assert.equal(facts.verdict, 'unreadable')
    assert.equal(facts.error?.code, code)
    assert.ok(stderr.endsWith(`(${code})\n`))
  }
})

const noAccess =
  process.platform === 'win32'
    ? 'Windows has no such permissions'
    : process.getuid?.() === 0 && 'root may read everything'

test('status 3: it may not be read', { skip: noAccess }, async () => {
  const path = write('secret', 'one')
  chmodSync(path, 0)
  const { status, stderr } = await verify(path)
  assert.equal(status, 3)
  assert.match(stderr, /\(ERR_FSYS_ACCESS\)/u)
})

test('status 64: wrong usage', async () => {
  assert.equal((await fsys('verify')).status, 64)
  assert.equal((await fsys('verify', '--yes', write('usage'))).status, 64)
})

test('verify names a live holder, and says that a torn tail may be a write under way (D8)', async () => {
  const path = at('held')
  const journal = await openJournal(path)
  await journal.commit('one')
  const clean = await verify(path)
  assert.equal(clean.status, 0)
  assert.equal(clean.facts.lock.state, 'alive')
  assert.equal(clean.facts.lock.holder?.pid, process.pid)
  assert.match((await fsys('verify', path)).text, new RegExp(`lock +held by process ${process.pid} `, 'u'))

  writeFileSync(path, frame('two').subarray(0, 9), { flag: 'a' })
  const torn = await verify(path)
  assert.equal(torn.status, 1)
  assert.match(torn.stderr, /may be a write under way/u)
  truncateSync(path, 15)
  await journal.close()
})

test('verify follows links to the mark and the lock of the real file', { skip: noMarks }, async () => {
  const path = at('real')
  const journal = await openJournal(path)
  await journal.commit('one')
  symlinkSync(path, at('link'))
  const { facts } = await verify(at('link'))
  assert.equal(facts.lock.state, 'alive')
  assert.equal(facts.mark.state, 'bound')
  await journal.close()
})

test('verify changes nothing', async () => {
  const path = write('untouched', 'one', Buffer.from('garbage'))
  const before = { bytes: readFileSync(path), times: statSync(path).mtimeMs, names: readdirSync(directory) }
  await verify(path)
  assert.deepEqual({ bytes: readFileSync(path), times: statSync(path).mtimeMs, names: readdirSync(directory) }, before)
})
