import assert from 'node:assert/strict'
import { openSync, readFileSync } from 'node:fs'
import { constants as os } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { NativeFile } from '#src/storage/native-file.js'

import { provideDiskWithoutPlaces } from '../support/loop-disk.js'
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
    const failed = { code: 'EIO', syscall: 'fdatasync' }
    for (let time = 0; time < 2; time++) assert.throws(() => file.finishSync(), failed)
    await assert.rejects(failing, failed)
    const next = file.writeAndSync(bytes, 0)
    file.finishSync()
    await next
  })
}

// Seen on Linux 6.18: the sync behind it answers that all is well, and the file is empty.
for (const how of ['waiting', 'blocking'] as const) {
  test(`D1 D5: what ext4 drops when it is to begin with it is told, ${how}`, async (t) => {
    const addon = addonFor(t)
    if (addon === undefined) return
    const disk = provideDiskWithoutPlaces(t)
    if (disk === undefined) return
    const file = new NativeFile(openSync(join(disk.path, 'file'), 'w+'), 'write', addon, 'pool')
    file.writeSync(bytes, 0)
    const failed = { code: /^(?:EBADMSG|EUCLEAN|ENOSPC)$/u, syscall: 'sync_file_range' }
    const isTold = assert.rejects(file.startWriteback(0, bytes.length), failed)
    if (how === 'blocking') assert.throws(() => file.finishWritebackSync(), failed)
    await isTold
    // Also if it was heard of already.
    assert.throws(() => file.finishWritebackSync(), failed)
    const [synced] = await Promise.allSettled([file.dataSync()])
    t.diagnostic(`the sync behind it is ${synced?.status}`)
    file.closeSync()
  })
}

test('D5: only a call that is missing or forbidden says that nothing can be begun with', async (t) => {
  const addon = addonFor(t)
  if (addon === undefined) return
  const answering = (errno: number): NativeFile => {
    const startWriteback: FaultyAddon['startWriteback'] = (_fd, _offset, _length, callback) => {
      queueMicrotask(() => callback(-errno))
      return 1
    }
    const file = new NativeFile(
      openSync(join(diskDirectory(t), 'f'), 'w+'),
      'write',
      { ...addon, startWriteback },
      'pool',
    )
    t.after(() => file.closeSync())
    return file
  }
  assert.equal(await answering(os.errno.ENOSYS).startWriteback(0, 1), false)
  assert.equal(await answering(os.errno.EPERM).startWriteback(0, 1), false)
  await assert.rejects(answering(os.errno.EINVAL).startWriteback(0, 1), { code: 'EINVAL' })
  await assert.rejects(answering(os.errno.EOPNOTSUPP).startWriteback(0, 1), { code: 'ENOTSUP' })
})
