import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { openJournal } from '#src/journal/open-journal.js'
import { openReader } from '#src/journal/reader.js'
import { Random } from '#src/storage/sim/random.js'

import { feed, fsys, mainPath, start, until } from '../support/command.js'
import { frame } from '../support/frames.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const at = (name: string): string => join(directory, name)
const noSignals = process.platform === 'win32' ? 'Windows has no signals to send' : false

function recordsOf(path: string): string[] {
  const reader = openReader(path)
  const records = Array.from(reader, ({ payload }) => payload.toString())
  reader.close()
  return records
}

test('append makes a record of each line, and prints the LSN past the last (D1)', async () => {
  const path = at('lines')
  const { status, text, stderr } = await feed('hello\n world\n', 'append', path)
  assert.deepEqual({ status, text, stderr }, { status: 0, text: '35\n', stderr: '' })
  assert.deepEqual(recordsOf(path), ['hello', ' world'])
  // Released, and closed in order.
  assert.equal(existsSync(`${path}.lock`), false)
})

test('append keeps carriage returns, empty lines, and what stands behind the last newline', async () => {
  const path = at('edges')
  await feed('one\r\n\n\nlast', 'append', path)
  assert.deepEqual(recordsOf(path), ['one\r', '', '', 'last'])
})

test('append of nothing prints the LSN that is there', async () => {
  const path = at('nothing')
  assert.equal((await feed('', 'append', path)).text, '0\n')
  await feed('hello', 'append', path)
  assert.equal((await feed('', 'append', path)).text, '17\n')
})

test('append reads a file, and - as stdin', async () => {
  const path = at('from-file')
  writeFileSync(at('input'), 'one\ntwo\n')
  assert.equal((await fsys('append', path, at('input'))).text, '30\n')
  assert.equal((await feed('three\n', 'append', path, '-')).text, '47\n')
  assert.deepEqual(recordsOf(path), ['one', 'two', 'three'])
})

const noDirectories = process.platform === 'win32' ? 'Windows opens no directories' : false

test('append refuses a directory for its input before it makes a journal', { skip: noDirectories }, async () => {
  const path = at('from-directory')
  const { status, stderr } = await fsys('append', path, directory)
  assert.equal(status, 1)
  assert.match(stderr, /cannot read the input: EISDIR/u)
  // Node takes it for an empty stream: all would seem to be well.
  const fd = openSync(directory, 'r')
  const child = spawnSync(process.execPath, [mainPath, 'append', path], { stdio: [fd, 'pipe', 'pipe'] })
  closeSync(fd)
  assert.deepEqual([child.status, child.stdout.toString()], [1, ''])
  assert.match(child.stderr.toString(), /cannot read the input: EISDIR/u)
  assert.equal(existsSync(path), false)
})

test('append gives an error with a code where the journal cannot be looked at', { skip: noDirectories }, async () => {
  symlinkSync('loop', at('loop'))
  const { status, stderr } = await feed('x\n', 'append', at('loop'))
  assert.equal(status, 1)
  assert.match(stderr, /cannot open journal ".*loop": .*\(ERR_FSYS_LINKS\)/u)
})

test('append --json', async () => {
  const { text } = await feed('one\ntwo\n', 'append', '--json', at('json'))
  assert.deepEqual(JSON.parse(text), { endLsn: 30, records: 2 })
})

test('a journal whose name begins with a dash is given behind --', async () => {
  const { status } = await feed('x\n', 'append', '--', join(directory, '-dash'))
  assert.equal(status, 0)
  assert.equal((await feed('x\n', 'append', '--', '-')).status, 64)
})

test('append takes a million lines from a file, and cat gives them back', async () => {
  const path = at('million')
  const lines = Array.from({ length: 1_000_000 }, (_, index) => `line number ${index}`)
  writeFileSync(at('lines.txt'), `${lines.join('\n')}\n`)
  const { status, text } = await fsys('append', path, at('lines.txt'))
  assert.equal(status, 0)
  assert.equal(Number(text), readFileSync(path).length)
  const { stdout } = await fsys('cat', path)
  assert.ok(stdout.equals(readFileSync(at('lines.txt'))))
})

