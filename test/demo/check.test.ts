import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { openJournal } from 'fsys'

import { Acknowledgements } from '../../demo/acknowledgements.js'
import { type Check, checkJournal, compareRecovery } from '../../demo/check.js'
import { temporaryDirectory } from '../support/temporary.js'

const directory = temporaryDirectory()
const INPUT = ['one', 'two', '', 'four', 'five', 'six', 'seven', 'eight']
let number = 0

/** A journal with these records, of which the first `acknowledged` were acknowledged, held against the input. */
async function check(
  records: readonly string[],
  acknowledged = records.length,
  damage: (journal: Buffer) => Buffer = (journal) => journal,
): Promise<Check> {
  const journalPath = join(directory, `${++number}.wal`)
  const inputPath = join(directory, 'input')
  writeFileSync(inputPath, `${INPUT.join('\n')}\n`)
  const acknowledgements = new Acknowledgements()
  const journal = await openJournal(journalPath)
  for (const [line, record] of records.entries()) {
    const lsn = journal.append(record)
    if (line < acknowledged) acknowledgements.add(line, lsn)
  }
  await journal.close()
  writeFileSync(journalPath, damage(readFileSync(journalPath)))
  return checkJournal(journalPath, inputPath, acknowledgements)
}

test('the check is content with the whole input, and with the beginning of it', async () => {
  const whole = await check(INPUT)
  assert.equal(whole.difference, undefined)
  assert.equal(whole.records, INPUT.length)
  assert.equal(whole.textBytes, INPUT.join('').length)
  assert.equal(whole.cleanEnd, whole.fileBytes)
  const beginning = await check(INPUT.slice(0, 5), 3)
  assert.equal(beginning.difference, undefined)
  assert.equal(beginning.records, 5)
  assert.equal(beginning.unacknowledged, 2)
})

test('the check is content with a torn tail behind all that was acknowledged (D2)', async () => {
  const { difference, records, cleanEnd, fileBytes, tailState, tailDigest } = await check(INPUT, 5, (journal) =>
    journal.subarray(0, -1),
  )
  assert.equal(difference, undefined)
  assert.equal(records, INPUT.length - 1)
  assert.equal(fileBytes - cleanEnd, 12 + 'eight'.length - 1)
  assert.equal(tailState, 'truncated-payload')
  assert.match(tailDigest ?? '', /^[0-9a-f]{64}$/)
})

test('the check finds a line that is missing (D2)', async () => {
  const { difference } = await check(INPUT.toSpliced(4, 1))
  assert.equal(difference?.line, 4)
  assert.equal(difference.expected, '"five" (4 bytes)')
  assert.equal(difference.found, '"six" (3 bytes), which is the text of line 6')
})

test('the check finds lines that were lost at the end, if they were acknowledged (D1)', async () => {
  const { difference } = await check(INPUT, INPUT.length, (journal) => journal.subarray(0, -17))
  assert.equal(difference?.line, 7)
  assert.match(difference.what, /acknowledged and is lost/)
  assert.equal(difference.expected, '"eight" (5 bytes)')
  assert.match(difference.found, /^7 records, and then clean-end at LSN \d+$/)
})

test('the check finds a line that was changed (D3)', async () => {
  const { difference } = await check(INPUT.with(3, 'fouR'))
  assert.equal(difference?.line, 3)
  assert.match(difference.what, /from byte 3 of it on/)
  assert.equal(difference.found, '"fouR" (4 bytes)')
})

test('the check finds each flipped bit of a journal whose lines were all acknowledged (D3)', async () => {
  const { fileBytes } = await check(INPUT)
  for (let position = 0; position < fileBytes; position++) {
    const { difference } = await check(INPUT, INPUT.length, (journal) => {
      journal.writeUInt8(journal.readUInt8(position) ^ (1 << (position % 8)), position)
      return journal
    })
    assert.notEqual(difference, undefined, `byte ${position}`)
  }
})

test('the check finds lines that were reordered (D2)', async () => {
  const { difference } = await check(INPUT.with(4, 'six').with(5, 'five'))
  assert.equal(difference?.line, 4)
  assert.equal(difference.found, '"six" (3 bytes), which is the text of line 6')
})

test('the check finds a line that is there twice (D3)', async () => {
  const { difference } = await check(INPUT.toSpliced(2, 0, 'two'))
  assert.equal(difference?.line, 2)
  assert.equal(difference.found, '"two" (3 bytes), which is the text of line 2')
  const last = await check([...INPUT, 'eight'])
  assert.equal(last.difference?.line, 8)
  assert.match(last.difference.what, /more than the input has lines/)
})

test('the check finds a line that was acknowledged with a wrong LSN', async () => {
  const journalPath = join(directory, 'lsn.wal')
  const inputPath = join(directory, 'input')
  const acknowledgements = new Acknowledgements()
  const journal = await openJournal(journalPath)
  acknowledgements.add(0, await journal.commit('one'))
  acknowledgements.add(1, (await journal.commit('two')) + 1)
  await journal.close()
  const { difference } = await checkJournal(journalPath, inputPath, acknowledgements)
  assert.equal(difference?.line, 1)
  assert.equal(difference.expected, 'a record that ends at LSN 31')
  assert.equal(difference.found, 'one that ends at LSN 30')
})

test('a recovery must find the records that are there, and save what it cuts off (D6, D7)', async () => {
  const journalPath = join(directory, 'recovery.wal')
  const inputPath = join(directory, 'input')
  const journal = await openJournal(journalPath)
  journal.appendBatch(['one', 'two'])
  await journal.close()
  writeFileSync(journalPath, Buffer.concat([readFileSync(journalPath), Buffer.from('FSY\x01\x09\0\0\0torn')]))
  const found = await checkJournal(journalPath, inputPath, new Acknowledgements())
  const reopened = await openJournal(journalPath)
  const { recovery } = reopened.info
  await reopened.close()
  assert.equal(compareRecovery(recovery, found), undefined)
  assert.match(compareRecovery({ ...recovery, records: 1 }, found)?.what ?? '', /something else/)
  assert.match(compareRecovery({ ...recovery, savedTail: undefined }, found)?.what ?? '', /not saved/)
  assert.match(compareRecovery(recovery, { ...found, tailDigest: undefined })?.what ?? '', /not saved/)
})

test('an acknowledgement is taken once for each line', () => {
  const acknowledgements = new Acknowledgements()
  assert.equal(acknowledgements.add(5000, 17), true)
  assert.equal(acknowledgements.add(5000, 35), false)
  assert.equal(acknowledgements.lsnOf(5000), 17)
  assert.equal(acknowledgements.lsnOf(4999), undefined)
  assert.equal(acknowledgements.lsnOf(1e9), undefined)
  assert.equal(acknowledgements.count, 1)
  assert.equal(acknowledgements.lineCount, 5001)
})
