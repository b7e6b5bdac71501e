import assert from 'node:assert/strict'
import { suite, test } from 'node:test'

import type { BatchError } from '#src/handle/batch-error.js'
import type { BatchOptions } from '#src/handle/batch-options.js'
import { createHandle } from '#src/handle/handle.js'
import { explore, exploreEveryCrash, faultAt, SimDisk, type World, writeBudget } from '#src/testing.js'

import { type BatchScenario, contentOf, draftsOn, ofAllKinds, smallFiles, textAt } from './batch-scenarios.js'

interface Case {
  readonly scenario: BatchScenario
  readonly options: BatchOptions
}

/** `oneTrip`: small files are replaced together, as by the addon. */
const cases: Readonly<Record<string, Case>> = {
  '{}': { scenario: ofAllKinds(), options: {} },
  'one by one': { scenario: ofAllKinds(), options: { grouped: false, concurrency: 1 } },
  '{}, in one trip': { scenario: ofAllKinds({ oneTrip: true }), options: {} },
  'small files, in trips of three': { scenario: smallFiles(0o077), options: { concurrency: 12 } },
}

suite('a batch: whatever crash comes, each operation is done or not, and all are once it was acknowledged', () => {
  for (const [name, each] of Object.entries(cases)) {
    test(name, async () => {
      const { rules } = each.scenario
      // Of trips, more that a power cut can leave is tried below.
      const fates = rules.oneTrip ? 0 : 1
      const explored = await exploreEveryCrash({ fates, disk: rules }, (world) => live(world, each))
      assert.ok(explored.powerCuts > 50 && explored.kills > 20)
    })
  }

  test('small files, in one trip, in any order, and with faults', async () => {
    const faults = ['EIO', 'ENOSPC', 'EMFILE', 'short', 'slow'] as const
    const options = { schedules: 200, faults }
    const scenario = smallFiles(0)
    const explored = await explore({ ...options, disk: scenario.rules }, (world) =>
      live(world, { scenario, options: {} }),
    )
    assert.ok(explored.powerCuts > 50 && explored.kills > 0)
  })
})

/** One life in which a batch is committed, and what it leaves. */
async function live(world: World, { scenario, options }: Case): Promise<void> {
  scenario.prepare(world.disk)
  let isAcknowledged = false
  await world.run(async (storage) => {
    const handle = createHandle({ storage, root: '/data', mode: 'prod' })
    await scenario.commit(handle, options)
    isAcknowledged = true
    // Something at which the power can be cut, after the acknowledgement.
    await handle.exists('a')
    handle.close()
  })
  const done = scenario.whatIsDone(world.disk)
  if (isAcknowledged) assert.ok(done.every(Boolean), done.join())
  // One by one, what comes later is not there without what came before.
  if (options.grouped === false) {
    const first = done.indexOf(false)
    if (first !== -1) assert.ok(!done.slice(first).includes(true), done.join())
  }
  await world.check(async (storage) => {
    const handle = createHandle({ storage, root: '/data', mode: 'prod' })
    await handle.writeBatch(['swept', 'swept too', 'd/swept', 'd/swept too'].map((path) => [path, '']))
    assert.deepEqual(draftsOn(world.disk), [])
    handle.close()
  })
}

suite('a batch: whichever call fails, what it says of each operation is so, also after a power cut', () => {
  for (const errno of ['EIO', 'ENOSPC'] as const) {
    for (const [name, each] of Object.entries(cases)) {
      test(`${errno} ${name}`, async () => {
        let failures = 0
        for (let index = 0; ; index++) {
          const found = await failAt(index, errno, each)
          if (found === undefined) break
          failures += found
        }
        assert.ok(failures > 20, `${failures}`)
      })
    }
  }
})

/** Undefined if there is no such call any more; otherwise how many errors there were. */
async function failAt(index: number, errno: string, { scenario, options }: Case): Promise<number | undefined> {
  const disk = new SimDisk(scenario.rules)
  scenario.prepare(disk)
  const storage = disk.process()
  const handle = createHandle({ storage, root: '/data', mode: 'prod' })
  const strike = faultAt(disk.operationCount + index, { error: errno })
  let struck: string | undefined
  disk.faults = (operation, choices) => {
    const fault = strike(operation, choices)
    if (fault !== undefined) struck = `${operation.kind} ${operation.path}`
    return fault
  }
  const failure = await scenario.commit(handle, options).then(
    () => undefined,
    (error: unknown) => error as BatchError,
  )
  disk.faults = undefined
  if (struck === undefined) return undefined
  const seen = scenario.whatIsDone(disk)
  // A draft that cannot be removed is the one thing that may stay.
  if (!struck.startsWith('unlink')) assert.deepEqual(draftsOn(disk), [], struck)
  handle.close()
  if (!struck.startsWith('close')) assert.equal(disk.openFilesOf(storage), 0, struck)
  disk.cutPower('none')
  const durable = scenario.whatIsDone(disk)
  if (failure === undefined) {
    assert.ok(durable.every(Boolean), struck)
    return 0
  }
  checkTold(failure, { struck, errno, seen, durable })
  return 1
}

interface Found {
  readonly struck: string
  readonly errno: string
  readonly seen: readonly boolean[]
  readonly durable: readonly boolean[]
}

