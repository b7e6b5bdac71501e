import assert from 'node:assert/strict'
import { openSync, readFileSync } from 'node:fs'
import { constants as os } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { NativeFile } from '#src/storage/native-file.js'

import { addonFor, diskDirectory, Fault, type FaultyAddon, ringFor } from './support.js'

interface Bench {
  readonly file: NativeFile
  readonly addon: FaultyAddon
  readonly path: string
}

function benchFor(context: TestContext, engine: 'pool' | 'uring'): Bench | undefined {
  const addon = engine === 'uring' ? ringFor(context) : addonFor(context)
  if (addon === undefined) return undefined
  const path = join(diskDirectory(context), 'file')
  const file = new NativeFile(openSync(path, 'w+'), 'write', addon, engine)
  context.after(() => file.closeSync())
  return { file, addon, path }
}

const bytes = Buffer.from(Uint8Array.from({ length: 100_000 }, (_, index) => index * 7))

for (const engine of ['pool', 'uring'] as const) {
  test(`a file by ${engine}: every way to write writes all, blocking and waiting`, async (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    const { file, addon, path } = bench
    const ways: (() => Promise<unknown> | void)[] = [
      () => file.write(bytes, 0),
      () => file.writeAndSync(bytes, 0),
      () => file.writeAndSyncSync(bytes, 0),
      () => file.writeThrough(bytes, 0),
      () => file.writeThroughSync(bytes, 0),
    ]
    for (const way of ways) {
      file.truncateSync(0)
      addon.setFault(Fault.shortWrite, 0, 1000)
      await way()
      assert.ok(readFileSync(path).equals(bytes))
    }
    assert.equal(await file.write(bytes, 0), bytes.length)
  })

  test(`a file by ${engine}: D1 D5 what is written and synced hears of a failed sync, blocking and waiting`, async (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    const { file, addon } = bench
    const failed = { code: 'EIO', syscall: 'fdatasync' }
    addon.setFault(Fault.sync, 0, os.errno.EIO)
    await assert.rejects(file.writeAndSync(bytes, 0), failed)
    addon.setFault(Fault.sync, 0, os.errno.EIO)
    assert.throws(() => file.writeAndSyncSync(bytes, 0), failed)
    // Both have used up their fault.
    file.writeAndSyncSync(bytes, 0)
    addon.setFault(Fault.write, 0, os.errno.ENOSPC)
    assert.throws(() => file.writeThroughSync(bytes, 0), { code: 'ENOSPC', syscall: 'write' })
    addon.setFault(Fault.write, 0, os.errno.ENOSPC)
    await assert.rejects(file.write(bytes, 0), { code: 'ENOSPC', syscall: 'write' })
  })

  test(`a file by ${engine}: D4b finishSync waits for what is unfinished, and tells its failure`, async (t) => {
    const bench = benchFor(t, engine)
    if (bench === undefined) return
    const { file, addon, path } = bench
    file.finishSync()
    const writing = [file.write(bytes, 0), file.writeThrough(bytes, bytes.length)]
    file.finishSync()
    assert.ok(readFileSync(path).equals(Buffer.concat([bytes, bytes])))
    await Promise.all(writing)
    addon.setFault(Fault.sync, 0, os.errno.EIO)
    const failing = file.writeAndSync(bytes, 0)
    assert.throws(() => file.finishSync(), { code: 'EIO', syscall: 'fdatasync' })
    file.finishSync()
    await assert.rejects(failing, { code: 'EIO', syscall: 'fdatasync' })
  })
}
