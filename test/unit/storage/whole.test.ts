import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { run, runSync } from '#src/storage/steps.js'
import { readWhole, writeWhole } from '#src/storage/whole.js'

/** A file whose calls move no more bytes than they are told to, one number a call, and then none at all. */
class Slow {
  readonly bytes: Buffer
  readonly #steps: number[]
  #calls = 0

  constructor(bytes: Buffer, ...steps: number[]) {
    this.bytes = bytes
    this.#steps = steps
  }

  readSync(target: Uint8Array, position: number): number {
    return this.bytes.copy(target, 0, position, position + this.#step(target.length))
  }

  writeSync(source: Uint8Array, position: number): number {
    const count = this.#step(source.length)
    this.bytes.set(source.subarray(0, count), position)
    return count
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    return this.readSync(target, position)
  }

  async write(source: Uint8Array, position: number): Promise<number> {
    return this.writeSync(source, position)
  }

  #step(wanted: number): number {
    if (++this.#calls > 100) throw new Error('asked again and again')
    return Math.min(this.#steps.shift() ?? 0, wanted)
  }
}

const LETTERS = Buffer.from('abcdefgh')

describe('moving all of it', () => {
  test('D1: a short write is continued where it has stopped', async () => {
    for (const go of [runSync, run]) {
      const file = new Slow(Buffer.alloc(10), 1, 3, 2, 9)
      await go(writeWhole(file, LETTERS, 2))
      assert.equal(file.bytes.toString('latin1'), '\0\0abcdefgh')
    }
  })

  test('D10: a write that makes no progress is an error', async () => {
    assert.throws(() => runSync(writeWhole(new Slow(Buffer.alloc(8), 3), LETTERS, 0)), { code: 'EIO' })
    await assert.rejects(run(writeWhole(new Slow(Buffer.alloc(8), 3), LETTERS, 0)), { code: 'EIO' })
  })

  test('D2: a short read is continued, and ends where the file does', async () => {
    for (const go of [runSync, run]) {
      const target = Buffer.alloc(8, '.')
      assert.equal(await go(readWhole(new Slow(LETTERS, 1, 2, 9), target, 2)), 6)
      assert.equal(target.toString(), 'cdefgh..')
    }
  })
})
