import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { FsysError } from '#src/errors.js'
import { createHandle, type Handle } from '#src/handle/handle.js'
import { faultAt, type OperationFacts, SimDisk, writeBudget } from '#src/testing.js'

const OLD = 'old'.repeat(2000)
const NEW = 'new!'.repeat(3000)

/** Each leaves the old file, or has done its work. */
const replacing: Readonly<Record<string, (handle: Handle) => Promise<unknown>>> = {
  write: (handle) => handle.write('a', NEW),
  'write, blocking': async (handle) => handle.writeSync('a', NEW),
  'write of pieces': (handle) => handle.write('a', [NEW.slice(0, 5000), NEW.slice(5000)]),
  'write past the page cache': (handle) => handle.write('a', NEW),
  writeCopy: (handle) => handle.writeCopy('a', NEW),
  copy: (handle) => handle.copy('b', 'a'),
}

suite('whichever call fails, the old file is there whole, or the new one if that is what the error says', () => {
  for (const [name, act] of Object.entries(replacing)) {
    for (const errno of ['EIO', 'ENOSPC', 'EDQUOT', 'EMFILE'] as const) {
      test(`${name}: ${errno}`, async () => {
        let failures = 0
        for (let index = 0; ; index++) {
          const found = await failAt(name, act, index, errno)
          if (found === undefined) break
          failures += found
        }
        assert.ok(failures >= 5, `${failures} calls that matter`)
      })
    }
  }
})

/** Undefined if there is no such call any more; otherwise how many errors there were. */
async function failAt(
  name: string,
  act: (handle: Handle) => Promise<unknown>,
  index: number,
  errno: string,
): Promise<number | undefined> {
  const { disk, storage } = prepared()
  const handle = createHandle({
    storage,
    root: '/data',
    mode: 'prod',
    method: name.includes('cache') ? 'direct' : 'data',
  })
  let struck: OperationFacts | undefined
  const strike = faultAt(disk.operationCount + index, { error: errno })
  disk.faults = (operation, choices) => {
    const fault = strike(operation, choices)
    if (fault !== undefined) struck = operation
    return fault
  }
  let failure: FsysError | undefined
  try {
    await act(handle)
  } catch (error) {
    failure = error as FsysError
  }
  disk.faults = undefined
  if (struck === undefined) return undefined
  const what = `${struck.kind} ${struck.path}: ${String(failure)}`
  const isInPlace = failure === undefined || failure.code === 'ERR_FSYS_UNCONFIRMED'
  assert.equal(Buffer.from(disk.image('/data/a') ?? '').toString(), isInPlace ? NEW : OLD, what)
  // A draft that cannot be removed is the one thing that may stay.
  const drafts = disk.files().filter((path) => path.includes('.fsys-draft-'))
  if (struck.kind !== 'unlink') assert.deepEqual(drafts, [], what)
  if (failure !== undefined) {
    assert.equal(failure.name, 'FsysError', what)
    assert.equal(failure.errno, errno, what)
    if (struck.kind === 'syncDirectory') assert.equal(failure.code, 'ERR_FSYS_UNCONFIRMED', what)
    assert.match(failure.message, /"a"|"b"/u)
  }
  handle.close()
  // On this disk, what fails to be closed stays open.
  if (struck.kind !== 'close') assert.equal(disk.openFilesOf(storage), 0, what)
  return failure === undefined ? 0 : 1
}

function prepared(): { disk: SimDisk; storage: ReturnType<SimDisk['process']> } {
  const disk = new SimDisk()
  disk.makeDirectory('/data')
  const storage = disk.process()
  const handle = createHandle({ storage, root: '/data', mode: 'prod' })
  handle.writeSync('a', OLD)
  handle.writeSync('b', NEW)
  handle.close()
  return { disk, storage }
}

test('a file that does not fit leaves the old one, and no draft, wherever the room ends', async () => {
  for (const room of [0, 1, 512, 4096, 5000, 11_999]) {
    for (const code of ['ENOSPC', 'EDQUOT']) {
      const { disk, storage } = prepared()
      const handle = createHandle({ storage, root: '/data', mode: 'prod' })
      disk.faults = writeBudget(room, code)
      await assert.rejects(handle.write('a', NEW), { code: 'ERR_FSYS_NO_SPACE', errno: code })
      assert.equal(Buffer.from(disk.image('/data/a') ?? '').toString(), OLD)
      assert.deepEqual(disk.files(), ['/data/a', '/data/b'])
    }
  }
})

test('short writes are finished', async () => {
  const { disk, storage } = prepared()
  disk.faults = ({ kind, length = 0 }) => (kind === 'write' && length > 100 ? { short: 100 } : undefined)
  const handle = createHandle({ storage, root: '/data', mode: 'prod' })
  await handle.write('a', NEW)
  assert.equal(Buffer.from(disk.image('/data/a') ?? '').toString(), NEW)
})

test('short appends are finished, and one that does not fit is told', async () => {
  const { disk, storage } = prepared()
  const handle = createHandle({ storage, root: '/data', mode: 'prod' })
  disk.faults = ({ kind, length = 0 }) => (kind === 'append' && length > 100 ? { short: 100 } : undefined)
  await handle.append('a', NEW)
  assert.equal(Buffer.from(disk.image('/data/a') ?? '').toString(), OLD + NEW)
  disk.faults = writeBudget(1000)
  await assert.rejects(handle.append('a', NEW), { code: 'ERR_FSYS_NO_SPACE' })
  assert.ok(
    Buffer.from(disk.image('/data/a') ?? '')
      .toString()
      .startsWith(OLD + NEW),
  )
})

test('a directory that cannot be synced: the error says that the new content is in place', async () => {
  const { disk, storage } = prepared()
  const handle = createHandle({ storage, root: '/data', mode: 'prod' })
  disk.faults = ({ kind }) => (kind === 'syncDirectory' ? { error: 'EIO' } : undefined)
  const acts: readonly ((handle: Handle) => Promise<unknown>)[] = [
    () => handle.write('a', NEW),
    () => handle.append('a', 'x'),
    () => handle.rename('a', 'c'),
    () => handle.delete('c'),
  ]
  for (const act of acts) {
    await assert.rejects(act(handle), (error: FsysError) => {
      assert.equal(error.code, 'ERR_FSYS_UNCONFIRMED')
      assert.equal(error.errno, 'EIO')
      assert.match(error.message, /is done, but not confirmed: a power cut may undo it/u)
      return true
    })
  }
})

test('where directories cannot be synced, writes go on, and the handle says so', async (context) => {
  const disk = new SimDisk({ directorySync: false })
  const warnings: unknown[] = []
  const onWarning = (warning: Error): void => void warnings.push((warning as { code?: unknown }).code)
  process.on('warning', onWarning)
  context.after(() => process.off('warning', onWarning))
  const handle = createHandle({ storage: disk.process(), mode: 'dev' })
  assert.equal(handle.syncsDirectories, true)
  await handle.write('/a', 'x')
  await handle.write('/a', 'y')
  assert.equal(handle.syncsDirectories, false)
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(warnings, ['FSYS_FALLBACK'])
})
