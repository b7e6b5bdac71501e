import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

import {
  type Ending,
  type ExploreOptions,
  type FaultName,
  type Program,
  ScheduleError,
  type Storage,
  type World,
  explore,
  exploreEveryCrash,
} from 'fsys/testing'

// Programs here write bytes of a file in turn: byte n of /log is n + 1. What is acknowledged must be there.

/** Opens or makes the file, and tells how many bytes are right, from the beginning on. */
function readLog(storage: Storage): number {
  const facts = storage.statSync('/log')
  if (facts === undefined) return 0
  const file = storage.openSync('/log', 'read')
  const bytes = new Uint8Array(facts.size)
  for (let done = 0; done < bytes.length;) done += file.readSync(bytes.subarray(done), done)
  file.closeSync()
  const end = bytes.findIndex((byte, index) => byte !== index + 1)
  return end === -1 ? bytes.length : end
}

interface Faulty {
  readonly syncsData?: boolean
  readonly syncsName?: boolean
}

/** A program that appends, a byte at a time, over three lives; correct, unless it leaves something out. */
function appender({ syncsData = true, syncsName = true }: Faulty = {}, endings?: Ending[]): Program {
  return async (world) => {
    let acknowledged = 0
    const check = (storage: Storage): number => {
      const found = readLog(storage)
      assert.ok(found >= acknowledged, `${acknowledged} bytes were acknowledged, ${found} are there`)
      return found
    }
    for (let life = 0; life < 3; life += 1) {
      const ending = await world.run(async (storage) => {
        let end = check(storage)
        const file = await storage.open('/log', storage.statSync('/log') ? 'write' : 'create')
        if (syncsName) await storage.syncDirectory('/')
        for (let count = world.random.between(1, 5); count > 0; count -= 1) {
          // Each byte has a sector of its own as far as the next one is concerned: the whole file is written again.
          const bytes = Uint8Array.from({ length: end + 1 }, (_, index) => index + 1)
          for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done), done)
          if (syncsData) await file.dataSync()
          end += 1
          acknowledged = end
        }
      })
      endings?.push(ending)
    }
    await world.check((storage) => void check(storage))
  }
}

async function failureOf(run: Promise<unknown>): Promise<ScheduleError> {
  const failure = await run.then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(failure instanceof ScheduleError, String(failure))
  return failure
}

test('a correct program comes through power cuts, kills and every kind of fault, and its processes end in every way', async () => {
  const faults: FaultName[] = ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR', 'EMFILE', 'short', 'slow']
  const endings: Ending[] = []
  const explored = await explore({ seed: 1, schedules: 500, faults }, appender({}, endings))
  assert.equal(explored.schedules, 500)
  const count = (ending: Ending): number => endings.filter((other) => other === ending).length
  assert.deepEqual(
    [explored.powerCuts, explored.kills, explored.failedLives],
    [count('power-cut'), count('kill'), count('failed')],
  )
  for (const ending of ['power-cut', 'kill', 'failed', 'done'] as const) assert.ok(count(ending) > 20, ending)
  assert.ok(explored.operations > 5000)
})

