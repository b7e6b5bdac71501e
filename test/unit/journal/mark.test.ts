import assert from 'node:assert/strict'
import { test } from 'node:test'

import { decodeMark, encodeMark } from '#src/journal/mark.js'

const mark = {
  sequence: 3,
  inode: 1234567n,
  birthTime: 1700000000123456789n,
  gapFreeLsn: 0,
  durableLsn: 4294967331,
}
const knownAnswer =
  '46535953 4d41524b 03000000 00000000 87d61200 00000000 15cd853d fe9c9717' +
  '00000000 00000000 23000000 01000000 00000000 00000000 00000000 65004356'

test('FORMAT.md, The mark: the known answer, to the byte', () => {
  assert.equal(encodeMark(mark).toString('hex'), knownAnswer.replaceAll(' ', ''))
  assert.deepEqual(decodeMark(encodeMark(mark)), mark)
})

test('a mark holds every LSN, inode and birth time', () => {
  const extreme = {
    sequence: Number.MAX_SAFE_INTEGER,
    inode: 2n ** 64n - 1n,
    birthTime: -1n,
    gapFreeLsn: Number.MAX_SAFE_INTEGER,
    durableLsn: Number.MAX_SAFE_INTEGER,
  }
  assert.deepEqual(decodeMark(encodeMark(extreme)), extreme)
})

test('a slot with any bit flipped, or cut short, says nothing', () => {
  const slot = encodeMark(mark)
  for (let bit = 0; bit < slot.length * 8; bit++) {
    const flipped = Buffer.from(slot)
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
    assert.equal(decodeMark(flipped), undefined)
  }
  for (let length = 0; length < slot.length; length++) assert.equal(decodeMark(slot.subarray(0, length)), undefined)
})
