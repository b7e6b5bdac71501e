import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { openReader } from 'fsys'

import { temporaryDirectory } from '../support/temporary.js'

const MAIN = fileURLToPath(new URL('../../demo/main.js', import.meta.url))
const directory = temporaryDirectory()

interface Outcome {
  readonly exitCode: number | null
  readonly out: string
  readonly error: string
  /** What it has left in its directory for temporary files. */
  readonly left: string[]
}

/** Runs the demo as `npm start` does, with a directory for temporary files of its own. */
async function demo(args: readonly string[], act?: (child: ChildProcess, out: string) => void): Promise<Outcome> {
  const temporary = join(directory, `tmp-${readdirSync(directory).length}`)
  mkdirSync(temporary)
  const env = { ...process.env, TMPDIR: temporary, TEMP: temporary }
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, error] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
    act?.(child, out)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (error += text))
  const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { exitCode, out, error, left: readdirSync(temporary) }
}

/** The zeros that are written ahead of the records are none. */
function hasRecordAt(path: string, position: number): boolean {
  const fd = openSync(path, 'r')
  const header = Buffer.alloc(12)
  readSync(fd, header, 0, header.length, position)
  closeSync(fd)
  return header.some((byte) => byte !== 0)
}

function flipByte(path: string, position: number): void {
  const fd = openSync(path, 'r+')
  const byte = Buffer.alloc(1)
  readSync(fd, byte, 0, 1, position)
  byte.writeUInt8(byte.readUInt8() ^ 0xff)
  writeSync(fd, byte, 0, 1, position)
  closeSync(fd)
}

/** Lines of all kinds; the last one without a newline. */
function makeInput(name: string, lines: number): string {
  const path = join(directory, name)
  const text = Array.from({ length: lines }, (_, line) => `${line} `.repeat(line % 7) + 'é\r'.repeat(line % 3))
  text[Math.floor(lines * 0.7)] = 'long '.repeat(400_000)
  writeFileSync(path, text.join('\n'))
  return path
}

test('a killed job loses no acknowledged line, and goes on where it was (D1, D2, D3, D6, D8)', async () => {
  const input = makeInput('lines.txt', 30_000)
  const keep = join(directory, 'kept')
  const { exitCode, out, error, left } = await demo(['--keep', keep, '--seed', '1', input])
  assert.equal(error, '')
  assert.equal(exitCode, 0, out)
  assert.deepEqual(left, [], 'nothing is left in the temporary directory')
  assert.match(out, /^input +30,000 lines, .* the longest 2\.0 MB\n +.*lines\.txt$/m)
  assert.match(out, /^kills +3 in mid-commit and 1 during recovery; \d+ runs of the job$/m)
  assert.match(out, /--seed 1 chooses their moments again/)
  assert.match(out, /^records +30,000: each line of the input once/m)
  assert.match(out, /^bytes +.* of text in .* of journal; .* of text a second$/m)
  assert.match(out, /^commits +[\d,]+ acknowledged, each durable by then; [\d,]+ a second$/m)
  assert.match(out, /^syncs +[\d,]+, [\d,]+ a second, for [\d.]+ commits each$/m)
  assert.match(out, /^latency +p50 [\d.]+ (us|ms), p99 [\d.]+ (us|ms), max /m)
  assert.match(out, /^left behind +in mid-commit: [\d,]+ records? not yet acknowledged, /m)
  assert.match(out, /^ +during recovery: /m)
  assert.match(out, /^recovery +[\d.]+ (us|ms|s) for [\d,]+ records: /m)
  assert.match(out, /^checks +\d+ of the whole journal, .*: no difference$/m)

  using reader = openReader(join(keep, 'demo.wal'))
  const journaled = [...reader].map(({ payload }) => payload.toString('latin1'))
  assert.ok(journaled.join('\n') === readFileSync(input, 'latin1'), 'the journal is the input')
  const again = await demo(['--keep', keep, input])
  assert.equal(again.exitCode, 2)
  assert.match(again.error, /there is a journal already/)
})

test('a journal that was changed behind the back of the job is found out (D3)', async () => {
  const input = makeInput('changed.txt', 30_000)
  const keep = join(directory, 'changed')
  const journalPath = join(keep, 'demo.wal')
  const position = 20_000
  const timer = setInterval(() => {
    if (!existsSync(journalPath) || !hasRecordAt(journalPath, position)) return
    clearInterval(timer)
    flipByte(journalPath, position)
  }, 1)
  // With this seed the first kill comes late: there is time for the change while the job still commits.
  const { exitCode, out, error, left } = await demo(['--keep', keep, '--seed', '5', input])
  clearInterval(timer)
  assert.equal(exitCode, 1, out)
  assert.match(error, /^DIFFERENT: the line was acknowledged and is lost\n {2}line +\d+\n {2}LSN +\d+\n/)
  assert.match(
    error,
    /\n {2}expected +".*" \(\d+ bytes\)\n {2}found +\d+ records, and then checksum-mismatch at LSN \d+\n$/,
  )
  assert.match(out, /^The journal is left as .*demo\.wal, its input as .*changed\.txt\.$/m)
  assert.equal(left.length, 1)
})

test('an input that is too small is read several times over', async () => {
  const path = join(directory, 'small.txt')
  writeFileSync(path, 'one\n\nthree')
  const { exitCode, out, error, left } = await demo(['--kills', '3', path])
  assert.equal(error, '')
  assert.equal(exitCode, 0, out)
  assert.match(out, /small\.txt, 6,667 times over/)
  assert.match(out, /^records +20,001: /m)
  assert.match(out, /^kills +2 in mid-commit and 1 during recovery/m)
  assert.deepEqual(left, [])
})

test('what is no input is refused, and nothing is left behind', async () => {
  const empty = join(directory, 'empty')
  writeFileSync(empty, '')
  for (const [file, reason] of [
    [empty, /there are no lines/],
    [join(directory, 'none'), /there is no file/],
    [directory, /is not a regular file/],
  ] as const) {
    const { exitCode, error, left } = await demo([file])
    assert.equal(exitCode, 2)
    assert.match(error, reason)
    assert.deepEqual(left, [])
  }
  const help = await demo(['--help'])
  assert.equal(help.exitCode, 0)
  assert.match(help.out, /^Usage: npm start/)
})

test('Ctrl-C ends the job too, and cleans up', { skip: process.platform === 'win32' && 'needs signals' }, async () => {
  let isInterrupted = false
  const { exitCode, out, left } = await demo([makeInput('long.txt', 200_000)], (child, said) => {
    if (isInterrupted || !said.includes('run 1')) return
    isInterrupted = true
    child.kill('SIGINT')
  })
  assert.equal(exitCode, 130, out)
  assert.deepEqual(left, [])
})