for (const [what, faulty] of [
  ['syncs no data', { syncsData: false }],
  ['syncs no name', { syncsName: false }],
] as const) {
  test(`a program that ${what} is caught, and the failure is short, and can be replayed`, async () => {
    const failure = await failureOf(explore({ seed: 1, schedules: 1000 }, appender(faulty)))
    assert.match(failure.message, /^AssertionError: \d+ bytes were acknowledged, \d+ are there$/m)
    assert.ok(failure.cause instanceof assert.AssertionError)
    assert.ok(failure.replay.length < 30, failure.replay)
    assert.ok(failure.trace.length < 40, failure.message)
    assert.ok(failure.message.endsWith(failure.trace.join('\n')))
    assert.match(failure.message, /power cut\n.* lost: /)
    const again = await failureOf(explore({ replay: failure.replay }, appender(faulty)))
    assert.deepEqual(again.trace, failure.trace)
    const unshrunk = await failureOf(
      explore({ seed: failure.seed ?? 0, schedules: 1, shrinkAttempts: 0 }, appender(faulty)),
    )
    assert.ok(unshrunk.replay.length > failure.replay.length)
    assert.equal((await explore({ replay: failure.replay }, appender())).schedules, 1)
  })

  test(`a program that ${what} is caught by a crash at some operation`, async () => {
    const failure = await failureOf(exploreEveryCrash({}, appender(faulty)))
    assert.match(failure.message, /^AssertionError: \d+ bytes were acknowledged, \d+ are there$/m)
    assert.match(failure.replay, /^\d+-power-cut-\w+-\w+:/)
    const again = await failureOf(exploreEveryCrash({ replay: failure.replay }, appender(faulty)))
    assert.deepEqual(again.trace, failure.trace)
  })
}

test('every operation is crashed, before, after, and writes in the middle, with every outcome; and that again', async () => {
  const program: Program = async (world) => {
    for (let life = 0; life < 2; life += 1) {
      await world.run(async (storage) => {
        const file = await storage.open('/log', 'replace')
        await file.write(new Uint8Array(1024), 0)
        await file.dataSync()
      })
    }
  }
  // Three operations in each life, the closing at its end is none. A crash that has come ends the first life early.
  const once = await exploreEveryCrash({ fates: 2, crashes: ['power-cut'] }, program)
  assert.equal(once.schedules, 1 + 2 * (2 + 3 + 2) * 4)
  assert.equal(once.powerCuts, once.schedules - 1)
  const killed = await exploreEveryCrash({ crashes: ['kill'] }, program)
  assert.equal(killed.schedules, 1 + 2 * (2 + 3 + 2))
  assert.equal(killed.kills, killed.schedules - 1)
  const twice = await exploreEveryCrash({ crashes: ['kill'], depth: 2 }, program)
  assert.equal(twice.schedules, 1 + 14 + 7 * 7)
})

test('without draws of its own, every run of the exhaustive search is the simplest but for its crash', async () => {
  const drawn: number[] = []
  await exploreEveryCrash({ fates: 0 }, async (world) => {
    await world.run((storage) => void storage.listSync('/'))
    drawn.push(world.random.below(1000))
  })
  assert.ok(drawn.length > 4 && drawn.every((value) => value === 0))
})

test('the same seed makes the same run, in this process and in others, to the byte', async () => {
  const script = `
    import { createHash } from 'node:crypto'
    import { openJournal, openReader } from 'fsys'
    import { explore } from 'fsys/testing'
    const hash = createHash('sha256')
    await explore({ seed: 5, schedules: 30, faults: ['EIO', 'slow'] }, async (world) => {
      for (let life = 0; life < 2; life += 1) {
        await world.run(async (storage) => {
          const journal = await openJournal('/app.wal', { storage, logBufferBytes: 65536 })
          try {
            const commit = () => journal.commit(world.random.bytes(world.random.below(2000)))
            await Promise.all([commit(), commit(), commit()])
          } finally {
            await journal.close()
          }
        })
      }
      const { disk } = world
      hash.update(JSON.stringify([disk.now, disk.operationCount, disk.files()]))
      for (const path of disk.files()) hash.update(disk.image(path))
    })
    console.log(hash.digest('hex'))`
  const runs = [1, 2, 3].map(() =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', timeout: 60_000 }),
  )
  for (const { status, stderr } of runs) assert.equal(status, 0, stderr)
  assert.match(runs[0]?.stdout ?? '', /^[0-9a-f]{64}\n$/)
  assert.equal(new Set(runs.map(({ stdout }) => stdout)).size, 1)
})

