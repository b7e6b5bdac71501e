import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { openJournal } from '#src/journal/open-journal.js'
import { openReader } from '#src/journal/reader.js'

import { noMarks } from '../support/marks.js'
import { temporaryDirectory } from '../support/temporary.js'
import { KILLS, type Ran, random, runExample, seed } from './killing.js'

const directory = temporaryDirectory()

const auditLog = (path: string, command: string, input = '', killedAfter?: number): Promise<Ran> =>
  runExample(['examples/audit-log/main.js', command, '--log', path], input, killedAfter)

test(`the audit log, killed ${KILLS} times at random moments, holds every entry of which there is a receipt`, async () => {
  const path = join(directory, 'killed.wal')
  const receipts: string[] = []
  const texts = new Map<number, string>()
  for (let kill = 0; kill < KILLS; kill++) {
    const input = Array.from({ length: 200 }, (_, line) => `life ${kill}, line ${line}`)
    const { lines, stderr } = await auditLog(
      path,
      'record',
      `${input.join('\n')}\n`,
      random.below(3) * random.below(60),
    )
    assert.equal(stderr, '', `seed ${seed}`)
    // Receipts come in the order of the input.
    for (const [index, line] of lines.entries()) texts.set(Number(line.split(' ', 1)[0]), input[index] as string)
    receipts.push(...lines)
  }
  assert.ok(receipts.length > KILLS, 'there was something to lose')
  const verified = await auditLog(path, 'verify', `${receipts.join('\n')}\n`)
  assert.deepEqual([verified.status, verified.stderr], [0, ''], `seed ${seed}`)
  const shown = (await auditLog(path, 'show')).lines
  for (const [number, text] of texts)
    assert.ok(shown[number - 1]?.endsWith(` ${text}`), `entry ${number}, seed ${seed}`)
})

/** A log of three entries, and their receipts; and then somebody has changed it. */
async function forge(name: string, change: (entries: string[]) => readonly string[]): Promise<Ran> {
  const path = join(directory, name)
  const { lines } = await auditLog(path, 'record', 'one\ntwo\nthree\n')
  const entries = [...openReader(path)].map(({ payload }) => Buffer.from(payload).toString())
  const forged = await openJournal(`${path}.forged`)
  forged.appendBatch(change(entries))
  await forged.close()
  return await auditLog(`${path}.forged`, 'verify', `${lines.join('\n')}\n`)
}

test('whoever changes, removes or adds entries of the audit log is found out', async () => {
  const whole = await forge('whole', (entries) => entries)
  assert.deepEqual([whole.status, whole.lines], [0, ['3 entries, all as they were recorded']])
  const attempts: readonly (readonly [string, RegExp, (entries: string[]) => readonly string[]])[] = [
    ['changed', /does not follow entry 2/u, ([a = '', b = '', c = '']) => [a, b.replace('two', '2'), c]],
    [
      'last-changed',
      /entry 3 is not that of the receipt/u,
      ([a = '', b = '', c = '']) => [a, b, c.replace('three', '3')],
    ],
    ['removed', /does not follow entry 1/u, ([a = '', , c = '']) => [a, c]],
    ['cut-short', /entry 3 is missing/u, ([a = '', b = '']) => [a, b]],
    ['swapped', /does not follow entry 1/u, ([a = '', b = '', c = '']) => [a, c, b]],
    ['added', /does not follow entry 3/u, (entries) => [...entries, '{"number":4,"previous":"0","text":"four"}']],
    ['emptied', /entry 1 is missing/u, () => []],
  ]
  for (const [name, complaint, change] of attempts) {
    const { status, stderr, lines } = await forge(name, change)
    assert.deepEqual([status, lines], [1, []], name)
    assert.match(stderr, complaint, name)
  }
})

test('a byte of the audit log that has turned is found out, without any receipt', { skip: noMarks }, async () => {
  const path = join(directory, 'rotten')
  await auditLog(path, 'record', 'one\ntwo\nthree\n')
  const bytes = readFileSync(path)
  bytes[bytes.indexOf('three')] = 0x58
  writeFileSync(path, bytes)
  const { status, stderr } = await auditLog(path, 'verify')
  assert.equal(status, 1)
  assert.match(stderr, /all below LSN|confirmed|damaged/u)
})
