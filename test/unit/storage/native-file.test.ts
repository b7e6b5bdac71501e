import assert from 'node:assert/strict'
import { constants as os } from 'node:os'
import { test } from 'node:test'

import type { NativeAddon } from '#src/platform/native-addon.js'
import { NativeFile } from '#src/storage/native-file.js'

// What only an addon that is out of memory, or ends two operations at once, would show.

/** A file by an addon of which there is only what a test needs. */
function fileBy(addon: Partial<NativeAddon>): NativeFile {
  return new NativeFile(-1, 'write', { writtenBytes: () => 0, ...addon } as NativeAddon, 'pool')
}

const bytes = Buffer.from('abc')

test('D1 D5: a write that could not be begun is told to one who blocks until it has ended', async () => {
  const file = fileBy({ writeAndSync: () => -os.errno.ENOMEM })
  const writing = file.write(bytes, 0)
  assert.throws(() => file.finishSync(), { code: 'ENOMEM' })
  await assert.rejects(writing, { code: 'ENOMEM' })
})

test('D1 D5: a write that has failed is told to one who blocks before its promise was heard, and afterwards', async () => {
  let end: (result: number, written: number) => void = () => undefined
  const file = fileBy({
    writeAndSync: (...values) => {
      end = values.at(-1) as typeof end
      return 1
    },
  })
  const writing = file.write(bytes, 0)
  end(-os.errno.ENOSPC, 0)
  assert.throws(() => file.finishSync(), { code: 'ENOSPC' })
  await assert.rejects(writing, { code: 'ENOSPC' })
  assert.throws(() => file.finishSync(), { code: 'ENOSPC' })
})

// A journal that is opened in direct mode finds out by writes that fail what alignment the device wants.
test('a failed write is told until the next one begins', async () => {
  let result = -os.errno.EINVAL
  let end: (result: number, written: number) => void = () => undefined
  const file = fileBy({
    finish: () => true,
    writeAndSync: (...values) => {
      end = values.at(-1) as typeof end
      return result
    },
  })
  await assert.rejects(file.write(bytes, 0), { code: 'EINVAL' })
  assert.throws(() => file.finishSync(), { code: 'EINVAL' })
  result = 1
  const writing = file.write(bytes, 0)
  end(0, bytes.length)
  file.finishSync()
  await writing
})
