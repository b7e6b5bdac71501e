import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  appendFileSync,
  copyFileSync,
  openSync,
  closeSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { openJournal } from '#src/journal/open-journal.js'

import { type Command, aWhile, feed, fsys, start, until } from '../support/command.js'
import { frame } from '../support/frames.js'
import { noMarks } from '../support/marks.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const at = (name: string): string => join(directory, name)
const noSignals = process.platform === 'win32' ? 'Windows has no signals to send' : false

function write(name: string, ...parts: (Buffer | string)[]): string {
  writeFileSync(at(name), Buffer.concat(parts.map((part) => (typeof part === 'string' ? frame(part) : part))))
  return at(name)
}

function overwrite(path: string, bytes: Uint8Array, position: number): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes, 0, bytes.length, position)
  closeSync(fd)
}

async function makeJournal(name: string, ...records: string[]): Promise<string> {
  const journal = await openJournal(at(name))
  journal.appendBatch(records)
  await journal.syncThrough(journal.nextLsn)
  await journal.close()
  return at(name)
}

/** Follows a journal that holds `one` and `two`, and waits until it has shown them. */
async function follow(path: string, ...options: string[]): Promise<Command> {
  const command = start('tail', '-f', '--interval', '10', ...options, path)
  await until('the first records are shown', () => command.text === 'one\ntwo\n')
  return command
}

const numbers = Array.from({ length: 25 }, (_, index) => `record ${index}`)

test('tail prints the last ten records, or as many as it is told', async () => {
  const path = write('numbers', ...numbers)
  const lines = (count: number): string => numbers.slice(25 - count).join('\n') + (count > 0 ? '\n' : '')
  for (const [options, expected] of [
    [[], lines(10)],
    [['-n', '3'], lines(3)],
    [['--limit', '25'], lines(25)],
    [['-n1000000000000'], lines(25)],
    [['-n', '0'], ''],
  ] as const) {
    const { status, text, stderr } = await fsys('tail', ...options, path)
    assert.deepEqual({ status, text, stderr }, { status: 0, text: expected, stderr: '' })
  }
})

test('tail finds its beginning in a journal of many chunks, long records among them', async () => {
  const records = Array.from({ length: 40 }, (_, index) => String(index).padEnd(index % 7 === 0 ? 1_500_000 : 150_000))
  const path = write('chunks', ...records)
  for (const count of [1, 5, 6, 7, 8, 20, 39, 40]) {
    const { text } = await fsys('tail', '-n', `${count}`, path)
    assert.ok(text === `${records.slice(40 - count).join('\n')}\n`, `the last ${count}`)
  }
})

test('tail --json and --frames show what cat shows', async () => {
  const path = write('formats', 'one', 'two')
  for (const format of ['--json', '--frames']) {
    assert.ok((await fsys('tail', format, path)).stdout.equals((await fsys('cat', format, path)).stdout))
  }
})

test('tail stops at a torn tail and says so; at damage it fails', async () => {
  const torn = await fsys('tail', write('torn', 'one', frame('two').subarray(0, 13)))
  assert.deepEqual({ status: torn.status, text: torn.text }, { status: 0, text: 'one\n' })
  assert.match(torn.stderr, /no whole record at LSN 15/u)
  const damaged = await fsys('tail', write('damaged', 'one', Buffer.from('garbage')))
  assert.deepEqual({ status: damaged.status, text: damaged.text }, { status: 2, text: 'one\n' })
  assert.match(damaged.stderr, /\(ERR_FSYS_DAMAGED\)/u)
})

test('tail of what is no journal fails, with -f too', async () => {
  const letter = write('letter', Buffer.from('a letter to somebody'))
  for (const args of [
    ['tail', letter],
    ['tail', '-f', letter],
    ['tail', '-f', at('not-there')],
  ]) {
    const { status, stderr } = await fsys(...args)
    assert.equal(status, 3)
    assert.match(stderr, /\(ERR_FSYS_NOT_(?:A_JOURNAL|FOUND)\)/u)
  }
})

test('tail -f shows what another process appends, until a signal ends it', { skip: noSignals }, async () => {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const path = await makeJournal(signal, 'one', 'two')
    const command = await follow(path)
    await feed('three\nfour\n', 'append', path)
    await until('new records are shown', () => command.text === 'one\ntwo\nthree\nfour\n')
    await feed('five\n', 'append', path)
    await until('the newest is shown', () => command.text.endsWith('five\n'))
    command.kill(signal)
    const ended = await command.ended()
    assert.equal(ended.status, status)
    assert.equal(ended.stderr, '')
  }
})

