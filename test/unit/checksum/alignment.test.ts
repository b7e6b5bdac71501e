import assert from 'node:assert/strict'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { kernelsOf, noise } from './reference.js'

// The area's alignment is a promise to direct I/O, and nothing in JavaScript tells an address. So a file has to say: one
// beside this test, because the directory for temporary files is often in memory, where nothing is refused.

const directory = mkdtempSync(join(import.meta.dirname, 'alignment-'))
const path = join(directory, 'file')
const bytes = noise(4096)

/** What opening a file for direct I/O and writing the bytes comes to. */
function writeDirect(source: Uint8Array): 'written' | 'refused' | 'impossible' {
  if (constants.O_DIRECT === undefined) return 'impossible'
  let file
  try {
    file = openSync(path, constants.O_CREAT | constants.O_WRONLY | constants.O_DIRECT)
  } catch {
    return 'impossible'
  }
  try {
    return writeSync(file, source, 0, source.length, 0) === source.length ? 'written' : 'refused'
  } catch {
    return 'refused'
  } finally {
    closeSync(file)
  }
}

test('the area of every engine is aligned for direct I/O', (t) => {
  t.after(() => rmSync(directory, { recursive: true }))
  const kernels = kernelsOf(8192, 1)
  const refusals = kernels.map((kernel) => writeDirect(kernel.bytes.subarray(8, 8 + 4096)))
  if (!refusals.every((refusal) => refusal === 'refused')) return t.skip('this file system does not mind alignment')
  for (const kernel of kernels) {
    kernel.bytes.set(bytes)
    assert.equal(writeDirect(kernel.bytes.subarray(0, 4096)), 'written', kernel.engine)
    assert.ok(readFileSync(path).equals(bytes))
  }
})
