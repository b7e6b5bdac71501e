import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { encodeHeader, isRecoverable, judgeHeader } from '#src/frame/frame.js'

const frameOf = (length: number): Uint8Array => {
  const head = new Uint8Array(8)
  encodeHeader(new DataView(head.buffer), 0, length)
  return head
}

describe('FORMAT.md, Frame', () => {
  test('a header is the magic and the version, and the length as a little-endian u32', () => {
    assert.deepEqual([...frameOf(0x0a0b0c0d)], [0x46, 0x53, 0x59, 0x01, 0x0d, 0x0c, 0x0b, 0x0a])
  })
})

describe('FORMAT.md, Reading: what the first bytes at a frame position say', () => {
  const cases: readonly [
    what: string,
    head: readonly number[],
    position: number,
    remaining: number,
    verdict: string,
  ][] = [
    ['the end of the file', [], 100, 0, 'clean-end'],
    ['a zero byte, the last of the file', [0], 100, 1, 'zero'],
    ['a zero byte before anything', [0, 0x46, 0x53, 0x59, 1, 0, 0, 0], 100, 500, 'zero'],
    ['one byte of the magic at the end of the file', [0x46], 100, 1, 'truncated-header'],
    ['three bytes of the magic at the end of the file', [0x46, 0x53, 0x59], 100, 3, 'truncated-header'],
    ['the magic and half a length at the end of the file', [0x46, 0x53, 0x59, 1, 5, 0], 100, 6, 'truncated-header'],
    ['one wrong byte at the end of the file', [0x47], 100, 1, 'bad-magic'],
    ['another version at the end of the file', [0x46, 0x53, 0x59, 2], 100, 4, 'bad-magic'],
    ['another version', [0x46, 0x53, 0x59, 2, 5, 0, 0, 0], 100, 500, 'bad-magic'],
    ['a wrong first byte', [0x47, 0x53, 0x59, 1, 5, 0, 0, 0], 100, 500, 'bad-magic'],
    ['a magic torn behind its first byte at a sector', [0x46, 0, 0, 0, 0, 0, 0, 0], 511, 500, 'truncated-header'],
    [
      'a magic torn behind its third byte at a sector',
      [0x46, 0x53, 0x59, 0, 0, 0, 0, 0],
      4093,
      500,
      'truncated-header',
    ],
    ['a magic torn at a sector, and the file ends soon', [0x46, 0x53, 0, 0], 510, 4, 'truncated-header'],
    ['a magic torn elsewhere, by a short write', [0x46, 0x53, 0, 0, 0, 0, 0, 0], 100, 500, 'truncated-header'],
    ['a magic torn elsewhere, and something behind', [0x46, 0x53, 0, 0, 0, 0, 0, 9], 100, 500, 'bad-magic'],
    [
      'a magic torn by a short write, and the next sector is there',
      [0x46, 0, 0, 1, 5, 0, 0, 0],
      509,
      500,
      'truncated-header',
    ],
    ['a magic torn by a short write, and the wrong sector', [0x46, 0, 0, 1, 5, 0, 0, 0], 508, 500, 'bad-magic'],
    ['a magic torn at a sector, and something behind', [0x46, 0x53, 0, 0, 0, 0, 0, 9], 510, 500, 'bad-magic'],
    ['a magic torn at a sector far up in the file', [0x46, 0, 0, 0, 0, 0, 0, 0], 2 ** 52 - 1, 500, 'truncated-header'],
    ['a length over the limit', [0x46, 0x53, 0x59, 1, 0, 0, 0, 0x10], 100, 500, 'length-overflow'],
    ['the highest length that a u32 can say', [0x46, 0x53, 0x59, 1, 255, 255, 255, 255], 100, 500, 'length-overflow'],
    [
      'the highest length, in a file that is shorter',
      [0x46, 0x53, 0x59, 1, 255, 255, 255, 15],
      100,
      500,
      'truncated-payload',
    ],
    [
      'the highest length, in a file that holds it',
      [0x46, 0x53, 0x59, 1, 255, 255, 255, 15],
      100,
      2 ** 28 + 11,
      'frame',
    ],
    ['a frame that ends where the file does', [0x46, 0x53, 0x59, 1, 5, 0, 0, 0], 100, 17, 'frame'],
    ['a frame that ends a byte later', [0x46, 0x53, 0x59, 1, 5, 0, 0, 0], 100, 16, 'truncated-payload'],
    ['an empty record', [0x46, 0x53, 0x59, 1, 0, 0, 0, 0], 100, 12, 'frame'],
    ['an empty record without all of its checksum', [0x46, 0x53, 0x59, 1, 0, 0, 0, 0], 100, 11, 'truncated-payload'],
  ]
  for (const [what, head, position, remaining, verdict] of cases) {
    test(`${what}: ${verdict}`, () => assert.equal(judgeHeader(Uint8Array.from(head), position, remaining), verdict))
  }

  test('only damage that no crash explains is not recoverable', () => {
    assert.deepEqual(
      (
        [
          'clean-end',
          'truncated-header',
          'truncated-payload',
          'checksum-mismatch',
          'bad-magic',
          'length-overflow',
        ] as const
      ).map(isRecoverable),
      [true, true, true, true, false, false],
    )
  })
})