test('tail -f shows all of a busy writer, in order and once', { skip: noSignals, timeout: 60_000 }, async () => {
  const path = at('busy')
  const journal = await openJournal(path)
  const command = start('tail', '-f', '-n', '1000000', '--interval', '1', path)
  for (let round = 0; round < 100; round++) {
    for (let index = 0; index < 200; index++) journal.append(`record ${round * 200 + index}`)
    await journal.syncThrough(journal.nextLsn)
  }
  await until('the last one is shown', () => command.text.endsWith('record 19999\n'))
  command.kill('SIGINT')
  const { status, text } = await command.ended()
  await journal.close()
  assert.equal(status, 130)
  assert.deepEqual(
    text.trimEnd().split('\n'),
    Array.from({ length: 20_000 }, (_, index) => `record ${index}`),
  )
})

test('tail -f -n 0 shows new records only', { skip: noSignals }, async () => {
  const path = write('new-only', 'old')
  const command = start('tail', '-f', '-n', '0', '--interval', '10', path)
  // When it has begun is not to be seen from outside.
  await until('a new record is shown', () => {
    appendFileSync(path, frame('new'))
    return command.text !== ''
  })
  command.kill('SIGINT')
  assert.match((await command.ended()).text, /^(?:new\n)+$/u)
})

test('tail -f waits for the first record of an empty journal', { skip: noSignals }, async () => {
  const path = await makeJournal('empty')
  const command = start('tail', '-f', '--interval', '10', path)
  appendFileSync(path, frame('one'))
  await until('it is shown', () => command.text === 'one\n')
  command.kill('SIGINT')
  await command.ended()
})

test('to tail -f, every tail state is "not yet"', { skip: noSignals }, async () => {
  const three = frame('three')
  const beginnings = {
    'truncated-header': three.subarray(0, 5),
    'truncated-payload': three.subarray(0, 10),
    'checksum-mismatch': Buffer.concat([three.subarray(0, 8), Buffer.alloc(9, 'x')]),
    zeros: Buffer.alloc(three.length),
    'bad-magic': Buffer.from('garbage'),
    'length-overflow': Buffer.concat([three.subarray(0, 4), Buffer.from([0, 0, 0, 0x20, 0])]),
  }
  for (const [state, bytes] of Object.entries(beginnings)) {
    const isTold = state === 'bad-magic' || state === 'length-overflow'
    const path = write(`not-yet-${state}`, 'one', 'two')
    const command = await follow(path)
    appendFileSync(path, bytes)
    // On a busy machine, a while may be over before it has looked.
    if (isTold) await until(`${state} is told of`, () => command.stderr !== '')
    else await aWhile()
    assert.equal(command.text, 'one\ntwo\n', state)
    overwrite(path, three, 30)
    await until(`the record is shown after ${state}`, () => command.text === 'one\ntwo\nthree\n')
    command.kill('SIGINT')
    const { stderr } = await command.ended()
    // What no crash explains is worth a word, once.
    if (isTold) {
      assert.match(stderr, new RegExp(`^fsys tail: waiting at LSN 30: ${state}.*\\n$`, 'u'))
    } else {
      assert.equal(stderr, '')
    }
  }
})

test('tail -f never skips a gap (D3)', { skip: noSignals }, async () => {
  const path = write('gap', 'one', 'two')
  const command = await follow(path)
  appendFileSync(path, Buffer.concat([Buffer.alloc(512 - 30), frame('behind a hole')]))
  await aWhile()
  assert.equal(command.text, 'one\ntwo\n')
  command.kill('SIGINT')
  await command.ended()
})

test('tail -f ends with an error when the file has shrunk below what it showed', async () => {
  for (const size of [0, 15, 29]) {
    const path = write(`shrunk-${size}`, 'one', 'two')
    const command = await follow(path)
    truncateSync(path, size)
    const { status, text, stderr } = await command.ended()
    assert.deepEqual({ status, text }, { status: 2, text: 'one\ntwo\n' })
    assert.match(
      stderr,
      new RegExp(`has changed .*at LSN 30: it has shrunk to ${size} bytes \\(ERR_FSYS_CHANGED\\)`, 'u'),
    )
  }
})