test('append --frames and cat --frames are each other backwards, for any bytes', async () => {
  const random = new Random(1)
  const randomBytes = (length: number): Buffer => Buffer.from(Uint8Array.from({ length }, () => random.below(256)))
  const records = [
    Buffer.alloc(0),
    randomBytes(1),
    Buffer.from('\n\0\r\n'),
    randomBytes(70_000),
    randomBytes(3_000_000),
  ]
  for (let index = 0; index < 200; index++) records.push(randomBytes(random.below(300)))
  const input = Buffer.concat(records.flatMap((record) => [lengthOf(record), record]))
  const path = at('frames')
  const { status, text } = await feed(input, 'append', '--frames', '--json', path)
  assert.equal(status, 0)
  assert.equal((JSON.parse(text) as { records: number }).records, records.length)
  assert.ok((await fsys('cat', '--frames', path)).stdout.equals(input))
  const again = await feed(input, 'append', '--frames', at('frames-again'))
  assert.equal(again.status, 0)
  assert.ok(readFileSync(at('frames-again')).equals(readFileSync(path)))
})

function lengthOf(record: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(record.length)
  return bytes
}

test('append --frames: input that ends early, or lies about a length, fails, and what stands before is durable', async () => {
  const whole = Buffer.concat([lengthOf(Buffer.from('one')), Buffer.from('one')])
  const cases = [
    [Buffer.concat([whole, Buffer.from([9, 0])]), 'the input ends inside the length of record 2'],
    [Buffer.concat([whole, Buffer.from([9, 0, 0, 0, 1])]), 'the input ends inside record 2: 1 of 9 bytes are there'],
    [Buffer.concat([whole, Buffer.from([0, 0, 0, 0x10])]), 'record 2 has 268435456 bytes, over the limit of 268435455'],
  ] as const
  for (const [index, [input, message]] of cases.entries()) {
    const path = at(`bad-frames-${index}`)
    const { status, text, stderr } = await feed(input, 'append', '--frames', path)
    assert.deepEqual({ status, text, stderr }, { status: 1, text: '15\n', stderr: `fsys append: ${message}\n` })
    assert.deepEqual(recordsOf(path), ['one'])
  }
})

test('append refuses a line over the limit, and what stands before is durable (D9)', async () => {
  const path = at('long-line')
  const { status, text, stderr } = await feed('one\ntwo\nmuch too long\n', 'append', '--record-bytes-max', '5', path)
  assert.equal(status, 1)
  assert.equal(text, '30\n')
  assert.equal(stderr, 'fsys append: line 3 is longer than 5 bytes\n')
  assert.deepEqual(recordsOf(path), ['one', 'two'])
})

test('append says so when its input cannot be read, and makes no journal for a wrong name', async () => {
  const { status, stderr } = await fsys('append', at('no-input'), at('not-there'))
  assert.equal(status, 1)
  assert.match(stderr, /^fsys append: cannot read the input: ENOENT/u)
  assert.equal(existsSync(at('no-input')), false)
  const ofDirectory = await fsys('append', at('directory-input'), directory)
  assert.equal(ofDirectory.status, 1)
  assert.match(ofDirectory.stderr, /cannot read the input: EISDIR/u)
})

test('append does not feed a journal with itself', async () => {
  const path = at('ouroboros')
  await feed('x\n', 'append', path)
  const { status, stderr } = await fsys('append', path, path)
  assert.equal(status, 64)
  assert.match(stderr, /the input is the journal itself/u)
})

test('append: statuses and codes for what cannot be opened', async () => {
  writeFileSync(at('letter'), 'a letter to somebody')
  const foreign = await feed('x\n', 'append', at('letter'))
  assert.equal(foreign.status, 3)
  assert.match(foreign.stderr, /\(ERR_FSYS_NOT_A_JOURNAL\)/u)

  writeFileSync(at('damaged'), Buffer.concat([frame('one'), Buffer.from('garbage')]))
  const damaged = await feed('x\n', 'append', at('damaged'))
  assert.equal(damaged.status, 2)
  assert.match(damaged.stderr, /\(ERR_FSYS_DAMAGED\)/u)

  const nowhere = await feed('x\n', 'append', join(directory, 'no', 'directory'))
  assert.equal(nowhere.status, 3)
  assert.match(nowhere.stderr, /\(ERR_FSYS_NOT_FOUND\)/u)
})