/** What an error says of each operation, beside what is there, and what a power cut has left. */
function checkTold(failure: BatchError, { struck, errno, seen, durable }: Found): void {
  assert.equal(failure.code, 'ERR_FSYS_BATCH', `${struck}: ${String(failure)}`)
  const { completed, unconfirmed, failed, notStarted } = failure
  const all = [...completed, ...unconfirmed, ...notStarted, ...failed.map((each) => each.index)]
  assert.deepEqual(
    all.toSorted((one, other) => one - other),
    [...seen.keys()],
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
  if (unconfirmed.length === 0) assert.equal(failure.cause, failed[0]?.error, struck)
}

suite('a full disk in a batch leaves old files, or new ones, and says which', () => {
  for (const [name, oneTrip, concurrency] of [
    ['one by one', false, 4],
    ['in one trip', true, 16],
  ] as const) {
    test(name, async () => {
      const disk = new SimDisk({ oneTrip })
      disk.makeDirectory('/data')
      const handle = createHandle({ storage: disk.process(), root: '/data', mode: 'prod' })
      const paths = Array.from({ length: 40 }, (_, index) => `f${index}`)
      // Some are there, and the others are made.
      for (const path of paths.filter((_, index) => index % 2 === 0)) handle.writeSync(path, `old ${path}`)
      disk.faults = writeBudget(60_000)
      const failure = await handle
        .writeBatch(
          paths.map((path) => [path, 'x'.repeat(5000)]),
          { concurrency },
        )
        .then(
          () => assert.fail('it has not failed'),
          (error: unknown) => error as BatchError,
        )
      disk.faults = undefined
      assert.equal((failure.cause as { code?: unknown }).code, 'ERR_FSYS_NO_SPACE')
      assert.ok(failure.completed.length >= 5 && failure.notStarted.length >= 20, failure.message)
      disk.cutPower('none')
      assert.deepEqual(draftsOn(disk), [])
      for (const [index, path] of paths.entries()) {
        const old = index % 2 === 0 ? `old ${path}` : undefined
        assert.equal(textAt(disk, `/data/${path}`), failure.completed.includes(index) ? 'x'.repeat(5000) : old, path)
      }
    })
  }
})

test('batches of two processes write the same files: each is one of the two, whole, and none is the old one', async () => {
  const paths = ['a', 'b', 'c', 'd', 'e']
  // As many as it takes for the rare kind of crash to come: one of a hundred lives was killed in mid-batch four times, or never.
  const explored = await explore({ schedules: 400, disk: { oneTrip: true } }, async (world) => {
    world.disk.makeDirectory('/data')
    const before = createHandle({ storage: world.disk.process(), root: '/data', mode: 'prod' })
    for (const path of paths) before.writeSync(path, contentOf(path, 'old'))
    let isAcknowledged = false
    await world.run(async (storage) => {
      const handles = [storage, world.disk.process()].map((each) =>
        createHandle({ storage: each, root: '/data', mode: 'prod' }),
      )
      const ends = await Promise.allSettled(
        handles.map(async (handle, index) => {
          // In trips of two.
          await handle.writeBatch(
            paths.map((path) => [path, contentOf(path, `of ${index}`)]),
            { concurrency: 8 },
          )
          isAcknowledged = true
        }),
      )
      for (const end of ends) if (end.status === 'rejected') throw end.reason
    })
    world.disk.killProcess()
    await world.disk.settle()
    for (const path of paths) {
      const versions = [...(isAcknowledged ? [] : ['old']), 'of 0', 'of 1'].map((version) => contentOf(path, version))
      const found = textAt(world.disk, `/data/${path}`)
      assert.ok(found !== undefined && versions.includes(found), `${path}: ${found}`)
    }
    await world.check(async (storage) => {
      const handle = createHandle({ storage, root: '/data', mode: 'prod' })
      await handle.writeBatch(paths.map((path) => [path, 'last']))
      handle.close()
    })
    assert.deepEqual(
      world.disk.files(),
      paths.map((path) => `/data/${path}`),
    )
    for (const path of paths) assert.equal(textAt(world.disk, `/data/${path}`), 'last')
  })
  assert.ok(explored.powerCuts > 120 && explored.kills > 0)
})

test('a trip uses the sync that the method asks for, and for bits that were set the full one', async () => {
  for (const [method, umask, expected] of [
    ['data', 0, ['dataSync']],
    ['data', 0o077, ['dataSync', 'sync']],
    ['sync', 0, ['sync']],
  ] as const) {
    const disk = new SimDisk({ oneTrip: true, umask })
    disk.makeDirectory('/data')
    const handle = createHandle({ storage: disk.process(), root: '/data', mode: 'prod', method })
    handle.writeSync('a', 'old')
    disk.setPermissions('/data/a', 0o666)
    const syncs = new Set<string>()
    disk.faults = ({ kind }) => {
      if (kind === 'sync' || kind === 'dataSync') syncs.add(kind)
      return undefined
    }
    await handle.writeBatch(['a', 'b', 'c'].map((path) => [path, 'new']))
    assert.deepEqual([...syncs].toSorted(), expected)
  }
})
