import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { LogSpace } from '#src/journal/log-space.js'
import { Writeback } from '#src/journal/writeback.js'

/** A space of which nothing is asked but that. */
function spaceThat(startWriteback: () => Promise<boolean>, alignment = 1): LogSpace {
  return { alignment, canStartWriteback: true, startWriteback } as Partial<LogSpace> as LogSpace
}

test('is not asked for again where the file system has no such thing', async () => {
  let calls = 0
  const writeback = new Writeback(
    spaceThat(async () => {
      calls++
      return false
    }),
  )
  assert.deepEqual(writeback.primitive, { inUse: 'sync_file_range' })
  await writeback.start(0, 4096)
  assert.deepEqual(writeback.primitive, { inUse: 'none', reason: 'the system has no such call' })
  assert.equal(writeback.start(4096, 4096), undefined)
  assert.equal(calls, 1)
})

test('leaves threads of the pool to others', async () => {
  const ends: (() => void)[] = []
  const writeback = new Writeback(
    spaceThat(
      () =>
        new Promise((resolve) => {
          ends.push(() => resolve(true))
        }),
    ),
  )
  const started = [0, 1, 2].map((index) => writeback.start(index, 1))
  assert.equal(writeback.start(3, 1), undefined)
  assert.equal(ends.length, 3)
  ends[0]?.()
  await started[0]
  assert.notEqual(writeback.start(4, 1), undefined)
})

test('is none in direct mode', () => {
  const writeback = new Writeback(spaceThat(() => assert.fail(), 512))
  assert.equal(writeback.primitive.inUse, 'none')
  assert.equal(writeback.start(0, 512), undefined)
})