test('append says what it saved of a torn tail (D7)', async () => {
  const path = at('torn')
  writeFileSync(path, Buffer.concat([frame('one'), frame('two').subarray(0, 13)]))
  const { status, stderr } = await feed('three\n', 'append', path)
  assert.equal(status, 0)
  assert.match(stderr, /13 bytes that a crash left at LSN 15 were cut off, and saved as ".*torn\.corrupt-15"/u)
  assert.deepEqual(recordsOf(path), ['one', 'three'])
})

test('append refuses a journal that somebody else has open, with its input still open (D8)', async () => {
  const path = at('held')
  const journal = await openJournal(path)
  const command = start('append', path)
  const { status, stderr } = await command.ended()
  assert.equal(status, 1)
  assert.match(stderr, new RegExp(`process ${process.pid} .*\\(ERR_FSYS_LOCKED\\)`, 'u'))
  await journal.close()
})

test('what comes through a slow pipe is durable soon, not only at the end (D1)', { skip: noSignals }, async () => {
  const path = at('slow')
  const command = start('append', path)
  command.write('one\ntwo\nthr')
  await until('two records are written', () => existsSync(path) && recordsOf(path).length === 2)
  command.write('ee\n')
  await until('the third is written', () => recordsOf(path).length === 3)
  // The process dies without a chance to do anything.
  command.kill('SIGKILL')
  await command.ended()
  assert.deepEqual(recordsOf(path), ['one', 'two', 'three'])
})

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(
    `on ${signal} append commits what it has read, prints the last LSN and exits ${status}`,
    { skip: noSignals },
    async () => {
      const path = at(signal)
      const command = start('append', path)
      command.write('one\ntwo\nhalf a li')
      await until('two records are written', () => existsSync(path) && recordsOf(path).length === 2)
      command.kill(signal)
      const ended = await command.ended()
      assert.equal(ended.status, status)
      assert.equal(ended.text, '30\n')
      assert.equal(ended.stderr, 'fsys append: left out an unfinished record of 9 bytes\n')
      assert.deepEqual(recordsOf(path), ['one', 'two'])
      assert.equal(existsSync(`${path}.lock`), false)
    },
  )
}

test(
  'a signal in the middle of much input leaves a prefix of it, as long as was printed (D2)',
  { skip: noSignals },
  async () => {
    const path = at('interrupted')
    const lines = Array.from({ length: 300_000 }, (_, index) => `line number ${index}`)
    const command = start('append', '--json', path)
    command.write(`${lines.join('\n')}\n`)
    await until('some are written', () => existsSync(path) && readFileSync(path).length > 100_000)
    command.kill('SIGINT')
    // Impatience changes nothing.
    command.kill('SIGINT')
    const { status, text } = await command.ended()
    assert.equal(status, 130)
    const { endLsn, records } = JSON.parse(text) as { endLsn: number; records: number }
    assert.ok(records > 0)
    assert.equal(readFileSync(path).length, endLsn)
    assert.deepEqual(recordsOf(path), lines.slice(0, records))
  },
)

test('append is not troubled by a reader that has gone away', async () => {
  const path = at('epipe')
  const command = start('append', path)
  command.child.stdout?.destroy()
  command.child.stdin?.end('one\n')
  const { status, stderr } = await command.ended()
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  assert.deepEqual(recordsOf(path), ['one'])
})

test('append on a full disk fails, and says so', { skip: process.platform !== 'linux' && 'needs ulimit' }, () => {
  const path = at('limited')
  // A limit on the size of files stands in for a full disk: 64 blocks of 1024 bytes. Node ignores the signal that comes with it.
  const script = `ulimit -f 64 && yes 'some line' | head -n 100000 | '${process.execPath}' '${mainPath}' append '${path}'`
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 1, stderr)
  assert.match(stderr, /^fsys append: .*EFBIG.*\(ERR_FSYS_NO_SPACE\)$/mu)
  const endLsn = Number(stdout)
  assert.ok(endLsn <= 65_536)
  assert.ok(recordsOf(path).length * 21 >= endLsn)
  rmSync(path)
})