test('what a dead process thinks breaks nothing; what a living one throws does, unless the disk made it', async () => {
  const options: ExploreOptions = { schedules: 1, seed: 1, crashes: [] }
  const endingOf = async (body: (storage: Storage, world: World) => Promise<void>): Promise<Ending | undefined> => {
    let ending: Ending | undefined
    await explore(options, async (world) => {
      ending = await world.run((storage) => body(storage, world))
    })
    return ending
  }
  const cut = await endingOf(async (storage, { disk }) => {
    disk.cutPower()
    await storage.list('/').catch(() => assert.fail('a real process would not be here'))
  })
  assert.equal(cut, 'power-cut')
  const failed = await endingOf(async (storage, { disk }) => {
    disk.faults = () => ({ error: 'EIO' })
    await storage.list('/').catch((cause: unknown) => {
      throw new Error('wrapped', { cause: new AggregateError([cause]) })
    })
  })
  assert.equal(failed, 'failed')
  await failureOf(endingOf(async (storage) => void (await storage.open('/not-there', 'read'))))
  const early = failureOf(
    endingOf(async ({ clock }, { disk }) => {
      try {
        assert.fail('before the cut')
      } finally {
        clock.soon(() => disk.cutPower())
      }
    }),
  )
  assert.match((await early).message, /before the cut/)
})

test('faults end with the life that they were meant for, and those of the program itself stay', async () => {
  await explore({ schedules: 100, seed: 1, faults: ['EIO'] }, async (world) => {
    let asked = 0
    world.disk.faults = () => {
      asked += 1
      return undefined
    }
    await world.run((storage) => void storage.listSync('/'))
    await world.check((storage) => void storage.listSync('/'))
    assert.ok(asked >= 1)
    assert.notEqual(world.disk.faults, undefined)
  })
})

test('a power cut that was to come later comes when the process has ended', async () => {
  const explored = await explore({ schedules: 200, seed: 1, crashes: ['power-cut'] }, async (world) => {
    const ending = await world.run(() => undefined)
    assert.ok(ending === 'done' || ending === 'power-cut')
  })
  assert.ok(explored.powerCuts > 100 && explored.powerCuts < 200, `${explored.powerCuts}`)
})

test('a program can wait for simulated time; one that waits for nothing is told so', async () => {
  await explore({ schedules: 5, seed: 1 }, async (world) => {
    await world.run(({ clock }) => new Promise((resolve) => clock.startTimer(3_600_000, resolve)))
  })
  const stuck = explore({ schedules: 1, seed: 1 }, (world) => world.check(() => new Promise(() => undefined)))
  assert.match((await failureOf(stuck)).message, /waits, and nothing is under way/)
})

test('a process that does not end when it dies is left behind', async () => {
  await exploreEveryCrash({}, async (world) => {
    await world.run((storage) =>
      storage.list('/').then(
        () => undefined,
        () => new Promise<void>(() => undefined),
      ),
    )
  })
})

test('a program that depends on more than its seed is told so', async () => {
  let runs = 0
  const unsteady = explore({ schedules: 3, seed: 1 }, () => {
    runs += 1
    assert.notEqual(runs, 2)
  })
  assert.match((await failureOf(unsteady)).message, /do not fail again: the program depends on something else/)
})

test('what real disks punish only now and then breaks a run always', async () => {
  const overtaking = explore({ schedules: 1, seed: 1 }, (world) =>
    world.check(async (storage) => {
      const file = await storage.open('/log', 'create')
      await Promise.all([file.write(Uint8Array.of(1), 0), file.write(Uint8Array.of(2), 0)])
    }),
  )
  assert.match((await failureOf(overtaking)).message, /used wrongly: a write overtakes an unfinished one/)
})

test('a seed is drawn and named where none is given', async () => {
  const failure = await failureOf(explore({ schedules: 1 }, () => assert.fail('always')))
  assert.ok(Number.isSafeInteger(failure.seed))
  assert.match(failure.message, new RegExp(`seed: ${failure.seed}, schedules: 1`))
})
