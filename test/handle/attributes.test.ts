import assert from 'node:assert/strict'
import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { keepAttributes } from '#src/handle/attributes.js'
import { createHandle } from '#src/handle/handle.js'
import { runSync } from '#src/storage/steps.js'
import { SimDisk } from '#src/testing.js'

import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

test('set-user-id bits are not given to another owner', () => {
  const disk = new SimDisk()
  const file = disk.process().openSync('/a', 'create')
  const facts = file.statSync()
  // Its processes are not the superuser.
  assert.deepEqual(runSync(keepAttributes(file, { ...facts, user: 0, permissions: 0o4755 })), { owner: false })
  assert.equal(file.statSync().permissions, 0o755)
  assert.deepEqual(runSync(keepAttributes(file, { ...facts, permissions: 0o4755 })), { owner: true })
  assert.equal(file.statSync().permissions, 0o4755)
})

test('writeCopy keeps owner, group and set-user-id bits for the superuser, write does not', async (context) => {
  if (process.getuid?.() !== 0) return unavailable(context, 'that takes a superuser')
  const path = join(temporaryDirectory(context), 'a')
  const handle = createHandle({ mode: 'prod' })
  const prepare = (): void => {
    writeFileSync(path, 'old')
    chownSync(path, 1234, 5678)
    chmodSync(path, 0o6750)
  }
  const found = (): number[] => {
    const { uid, gid, mode } = statSync(path)
    return [uid, gid, mode & 0o7777]
  }
  prepare()
  assert.deepEqual(await handle.writeCopy(path, 'new'), { owner: true })
  assert.deepEqual(found(), [1234, 5678, 0o6750])
  await handle.write(path, 'newer')
  assert.deepEqual(found(), [process.getuid(), process.getgid?.(), 0o750])
})
