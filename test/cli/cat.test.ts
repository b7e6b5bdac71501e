import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'

import { openJournal } from '#src/journal/open-journal.js'

import { fsys, mainPath, start } from '../support/command.js'
import { frame } from '../support/frames.js'
import { noMarks } from '../support/marks.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const at = (name: string): string => join(directory, name)
const noShell = process.platform === 'win32' ? 'needs a shell with pipes' : false

/** 64 MiB: much more than pipes and streams hold. */
const large = at('large')

before(async () => {
  const journal = await openJournal(large)
  const record = Buffer.alloc(8192 - 12, 'x')
  for (let index = 0; index < 8192; index++) journal.append(record)
  await journal.close()
})

function write(name: string, ...parts: (Buffer | string)[]): string {
  writeFileSync(at(name), Buffer.concat(parts.map((part) => (typeof part === 'string' ? frame(part) : part))))
  return at(name)
}

test('cat prints each payload and a newline', async () => {
  const { status, text, stderr } = await fsys('cat', write('plain', 'one', '', 'two\r'))
  assert.deepEqual({ status, text, stderr }, { status: 0, text: 'one\n\ntwo\r\n', stderr: '' })
})

test('cat of an empty journal prints nothing', async () => {
  const { status, text } = await fsys('cat', write('empty'))
  assert.deepEqual({ status, text }, { status: 0, text: '' })
})

test('cat --json: LSNs, text as it is, other bytes in base64', async () => {
  const binary = Buffer.from([0xff, 0x00, 0x80])
  const path = write('json', 'a "quote"\n', '', 'żółw 🐢', frame(binary))
  const { text } = await fsys('cat', '--json', path)
  assert.deepEqual(
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
    [
      { lsn: 0, endLsn: 22, payload: 'a "quote"\n' },
      { lsn: 22, endLsn: 34, payload: '' },
      { lsn: 34, endLsn: 58, payload: 'żółw 🐢' },
      { lsn: 58, endLsn: 73, payloadBase64: '/wCA' },
    ],
  )
})

test('cat shows records that are longer than a chunk, in every format', async () => {
  // Characters of two to four bytes, so that pieces end inside some.
  const text = 'ü€🐢"\\\n'.repeat(400_000)
  const bytes = Buffer.alloc(3_000_001, 0xfe)
  const path = write('long', 'before', text, frame(bytes), 'behind')
  const lines = (await fsys('cat', '--json', path)).text.trimEnd().split('\n')
  const records = lines.map((line) => JSON.parse(line) as { payload?: string; payloadBase64?: string })
  assert.equal(records.length, 4)
  assert.ok(records[1]?.payload === text)
  assert.ok(Buffer.from(records[2]?.payloadBase64 ?? '', 'base64').equals(bytes))
  const plain = Buffer.concat([Buffer.from(`before\n${text}\n`), bytes, Buffer.from('\nbehind\n')])
  assert.ok((await fsys('cat', path)).stdout.equals(plain))
  const { stdout } = await fsys('cat', '--frames', path)
  assert.equal(stdout.readUInt32LE(10), Buffer.byteLength(text))
  assert.equal(stdout.length, 4 * 4 + 12 + Buffer.byteLength(text) + bytes.length)
})

test('cat --from and --limit', async () => {
  const path = write('some', 'one', 'two', 'three', 'four')
  assert.equal((await fsys('cat', '--limit', '2', path)).text, 'one\ntwo\n')
  assert.equal((await fsys('cat', '-n', '0', path)).text, '')
  assert.equal((await fsys('cat', '--from', '15', '--limit', '2', path)).text, 'two\nthree\n')
  assert.equal((await fsys('cat', '--from', '15', path)).text, 'two\nthree\nfour\n')
  const atEnd = await fsys('cat', '--from', '63', path)
  assert.deepEqual(
    { status: atEnd.status, text: atEnd.text, stderr: atEnd.stderr },
    { status: 0, text: '', stderr: '' },
  )
})

test('cat --from an LSN at which no record begins fails with its code', async () => {
  const path = write('boundaries', 'one', 'two')
  for (const lsn of ['9', '31']) {
    const { status, text, stderr } = await fsys('cat', '--from', lsn, path)
    assert.deepEqual({ status, text }, { status: 1, text: '' })
    assert.match(stderr, /^fsys cat: no record of ".*" begins at LSN \d+: .*\(ERR_FSYS_NO_RECORD\)\n$/u)
  }
})

test('cat prints what stands before a torn tail, and says so; that is no failure (D2)', async () => {
  const { status, text, stderr } = await fsys('cat', write('torn', 'one', frame('two').subarray(0, 14)))
  assert.deepEqual({ status, text }, { status: 0, text: 'one\n' })
  assert.match(stderr, /^fsys cat: no whole record at LSN 15 \(truncated-payload, 14 bytes\)/u)
})

