import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

test('docs/errors.md has every code once, and no other', () => {
  const codes = readFileSync('src/errors.ts', 'utf8').match(/(?<=^ {2}\| ')ERR_FSYS_[A-Z_]+(?=')/gmu) ?? []
  const listed = readFileSync('docs/errors.md', 'utf8').match(/(?<=^\| `)ERR_FSYS_[A-Z_]+(?=`)/gmu) ?? []
  assert.ok(codes.length > 20)
  assert.deepEqual(listed.toSorted(), codes.toSorted())
})