test('tail -f goes on where padding behind the last record is cut off', { skip: noSignals }, async () => {
  const path = write('padded', 'one', 'two', Buffer.alloc(4096))
  const command = await follow(path)
  truncateSync(path, 30)
  await aWhile()
  appendFileSync(path, frame('three'))
  await until('the next is shown', () => command.text === 'one\ntwo\nthree\n')
  command.kill('SIGINT')
  await command.ended()
})

test('tail -f ends with an error when what it showed last is another record now', async () => {
  const path = write('rewritten', 'one', 'two')
  const command = await follow(path)
  overwrite(path, frame('TWO'), 15)
  const { status, text, stderr } = await command.ended()
  assert.deepEqual({ status, text }, { status: 2, text: 'one\ntwo\n' })
  assert.match(stderr, /the record that was shown last is not there any more \(ERR_FSYS_CHANGED\)/u)
})

test('tail -f looks at all of the record that it showed last before it goes on', async () => {
  const path = write('payload-only', 'one', 'two')
  const command = await follow(path)
  // The payload only: the header and the checksum stay.
  overwrite(path, Buffer.from('T'), 23)
  appendFileSync(path, frame('three'))
  const { status, text, stderr } = await command.ended()
  assert.deepEqual({ status, text }, { status: 2, text: 'one\ntwo\n' })
  assert.match(stderr, /\(ERR_FSYS_CHANGED\)/u)
})

test('tail -f ends with an error when the journal was replaced or removed', async () => {
  const replaced = write('replaced', 'one', 'two')
  copyFileSync(replaced, at('copy'))
  const first = await follow(replaced)
  renameSync(at('copy'), replaced)
  const one = await first.ended()
  assert.equal(one.status, 2)
  assert.match(one.stderr, /another file stands in its place \(ERR_FSYS_CHANGED\)/u)

  const removed = write('removed', 'one', 'two')
  const second = await follow(removed)
  rmSync(removed)
  const two = await second.ended()
  assert.equal(two.status, 2)
  assert.match(two.stderr, /it was removed, or renamed \(ERR_FSYS_CHANGED\)/u)
})

test('tail -f ends with an error after a reset', async () => {
  const path = await makeJournal('reset', 'one', 'two')
  const command = await follow(path)
  assert.equal((await fsys('reset', '--yes', path)).status, 0)
  assert.equal((await command.ended()).status, 2)
})

test('tail -f ends when its reader has gone away, with status 0', async () => {
  const path = write('epipe', 'one', 'two')
  const command = await follow(path)
  command.child.stdout?.destroy()
  appendFileSync(path, frame('three'))
  const { status, stderr } = await command.ended()
  assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
})

test('a signal ends tail -f though its reader is stuck', { skip: noSignals }, async () => {
  const path = write('stuck', ...Array.from({ length: 64 }, () => Buffer.alloc(100_000, 'x')).map(frame))
  const command = start('tail', '-f', '-n', '64', path)
  command.child.stdout?.once('data', () => command.child.stdout?.pause())
  await until('it has begun', () => command.text.length > 0)
  await aWhile()
  command.kill('SIGTERM')
  await once(command.child, 'exit')
  command.child.stdout?.resume()
  const { status, signal } = await command.ended()
  assert.ok(status === 143 || signal === 'SIGTERM')
})

test('tail --durable stops at the mark, and with -f goes on with it (D1)', { skip: noSignals || noMarks }, async () => {
  const path = await makeJournal('durable', 'one', 'two')
  // Whole and valid, but nobody has confirmed it.
  appendFileSync(path, frame('three'))
  assert.equal((await fsys('tail', path)).text, 'one\ntwo\nthree\n')
  const { status, text, stderr } = await fsys('tail', '--durable', path)
  assert.deepEqual({ status, text, stderr }, { status: 0, text: 'one\ntwo\n', stderr: '' })
  const command = await follow(path, '--durable')
  await aWhile()
  assert.equal(command.text, 'one\ntwo\n')
  // An open makes it durable, and confirms it.
  await feed('four\n', 'append', path)
  await until('the mark has moved', () => command.text === 'one\ntwo\nthree\nfour\n')
  command.kill('SIGINT')
  assert.equal((await command.ended()).status, 130)
})

test('tail --durable without a mark cannot tell, and says so', async () => {
  const { status, stderr } = await fsys('tail', '--durable', write('unmarked', 'one'))
  assert.equal(status, 3)
  assert.match(stderr, /it has no mark \(ERR_FSYS_NOT_FOUND\)/u)
})