test('cat prints what stands before damage, and fails with status 2', async () => {
  const { status, text, stderr } = await fsys('cat', write('damaged', 'one', Buffer.from('garbage')))
  assert.deepEqual({ status, text }, { status: 2, text: 'one\n' })
  assert.match(stderr, /damaged at LSN 15: bad-magic, .*\(ERR_FSYS_DAMAGED\)/u)
})

test('cat does not pass over confirmed records that are lost (D7)', { skip: noMarks }, async () => {
  const path = at('below')
  const journal = await openJournal(path)
  await journal.commit('one')
  await journal.commit('two')
  await journal.close()
  truncateSync(path, 20)
  const { status, text, stderr } = await fsys('cat', path)
  assert.deepEqual({ status, text }, { status: 2, text: 'one\n' })
  assert.match(stderr, /all below 30 was once confirmed.*\(ERR_FSYS_DAMAGED\)/u)
})

test('cat stops at an ambiguous gap, and crosses it only when told to (D3)', async () => {
  const path = write('gap', 'one', Buffer.alloc(512 - 15), 'two')
  const stopped = await fsys('cat', path)
  assert.deepEqual({ status: stopped.status, text: stopped.text }, { status: 2, text: 'one\n' })
  assert.match(stopped.stderr, /\(ERR_FSYS_AMBIGUOUS_GAP\)/u)
  const crossed = await fsys('cat', '--gaps', 'skip', path)
  assert.deepEqual({ status: crossed.status, text: crossed.text }, { status: 0, text: 'one\ntwo\n' })
})

test(
  'cat of a journal that was taken over knows which gaps are history, and crosses no other (D3)',
  { skip: noMarks },
  async () => {
    const path = write('taken-over', 'one', Buffer.alloc(512 - 15), 'two')
    await (await openJournal(path, { gaps: 'skip' })).close()
    assert.equal((await fsys('cat', path)).text, 'one\ntwo\n')
    appendFileSync(path, Buffer.concat([Buffer.alloc(1024 - 527), frame('behind a hole')]))
    const { status, text } = await fsys('cat', '--gaps', 'skip', path)
    assert.deepEqual({ status, text }, { status: 0, text: 'one\ntwo\n' })
  },
)

test('cat of what is not there, no file, or no journal: status 3 and a code', async () => {
  mkdirSync(at('directory'))
  const cases = [
    [at('not-there'), 'ERR_FSYS_NOT_FOUND'],
    [at('directory'), 'ERR_FSYS_NOT_A_FILE'],
    [write('letter', Buffer.from('a letter to somebody')), 'ERR_FSYS_NOT_A_JOURNAL'],
  ] as const
  for (const [path, code] of cases) {
    const { status, text, stderr } = await fsys('cat', path)
    assert.deepEqual({ status, text }, { status: 3, text: '' })
    assert.ok(stderr.endsWith(`(${code})\n`), stderr)
  }
})

test('cat leaves nothing behind, not even beside a journal that somebody has open', async () => {
  const path = at('open')
  const journal = await openJournal(path)
  await journal.commit('one')
  assert.equal((await fsys('cat', path)).text, 'one\n')
  await journal.close()
  assert.equal(existsSync(`${path}.lock`), false)
})

test('cat | head -1 ends at once, without a word, and with status 0', { skip: noShell }, () => {
  const script = `'${process.execPath}' '${mainPath}' cat '${large}' | head -c 10; echo " \${PIPESTATUS[0]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', timeout: 30_000 })
  assert.deepEqual({ stdout, stderr }, { stdout: 'xxxxxxxxxx 0\n', stderr: '' })
})

test('a reader that goes away ends cat', async () => {
  const command = start('cat', large)
  command.child.stdout?.once('data', () => command.child.stdout?.destroy())
  const { status, stderr } = await command.ended()
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
})

test('a slow reader costs time, not memory (D9)', { skip: noShell }, () => {
  const measure = 'process.on("exit", () => console.error(process.resourceUsage().maxRSS))'
  const hook = `data:text/javascript,${encodeURIComponent(measure)}`
  const script = `'${process.execPath}' --import '${hook}' '${mainPath}' cat '${large}' | (sleep 1; wc -c)`
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(Number(stdout), 8192 * 8181)
  assert.ok(Number(stderr) < 160_000, `${stderr.trim()} KiB at most`)
})

test('cat says so when the output cannot be written', { skip: !existsSync('/dev/full') && 'needs /dev/full' }, () => {
  const script = `'${process.execPath}' '${mainPath}' cat '${large}' > /dev/full`
  const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', timeout: 30_000 })
  assert.equal(status, 1)
  assert.match(stderr, /^fsys cat: cannot write the output: ENOSPC/u)
})

test('cat does not feed a journal with itself', { skip: noShell }, () => {
  const path = write('itself', 'one')
  const script = `'${process.execPath}' '${mainPath}' cat '${path}' >> '${path}'`
  const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', timeout: 30_000 })
  assert.equal(status, 64)
  assert.match(stderr, /the output is the journal itself/u)
})
