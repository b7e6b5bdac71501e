import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { BatchError } from '#src/handle/batch-error.js'
import type { BatchOptions } from '#src/handle/batch-options.js'
import { createHandle, type Handle } from '#src/handle/handle.js'
import { exploreEveryCrash, faultAt, SimDisk, writeBudget } from '#src/testing.js'

const BEFORE: Readonly<Record<string, string>> = {
  a: 'old a',
  'd/b': 'old b',
  c: 'old c',
  from: 'moved',
  source: 'copied',
}

/** The operations, and by index how to tell from the files whether each is done. */
function commit(handle: Handle, options: BatchOptions): Promise<void> {
  return handle
    .batch()
    .write('a', 'new a')
    .write('d/b', ['new', ' b'])
    .delete('c')
    .rename('from', 'd/to')
    .copy('source', 'd/copy')
    .write('e', 'made')
    .commit(options)
}

const DONE: readonly ((text: (path: string) => string | undefined) => boolean | undefined)[] = [
  (text) => oneOf(text('a'), 'old a', 'new a'),
  (text) => oneOf(text('d/b'), 'old b', 'new b'),
  (text) => oneOf(text('c'), 'old c', undefined),
  (text) => {
    const [from, to] = [text('from'), text('d/to')]
    assert.deepEqual([from, to].filter(Boolean), ['moved'], 'it is in one of the two places')
    return to !== undefined
  },
  (text) => oneOf(text('d/copy'), undefined, 'copied'),
  (text) => oneOf(text('e'), undefined, 'made'),
]

/** Whether it is the new one; anything else than the two is a mixture. */
function oneOf(found: string | undefined, old: string | undefined, done: string | undefined): boolean {
  assert.ok(found === old || found === done, `${found} is neither ${old} nor ${done}`)
  return found === done
}

function prepare(disk: SimDisk): void {
  for (const path of ['/data', '/data/d']) disk.makeDirectory(path)
  const handle = createHandle({ storage: disk.process(), root: '/data', mode: 'prod' })
  for (const [path, content] of Object.entries(BEFORE)) handle.writeSync(path, content)
  handle.close()
}

function whatIsDone(disk: SimDisk): (boolean | undefined)[] {
  return DONE.map((isDone) =>
    isDone((path) => {
      const image = disk.image(`/data/${path}`)
      return image && Buffer.from(image).toString()
    }),
  )
}

suite('a batch: whatever crash comes, each operation is done or not, and all are once it was acknowledged', () => {
  for (const options of [{}, { grouped: false, concurrency: 1 }]) {
    test(JSON.stringify(options), async () => {
      const explored = await exploreEveryCrash({ fates: 1 }, async (world) => {
        prepare(world.disk)
        let isAcknowledged = false
        await world.run(async (storage) => {
          const handle = createHandle({ storage, root: '/data', mode: 'prod' })
          await commit(handle, options)
          isAcknowledged = true
          // Something at which the power can be cut, after the acknowledgement.
          await handle.exists('a')
          handle.close()
        })
        const done = whatIsDone(world.disk)
        if (isAcknowledged) assert.ok(done.every(Boolean), done.join())
        // One by one, what comes later is not there without what came before.
        if ('grouped' in options && 'concurrency' in options) {
          const first = done.indexOf(false)
          if (first !== -1) assert.ok(!done.slice(first).includes(true), done.join())
        }
        await world.check(async (storage) => {
          const handle = createHandle({ storage, root: '/data', mode: 'prod' })
          await handle.writeBatch(Object.entries({ swept: '', 'd/swept': '' }))
          assert.deepEqual(
            world.disk.files().filter((path) => path.includes('.fsys-draft-')),
            [],
          )
          handle.close()
        })
      })
      assert.ok(explored.powerCuts > 50 && explored.kills > 20)
    })
  }
})

suite('a batch: whichever call fails, what it says of each operation is so, also after a power cut', () => {
  for (const errno of ['EIO', 'ENOSPC'] as const) {
    for (const options of [{}, { grouped: false, concurrency: 1 }]) {
      test(`${errno} ${JSON.stringify(options)}`, async () => {
        let failures = 0
        for (let index = 0; ; index++) {
          const found = await failAt(index, errno, options)
          if (found === undefined) break
          failures += found
        }
        assert.ok(failures > 20, `${failures}`)
      })
    }
  }
})

async function failAt(index: number, errno: string, options: BatchOptions): Promise<number | undefined> {
  const disk = new SimDisk()
  prepare(disk)
  const storage = disk.process()
  const handle = createHandle({ storage, root: '/data', mode: 'prod' })
  const strike = faultAt(disk.operationCount + index, { error: errno })
  let struck: string | undefined
  disk.faults = (operation, choices) => {
    const fault = strike(operation, choices)
    if (fault !== undefined) struck = `${operation.kind} ${operation.path}`
    return fault
  }
  const failure = await commit(handle, options).then(
    () => undefined,
    (error: unknown) => error as BatchError,
  )
  disk.faults = undefined
  if (struck === undefined) return undefined
  const seen = whatIsDone(disk)
  handle.close()
  if (!struck.startsWith('close')) assert.equal(disk.openFilesOf(storage), 0, struck)
  disk.cutPower('none')
  const durable = whatIsDone(disk)
  if (failure === undefined) {
    assert.ok(durable.every(Boolean), struck)
    return 0
  }
  assert.equal(failure.code, 'ERR_FSYS_BATCH', `${struck}: ${String(failure)}`)
  const { completed, unconfirmed, failed, notStarted } = failure
  const all = [...completed, ...unconfirmed, ...notStarted, ...failed.map((each) => each.index)]
  assert.deepEqual(
    all.toSorted((one, other) => one - other),
    [0, 1, 2, 3, 4, 5],
    struck,
  )
  for (const each of completed) assert.ok(durable[each], `${struck}: ${each} is completed`)
  for (const each of unconfirmed) assert.ok(seen[each], `${struck}: ${each} is unconfirmed`)
  for (const each of notStarted) assert.equal(seen[each], false, `${struck}: ${each} was not started`)
  for (const { index: each, error } of failed) {
    assert.equal(seen[each], false, `${struck}: ${each} has failed`)
    assert.equal((error as { errno?: unknown }).errno, errno)
  }
  assert.equal(failed.length > 0 || unconfirmed.length > 0, true, struck)
  return 1
}

test('a full disk in a batch leaves old files, or new ones, and says which', async () => {
  const disk = new SimDisk()
  prepare(disk)
  const handle = createHandle({ storage: disk.process(), root: '/data', mode: 'prod' })
  const files = Array.from({ length: 40 }, (_, index): [string, string] => [`f${index}`, 'x'.repeat(5000)])
  disk.faults = writeBudget(60_000)
  const failure = await handle.writeBatch(files, { concurrency: 4 }).then(
    () => assert.fail('it has not failed'),
    (error: unknown) => error as BatchError,
  )
  disk.faults = undefined
  assert.equal((failure.cause as { code?: unknown }).code, 'ERR_FSYS_NO_SPACE')
  assert.ok(failure.completed.length >= 5 && failure.notStarted.length >= 20, failure.message)
  disk.cutPower('none')
  const names = failure.completed.map((index) => `/data/f${index}`).toSorted()
  assert.deepEqual(
    disk.files().filter((path) => path.startsWith('/data/f') && path !== '/data/from'),
    names,
  )
  for (const name of names) assert.equal(disk.image(name)?.length, 5000)
})
