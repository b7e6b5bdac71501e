import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { programInterpreter } from '#src/platform/program-interpreter.js'

import { temporaryDirectory } from '../../support/temporary.js'

interface Layout {
  readonly tableAt?: number
  readonly pathAt?: number
  readonly type?: number
}

const PATH = '/lib/ld-musl-x86_64.so.1'

/** An executable with two program headers, of which the second names its loader. */
function executable({ tableAt = 64, pathAt = 400, type = 3 }: Layout = {}): Buffer {
  const bytes = Buffer.alloc(Math.max(tableAt + 112, pathAt + PATH.length + 1))
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  bytes.writeBigUInt64LE(BigInt(tableAt), 32)
  bytes.writeUInt16LE(56, 54)
  bytes.writeUInt16LE(2, 56)
  bytes.writeUInt32LE(6, tableAt)
  bytes.writeUInt32LE(type, tableAt + 56)
  bytes.writeBigUInt64LE(BigInt(pathAt), tableAt + 56 + 8)
  bytes.writeBigUInt64LE(BigInt(PATH.length + 1), tableAt + 56 + 32)
  bytes.write(PATH, pathAt)
  return bytes
}

// A Node for musl whose executable had been worked over kept the path 98 MB from its beginning. It was taken for one of glibc,
// and loaded the addon of the other library.
test('the loader of an executable is found wherever the file keeps it', (t) => {
  const path = join(temporaryDirectory(t), 'node')
  const interpreterOf = (bytes: Uint8Array): string | undefined => {
    writeFileSync(path, bytes)
    return programInterpreter(path)
  }
  assert.equal(interpreterOf(executable()), PATH)
  assert.equal(interpreterOf(executable({ pathAt: 10_000_000 })), PATH)
  assert.equal(interpreterOf(executable({ tableAt: 5000, pathAt: 64 })), PATH)
  assert.equal(interpreterOf(executable({ type: 1 })), undefined)
  assert.equal(interpreterOf(executable().fill(1, 4, 5)), undefined, 'of 32 bits')
  assert.equal(interpreterOf(executable().fill(2, 5, 6)), undefined, 'of the other byte order')
  assert.equal(interpreterOf(Buffer.from('#!/bin/sh\n')), undefined)
  assert.equal(interpreterOf(Buffer.alloc(0)), undefined)
  assert.equal(programInterpreter(join(path, 'nothing')), undefined)
})

test('it is found in a file that is cut off anywhere, or not, and nothing is thrown', (t) => {
  const path = join(temporaryDirectory(t), 'node')
  const whole = executable()
  for (let length = 0; length < whole.length; length += 3) {
    writeFileSync(path, whole.subarray(0, length))
    const found = programInterpreter(path)
    assert.ok(found === undefined || PATH.startsWith(found), `${length}: ${found}`)
  }
})
