import assert from 'node:assert/strict'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'

import {
  asLsn,
  type DurableLsn,
  type FsysError,
  type Journal,
  type JournalOptions,
  type JournalReader,
  type Lsn,
  openReader,
} from 'fsys'

import { nativeAddon } from '#src/platform/native-addon.js'

import { frames } from '../support/frames.js'
import { interposed, OpenFiles, systemError } from '../support/interposed.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { seededRandom } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary.js'

const quick = { timeout: 180_000 }

suite('appending and syncing', () => {
  test('D4: each step moves its frontier, and no other', quick, async (context) => {
    const journal = await openHere(context)
    assert.deepEqual(frontiers(journal), [0, 0, 0])
    assert.equal(journal.append('hello'), 17)
    assert.deepEqual(frontiers(journal), [0, 0, 17])
    assert.equal(journal.append(Buffer.from(' world')), 35)
    assert.deepEqual(frontiers(journal), [0, 0, 35])
    assert.equal(await journal.flush(), 35)
    assert.deepEqual(frontiers(journal), [0, 35, 35])
    assert.equal(journal.append(''), 47)
    assert.deepEqual(frontiers(journal), [0, 35, 47])
    // The group takes along all that is staged by the time it is written.
    assert.equal(await journal.syncThrough(asLsn(17)), 47)
    assert.deepEqual(frontiers(journal), [47, 47, 47])
    assert.equal(await journal.commit('x'), 60)
    assert.deepEqual(frontiers(journal), [60, 60, 60])
    assert.deepEqual(readFileSync(journal.info.path), frames('hello', ' world', '', 'x'))
  })

  test('D4: the blocking twins move the same frontiers', quick, (context) => {
    const journal = openJournalSync(join(temporaryDirectory(context), 'a.wal'))
    journal.append('hello')
    assert.equal(journal.flushSync(), 17)
    assert.deepEqual(frontiers(journal), [0, 17, 17])
    journal.append(' world')
    assert.equal(journal.syncThroughSync(asLsn(0)), 0, 'nothing to do')
    assert.equal(journal.syncThroughSync(asLsn(17)), 35)
    assert.deepEqual(frontiers(journal), [35, 35, 35])
    assert.equal(journal.flushSync(), 35)
    journal.append('last')
    journal.closeSync()
    assert.deepEqual(readFileSync(journal.info.path), frames('hello', ' world', 'last'))
  })

  // Small buffers are written blocking; in large ones, more than 64 KiB can be staged, which is written asynchronously.
  for (const logBufferBytes of [16 * 1024, 2 ** 20]) {
    test(
      `D4: under load, in ${logBufferBytes} bytes, the frontiers keep their order, only grow, and follow writes and syncs`,
      quick,
      async (context) => {
        const path = join(temporaryDirectory(context), 'a.wal')
        const writtenAtSync: number[] = []
        const held: { journal?: Journal } = {}
        let last = [0, 0, 0]
        let isAsynchronous = false
        let tripEnd = 0
        const check = (): void => {
          const { journal } = held
          if (journal === undefined) return
          const now = frontiers(journal)
          const [durable, written, next] = now
          assert.ok(durable <= written && written <= next, inspect(now))
          assert.ok(
            now.every((frontier, index) => frontier >= (last[index] ?? 0)),
            inspect([last, now]),
          )
          assert.ok(durable === 0 || writtenAtSync.includes(durable), `${durable} was not written when a sync began`)
          assert.ok(statSync(path).size >= written, 'what is written is in the file')
          last = now
        }
        const storage = interposed(({ name, isSync, isTrip, path: of, values }) => {
          check()
          if (name === 'file.write' && of === path && !isSync) isAsynchronous = true
          if (name === 'file.write' && isTrip) tripEnd = Number(values[1]) + (values[0] as Uint8Array).length
          // The sync of a trip begins when its write has ended.
          if (name === 'file.dataSync') writtenAtSync.push(isTrip ? tripEnd : (held.journal?.writtenLsn ?? 0))
        })
        const journal = await openJournal(path, { storage, logBufferBytes })
        held.journal = journal
        const random = seededRandom(1)
        const pending: Promise<unknown>[] = []
        for (let round = 0; round < 400; round++) {
          const record = Buffer.alloc(Math.floor(random() ** 3 * 40_000), round)
          if (random() < 0.5) journal.append(record)
          else pending.push(journal.commit(record).finally(check))
          check()
          if (random() < 0.05) pending.push(journal.flush().finally(check))
          if (random() < 0.02) journal.syncThroughSync(journal.nextLsn)
          check()
          if (random() < 0.2) await setImmediate()
          check()
        }
        await Promise.all(pending)
        await journal.close()
        check()
        assert.deepEqual(frontiers(journal), [last[2], last[2], last[2]])
        // A trip always is.
        assert.equal(isAsynchronous, logBufferBytes > 64 * 1024 || journal.info.engine !== 'portable')
      },
    )
  }

  test('D4: many committers share syncs, and each gets its own LSN', quick, async (context) => {
    let syncs = 0
    const storage = interposed(({ name }) => {
      if (name === 'file.dataSync') syncs++
    })
    const journal = await openHere(context, { storage })
    const lsns = await Promise.all(Array.from({ length: 1000 }, (_, number) => journal.commit(`${number}`)))
    assert.equal(new Set(lsns).size, 1000)
    assert.deepEqual(
      lsns,
      lsns.toSorted((one, other) => one - other),
    )
    assert.ok(syncs <= 3, `${syncs} syncs`)
    const durable = new Set(
      await Promise.all(Array.from({ length: 100 }, () => journal.syncThrough(journal.append('together')))),
    )
    assert.equal(durable.size, 1, 'those who share a sync get the same frontier')
  })

  test('D2: a batch is contiguous, of bytes and text, and may be empty', quick, async (context) => {
    const journal = await openHere(context)
    assert.equal(journal.appendBatch([]), 0)
    journal.append('before')
    assert.equal(journal.appendBatch([]), 18)
    assert.equal(journal.appendBatch(['a', Buffer.from('bc'), '', 'ü']), 18 + 13 + 14 + 12 + 14)
    assert.equal(journal.appendBatch(new Set(['d', 'e'])), 97)
    await journal.flush()
    assert.deepEqual(readFileSync(journal.info.path), frames('before', 'a', 'bc', '', 'ü', 'd', 'e'))
  })

  test('D9: a batch may be larger than the buffers', quick, async (context) => {
    const journal = await openHere(context, { logBufferBytes: 4096 })
    const records = Array.from({ length: 1000 }, (_, number) => `${number} `.repeat(number % 50))
    records[500] = 'x'.repeat(20_000)
    assert.equal(journal.appendBatch(records), frames(...records).length)
    await journal.syncThrough(journal.nextLsn)
    assert.deepEqual(readFileSync(journal.info.path), frames(...records))
  })

  test('D3: an iterable that uses one buffer for all its records is staged as it was', quick, async (context) => {
    const journal = await openHere(context)
    const counting = function* (): Generator<Buffer> {
      const buffer = Buffer.alloc(4)
      for (let number = 0; number < 5; number++) {
        buffer.writeUInt32LE(number)
        yield buffer
      }
    }
    journal.appendBatch(counting())
    await journal.flush()
    assert.deepEqual(
      payloads(journal).map((payload) => payload.readUInt32LE()),
      [0, 1, 2, 3, 4],
    )
  })

  for (const length of [0, 1, 100, 5000, 100_000, 3_000_000]) {
    test(
      `D3: a record of ${length} bytes is kept as it was, whatever becomes of the caller's memory`,
      quick,
      async (context) => {
        const journal = await openHere(context, { logBufferBytes: 8192 })
        const bytes = Buffer.alloc(length, 'a')
        const kept = Buffer.from(bytes)
        const append = (way: (record: Buffer) => unknown): unknown => {
          const result = way(bytes)
          bytes.fill('b')
          const after = result
          kept.copy(bytes)
          return after
        }
        append((record) => journal.append(record))
        append((record) => journal.appendBatch([record, record]))
        const commits = [append((record) => journal.commit(record)), append((record) => journal.commit(record))]
        bytes.fill('c')
        await Promise.all(commits)
        bytes.fill('d')
        assert.ok(payloads(journal).every((payload) => payload.equals(kept)))
        assert.equal(payloads(journal).length, 5)
      },
    )
  }

  for (const logBufferBytes of [4096, 65_536]) {
    test(`D3: records of all sizes around a buffer of ${logBufferBytes} bytes`, quick, async (context) => {
      const journal = await openHere(context, { logBufferBytes })
      const records: Buffer[] = []
      for (const middle of [logBufferBytes, 2 * logBufferBytes, 3 * logBufferBytes]) {
        for (let length = middle - 26; length <= middle + 2; length++) {
          records.push(Buffer.alloc(length, length))
          journal.append(records.at(-1) as Buffer)
          if (length % 3 === 0) {
            records.push(Buffer.from('small'))
            journal.append('small')
          }
          if (length % 5 === 0) {
            records.push(Buffer.alloc(length, 'ü'))
            journal.append((records.at(-1) as Buffer).toString())
            records.splice(-1, 1, Buffer.from((records.at(-1) as Buffer).toString()))
          }
        }
      }
      await journal.syncThrough(journal.nextLsn)
      assert.deepEqual(readFileSync(journal.info.path), frames(...records))
    })
  }

  test('D3 D4b: a record that passes in pieces while a commit is in flight', quick, async (context) => {
    const held: (() => void)[] = []
    const path = join(temporaryDirectory(context), 'a.wal')
    let isHolding = false
    const storage = interposed(({ name, isSync, path: of }) => {
      if (!isHolding || isSync || of !== path || !/file\.(write|dataSync)/u.test(name)) return undefined
      return new Promise<void>((resolve) => held.push(resolve))
    })
    for (const staged of [1000, 100_000]) {
      const journal = await openJournal(path, { storage, logBufferBytes: 64 * 1024 })
      const before = journal.nextLsn
      const small = Buffer.alloc(1000, 's')
      const large = Buffer.alloc(300_000, 'l')
      isHolding = true
      let commits: Promise<Lsn>[] = []
      // Up to 64 KiB are written blocking; more than that asynchronously.
      for (let length = 0; length < staged; length += 1000) commits.push(journal.commit(small))
      await setImmediate()
      commits.push(journal.commit(large), journal.commit(small), journal.commit(large))
      await setImmediate()
      isHolding = false
      for (const letGo of held.splice(0)) letGo()
      commits = [...commits, journal.commit('end')]
      const lsns = await Promise.all(commits)
      assert.equal(lsns.at(-1), journal.nextLsn)
      await journal.close()
      const expected = frames(...Array.from({ length: staged / 1000 }, () => small), large, small, large, 'end')
      assert.ok(readFileSync(path).subarray(before).equals(expected))
    }
  })

  test('D9: a loop that appends faster than the disk is slowed, and takes no memory', quick, async (context) => {
    const journal = await openHere(context, { logBufferBytes: 64 * 1024 })
    const record = Buffer.alloc(1000, 'r')
    const before = process.memoryUsage()
    let most = 0
    const count = (100 * 2 ** 20) / record.length
    for (let number = 0; number < count; number++) {
      journal.append(record)
      if (number % 1000 === 0) {
        const { heapUsed, external } = process.memoryUsage()
        most = Math.max(most, heapUsed + external - before.heapUsed - before.external)
      }
      assert.ok(journal.nextLsn - journal.writtenLsn <= 2 * 64 * 1024)
    }
    assert.ok(most < 48 * 2 ** 20, `${Math.round(most / 2 ** 20)} MiB more`)
    assert.ok(journal.writtenLsn >= 100 * 2 ** 20 - 2 * 64 * 1024)
    await journal.close()
    truncateSync(journal.info.path)
  })
})

suite('what is unfinished, and who meets it', () => {
  test(
    'D3: bytes that another thread changes while they are taken make whole records all the same',
    quick,
    async (context) => {
      const shared = new SharedArrayBuffer(200_000)
      const scribbler = new Worker(
        `const bytes = new Uint8Array(require('node:worker_threads').workerData)
       for (let value = 0; ; value++) bytes.fill(value)`,
        { eval: true, workerData: shared },
      )
      context.after(() => scribbler.terminate())
      await once(scribbler, 'online')
      const journal = await openHere(context, { logBufferBytes: 64 * 1024 })
      const record = new Uint8Array(shared)
      for (let round = 0; round < 200; round++) {
        journal.append(record.subarray(0, 1000))
        journal.append(record.subarray(0, 50_000))
        if (round % 10 === 0) journal.append(record)
        if (round % 50 === 0) await journal.commit(record)
      }
      await journal.syncThrough(journal.nextLsn)
      const reader = openReader(journal.info.path)
      assert.equal(
        reader.scan(() => {}),
        424,
      )
      assert.deepEqual([reader.tailState, reader.position], ['clean-end', journal.nextLsn])
      reader.close()
    },
  )

  const seeds = seedsOf(process.env['FSYS_TEST_SEED'], 12)
  for (const seed of seeds) {
    test(
      `D2 D3 D4b D10: any mixture of waiting and blocking calls (FSYS_TEST_SEED=${seed})`,
      quick,
      async (context) => {
        await mixture(context, seed)
      },
    )
  }

  /** Calls of all kinds at random times, on a disk that answers at random times. */
  async function mixture(context: TestContext, seed: number): Promise<void> {
    const random = seededRandom(seed)
    const path = join(temporaryDirectory(context), 'a.wal')
    const storage = interposed(({ name, isSync }) => {
      if (isSync || !name.startsWith('file.') || random() < 0.5) return undefined
      return random() < 0.7 ? setImmediate() : sleep(random() * 3)
    })
    const records: Buffer[] = []
    const settled: Promise<void>[] = []
    const confirmed: number[] = []
    for (let life = 0; life < 3; life++) {
      const logBufferBytes = [4096, 65_536, 262_144][Math.floor(random() * 3)] as number
      const journal = await openJournal(path, { storage, logBufferBytes })
      const make = (): Buffer => {
        const length = Math.floor(random() ** 5 * 3 * logBufferBytes)
        records.push(Buffer.alloc(length, records.length))
        return records.at(-1) as Buffer
      }
      const confirm = (promise: Promise<number>, least: number): void => {
        settled.push(
          promise.then((lsn) => {
            assert.ok(lsn >= least && journal.durableLsn >= least, `${lsn} is not ${least}`)
            confirmed.push(lsn)
          }),
        )
      }
      for (let round = 0; round < 150; round++) {
        const choice = random()
        if (choice < 0.35) {
          journal.append(make())
        } else if (choice < 0.65) {
          const commit = journal.commit(make())
          confirm(commit, journal.nextLsn)
        } else if (choice < 0.75) {
          journal.appendBatch([make(), make(), make()])
        } else if (choice < 0.8) {
          const lsn = journal.nextLsn
          settled.push(journal.flush().then((written) => assert.ok(written >= lsn)))
        } else if (choice < 0.84) {
          assert.equal(journal.flushSync(), journal.nextLsn)
        } else if (choice < 0.87) {
          assert.equal(journal.syncThroughSync(journal.nextLsn), journal.nextLsn)
        } else if (choice < 0.95) {
          confirm(journal.syncThrough(journal.nextLsn), journal.nextLsn)
        } else if (random() < 0.5) {
          await setImmediate()
        } else {
          await sleep(random() * 3)
        }
      }
      const end = journal.nextLsn
      if (random() < 0.5) {
        await journal.close()
      } else {
        journal.closeSync()
        assert.equal(journal.durableLsn, end)
        await journal.close()
      }
      assert.deepEqual(frontiers(journal), [end, end, end])
    }
    await Promise.all(settled)
    assert.ok(confirmed.length > 50)
    assert.ok(readFileSync(path).equals(frames(...records)))
    assert.equal(existsSync(`${path}.lock`), false)
  }

  for (const seed of seeds) {
    test(
      `D2 D3 D5 D10: any mixture of calls, one of which fails on the disk (FSYS_TEST_SEED=${seed})`,
      quick,
      async (context) => {
        await failingMixture(context, seed)
      },
    )
  }

  /** As `mixture`, until a write or a sync fails. Whatever was confirmed by then is there. */
  async function failingMixture(context: TestContext, seed: number): Promise<void> {
    const random = seededRandom(seed)
    const path = join(temporaryDirectory(context), 'a.wal')
    let left = 2 + Math.floor(random() * 60)
    let failed: unknown
    const storage = interposed(({ name, isSync, path: of }) => {
      if (of === path && /file\.(write|dataSync)/u.test(name) && --left === 0) {
        failed = random() < 0.5 ? systemError('ENOSPC', -28) : systemError('EIO')
        throw failed
      }
      return isSync || random() < 0.5 ? undefined : sleep(random() * 2)
    })
    const journal = await openJournal(path, { storage, logBufferBytes: random() < 0.5 ? 4096 : 262_144 })
    const records: Buffer[] = []
    const settled: Promise<unknown>[] = []
    let confirmed = 0
    let failures = 0
    let first: unknown
    const isFailure = (error: unknown): void => {
      failures++
      // Who waits for a failed call may hear of it later than who calls next.
      const named = (error as FsysError).code === 'ERR_FSYS_POISONED' ? (error as FsysError).cause : error
      first ??= named
      assert.equal(named, first)
      assert.equal((named as FsysError).cause, failed)
    }
    const confirm = (promise: Promise<number>): void => {
      settled.push(promise.then((lsn) => (confirmed = Math.max(confirmed, lsn)), isFailure))
    }
    for (let isOver = false; !isOver; isOver = failures >= 20) {
      const record = Buffer.alloc(Math.floor(random() ** 4 * 30_000), records.length)
      try {
        const before = journal.nextLsn
        if (random() < 0.5) journal.append(record)
        else confirm(journal.commit(record))
        if (journal.nextLsn > before) records.push(record)
        if (random() < 0.1) settled.push(journal.flush().catch(isFailure))
        if (random() < 0.03) journal.flushSync()
        if (random() < 0.03) confirmed = Math.max(confirmed, journal.syncThroughSync(journal.nextLsn))
        if (random() < 0.1) confirm(journal.syncThrough(journal.nextLsn))
      } catch (error) {
        isFailure(error)
      }
      if (random() < 0.2) await setImmediate()
    }
    await Promise.all(settled)
    assert.ok(journal.durableLsn >= confirmed && journal.writtenLsn >= journal.durableLsn)
    await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED', cause: first })
    const next = await openJournal(path)
    const { cleanEnd, records: count } = next.info.recovery
    await next.close()
    assert.ok(cleanEnd >= confirmed, `${cleanEnd} of ${confirmed}`)
    assert.ok(readFileSync(path).equals(frames(...records.slice(0, count))))
  }

  test('D4b D10: the blocking twins in the middle of a large asynchronous write', quick, async (context) => {
    for (const twin of ['flushSync', 'syncThroughSync', 'closeSync'] as const) {
      const path = join(temporaryDirectory(context), 'a.wal')
      let letGo = (): void => {}
      const storage = interposed(({ name, isSync, path: of }) => {
        if (name !== 'file.write' || isSync || of !== path) return undefined
        return new Promise<void>((resolve) => (letGo = resolve))
      })
      const journal = await openJournal(path, { storage, logBufferBytes: 2 ** 20 })
      const records = Array.from({ length: 200 }, (_, number) => Buffer.alloc(1000, number))
      const commits = records.map((record) => journal.commit(record))
      await setImmediate()
      assert.equal(journal.writtenLsn, 0, 'the write is held')
      records.push(Buffer.from('behind'))
      journal.append('behind')
      const end = journal.nextLsn
      if (twin === 'flushSync') assert.equal(journal.flushSync(), end)
      else if (twin === 'syncThroughSync') assert.equal(journal.syncThroughSync(end), end)
      else journal.closeSync()
      assert.ok(readFileSync(path).equals(frames(...records)), twin)
      assert.deepEqual(frontiers(journal), twin === 'flushSync' ? [0, end, end] : [end, end, end])
      letGo()
      await Promise.all(commits)
      await journal.close()
      assert.ok(readFileSync(path).equals(frames(...records)), twin)
    }
  })
})

suite('closing', () => {
  test('D10: close is idempotent, in all its forms, and syncs what is staged', quick, async (context) => {
    const journal = await openHere(context)
    journal.append('x')
    const closing = journal.close()
    assert.equal(journal.close(), closing)
    journal.closeSync()
    await Promise.all([closing, journal[Symbol.asyncDispose]()])
    assert.deepEqual(frontiers(journal), [13, 13, 13])
    journal.closeSync()
    await journal.close()
  })

  for (const twin of ['close', 'closeSync'] as const) {
    test(`D10: ${twin} settles a thousand commits that are pending`, quick, async (context) => {
      const journal = await openHere(context)
      const commits: Promise<Lsn>[] = []
      for (let number = 0; number < 1000; number++) {
        commits.push(journal.commit(`${number}`))
        if (number % 250 === 0) await setImmediate()
      }
      const waits = [journal.syncThrough(journal.nextLsn), journal.flush()]
      await journal[twin]()
      assert.equal(journal.durableLsn, journal.nextLsn)
      const lsns = await Promise.all(commits)
      assert.equal(lsns.at(-1), journal.nextLsn)
      assert.deepEqual(await Promise.all(waits), [journal.nextLsn, journal.nextLsn])
      await journal.close()
      assert.deepEqual(
        payloads(journal).map(String),
        Array.from({ length: 1000 }, (_, number) => `${number}`),
      )
    })
  }

  test('D5 D10: close after a failed sync settles all, lets go of all, and then says so', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const path = join(directory, 'a.wal')
    let isBroken = false
    const storage = interposed(({ name }) => {
      if (isBroken && name === 'file.dataSync') throw systemError('EIO')
    })
    for (const twin of ['close', 'closeSync'] as const) {
      isBroken = false
      const journal = await openJournal(path, { storage })
      isBroken = true
      const pending = Array.from({ length: 100 }, () => journal.commit('x'))
      if (twin === 'close') await assert.rejects(journal.close(), { code: 'ERR_FSYS_IO', errno: 'EIO' })
      else assert.throws(() => journal.closeSync(), { code: 'ERR_FSYS_IO', errno: 'EIO' })
      const outcomes = await Promise.allSettled(pending)
      assert.ok(outcomes.every(({ status }) => status === 'rejected'))
      await journal.close().catch(() => {})
      assert.deepEqual(readdirSync(directory).toSorted(), ['a.wal', 'a.wal.mark'])
    }
  })

  test('disposal closes a journal and a reader', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    let journal: Journal
    {
      await using opened = await openJournal(path)
      journal = opened
      journal.append('x')
    }
    assert.equal(journal.durableLsn, 13)
    assert.throws(() => journal.append('x'), { code: 'ERR_FSYS_CLOSED' })
    let reader: JournalReader
    {
      using opened = openReader(path)
      reader = opened
      assert.equal([...reader].length, 1)
    }
    assert.throws(() => reader.refresh(), { code: 'ERR_FSYS_CLOSED' })
  })
})

suite('signals', () => {
  test('an aborted signal opens nothing', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const reason = new Error('enough')
    await assert.rejects(openJournal(join(directory, 'a.wal'), { signal: AbortSignal.abort(reason) }), reason)
    assert.deepEqual(readdirSync(directory), [])
  })

  test(
    'D8: whenever an open is aborted, it opens, or leaves the journal and its directory as they were',
    quick,
    async (context) => {
      const directory = temporaryDirectory(context)
      const path = join(directory, 'a.wal')
      const contents = Buffer.concat([frames('kept', 'x'.repeat(3 * 2 ** 20), 'kept'), Buffer.from('FSY')])
      for (const isThere of [true, false]) {
        let opened = 0
        for (let aborting = 1, isReached = true; isReached; aborting++) {
          for (const name of readdirSync(directory)) unlinkSync(join(directory, name))

          if (isThere) writeFileSync(path, contents)
          const controller = new AbortController()
          const reason = new Error('enough')
          let made = 0
          const files = new OpenFiles()
          const storage = interposed(() => {
            if (++made === aborting) controller.abort(reason)
          }, files.count)
          const outcome = await openJournal(path, { storage, signal: controller.signal }).catch(
            (error: unknown) => error,
          )
          if (outcome === reason) {
            assert.deepEqual(readdirSync(directory), isThere ? ['a.wal'] : [], `call ${aborting}`)
            if (isThere) assert.ok(readFileSync(path).equals(contents))
          } else {
            opened++
            await (outcome as Journal).close()
          }
          assert.equal(files.open, 0, `descriptors after call ${aborting}`)
          isReached = made >= aborting
          assert.equal(existsSync(`${path}.lock`), false)
          await (await openJournal(path)).close()
        }
        assert.ok(opened > 0, 'some aborts come too late')
      }
    },
  )

  test('D10: an aborted wait gives up the waiting, not the sync', quick, async (context) => {
    let letGo = (): void => {}
    const storage = interposed(({ name, isSync }) => {
      if (name === 'file.dataSync' && !isSync) return new Promise<void>((resolve) => (letGo = resolve))
      return undefined
    })
    const journal = await openHere(context, { storage })
    const lsn = journal.append('x')
    const controller = new AbortController()
    const reason = new Error('enough')
    const patient = journal.syncThrough(lsn)
    const impatient = journal.syncThrough(lsn, { signal: controller.signal })
    await setImmediate()
    controller.abort(reason)
    await assert.rejects(impatient, reason)
    await assert.rejects(journal.syncThrough(lsn, { signal: controller.signal }), reason)
    assert.equal(journal.durableLsn, 0)
    letGo()
    assert.equal(await patient, lsn)
    assert.equal(await journal.syncThrough(lsn, { signal: new AbortController().signal }), lsn)
  })

  test(
    'D5 D10: a failure behind an aborted wait reaches those who still wait, and nobody else',
    quick,
    async (context) => {
      let fail = (): void => {}
      const storage = interposed(({ name, isSync }) => {
        if (name !== 'file.dataSync' || isSync) return undefined
        return new Promise<void>((_, reject) => (fail = () => reject(systemError('EIO'))))
      })
      const journal = await openJournal(join(temporaryDirectory(context), 'a.wal'), { storage })
      const lsn = journal.append('x')
      const controller = new AbortController()
      const impatient = journal.syncThrough(lsn, { signal: controller.signal })
      await setImmediate()
      controller.abort()
      await assert.rejects(impatient, { name: 'AbortError' })
      fail()
      // An unhandled rejection here would fail the test.
      await sleep(10)
      await assert.rejects(journal.syncThrough(lsn), { code: 'ERR_FSYS_POISONED' })
      await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
    },
  )

  test('D5 D10: a failure reaches a wait whose signal stays silent', quick, async (context) => {
    const storage = interposed(({ name }) => {
      if (name === 'file.dataSync') throw systemError('EIO')
    })
    const journal = await openJournal(join(temporaryDirectory(context), 'a.wal'), { storage })
    const { signal } = new AbortController()
    await assert.rejects(journal.syncThrough(journal.append('x'), { signal }), { code: 'ERR_FSYS_IO' })
    await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
  })
})

suite('where and how', () => {
  test('info says where a journal is, what serves it and what was found', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    writeFileSync(path, Buffer.concat([frames('a', 'b'), Buffer.from('FSY')]))
    const journal = await openJournal(path)
    const { recovery, checksum, mark, directorySync, ...rest } = journal.info
    assert.equal(rest.path, path)
    assert.equal(rest.engine, process.env['FSYS_ENGINE'] ?? (nativeAddon().addon === undefined ? 'portable' : 'pool'))
    assert.equal(rest.engineReason === undefined, rest.engine === 'pool', 'what is not the best has a reason')
    assert.equal(rest.sync.inUse, rest.engine === 'portable' ? 'fdatasync' : 'write and fdatasync')
    assert.deepEqual([rest.write, rest.isDirect, rest.alignmentBytes], [{ inUse: 'write' }, false, 1])
    assert.match(checksum.inUse, /^(native|wasm-simd|wasm|plain)$/u)
    assert.ok(checksum.inUse === 'native' || (checksum.reason ?? '') !== '', 'a fallback has a reason')
    assert.ok(mark.inUse === 'on' || (mark.reason ?? '') !== '')
    assert.equal(directorySync.inUse, process.platform === 'win32' ? 'none' : 'fsync')
    const { durationMs, savedTail, ...found } = recovery
    assert.ok(durationMs >= 0)
    assert.deepEqual(found, {
      tailState: 'truncated-header',
      cleanEnd: 26,
      records: 2,
      gaps: 0,
      bytesCut: 3,
      bytesRewritten: 26,
      isBelowMark: false,
    })
    assert.deepEqual(savedTail, { path: `${path}.corrupt-26`, bytes: 3, validFrames: 0, isAtLeast: false })
    await journal.close()
  })

  test(
    'files are made with fileMode, less the umask; the lock can be read by all',
    { ...quick, skip: process.platform === 'win32' },
    async (context) => {
      const before = process.umask(0o022)
      context.after(() => process.umask(before))
      const directory = temporaryDirectory(context)
      const modeOf = (name: string): string => (statSync(join(directory, name)).mode & 0o777).toString(8)
      const modes: readonly (readonly [number, JournalOptions, string])[] = [
        [0o022, {}, '600'],
        [0o022, { fileMode: 0o666 }, '644'],
        [0o077, { fileMode: 0o666 }, '600'],
        [0o002, { fileMode: 0o660 }, '660'],
      ]
      for (const [index, [umask, options, expected]] of modes.entries()) {
        process.umask(umask)
        const name = `${index}.wal`
        // A tail that is saved has the same permissions as what it was part of.
        const journal = await openJournal(join(directory, name), options)
        assert.deepEqual([modeOf(name), modeOf(`${name}.mark`)], [expected, expected])
        assert.equal(modeOf(`${name}.lock`), (0o644 & ~umask).toString(8))
        await journal.commit('x')
        await journal.close()
        writeFileSync(join(directory, name), 'FSY', { flag: 'a' })
        await (await openJournal(join(directory, name), options)).close()
        assert.equal(modeOf(`${name}.corrupt-13`), expected)
        assert.equal(modeOf(name), expected)
      }
    },
  )

  test('D8: a relative path stays what it was when the process moves', quick, async (context) => {
    const home = process.cwd()
    const directory = temporaryDirectory(context)
    context.after(() => process.chdir(home))
    mkdirSync(join(directory, 'elsewhere'))
    process.chdir(directory)
    const journal = await openJournal('a.wal')
    const reader = openReader('a.wal')
    process.chdir('elsewhere')
    assert.equal(journal.info.path, join(directory, 'a.wal'))
    await journal.commit('x')
    await journal.close()
    process.chdir(home)
    assert.deepEqual(readdirSync(directory).toSorted(), ['a.wal', 'a.wal.mark', 'elsewhere'])
    assert.deepEqual(readdirSync(join(directory, 'elsewhere')), [])
    reader.refresh()
    assert.equal([...reader].length, 1)
    reader.close()
    const again = await openJournal(pathToFileURL(join(directory, 'a.wal')))
    assert.equal(again.durableLsn, 13)
    await again.close()
  })

  test('D6: a journal goes on where it ended, many times', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const expected: string[] = []
    for (let life = 0; life < 10; life++) {
      const journal = life % 2 === 0 ? await openJournal(path) : openJournalSync(path)
      assert.equal(journal.info.recovery.records, expected.length)
      assert.deepEqual(
        frontiers(journal),
        Array.from({ length: 3 }, () => statSync(path).size),
      )
      for (let number = 0; number < life; number++) {
        expected.push(`life ${life}, number ${number}`)
        journal.append(expected.at(-1) as string)
      }
      await journal.close()
    }
    assert.deepEqual(readFileSync(path), frames(...expected))
  })

  test('D10: a journal in each of many directories, at once', quick, async (context) => {
    const directory = temporaryDirectory(context)
    const journals = await Promise.all(
      Array.from({ length: 40 }, (_, number) =>
        openJournal(join(directory, `${number}.wal`), { logBufferBytes: 4096 }),
      ),
    )
    await Promise.all(journals.map((journal) => journal.commit(basename(journal.info.path))))
    await Promise.all(journals.map((journal) => journal.close()))
    for (const journal of journals) assert.deepEqual(payloads(journal).map(String), [basename(journal.info.path)])
  })
})

/** How a reader can be read: what each way has found, one record after the other, until it is told to stop. */
type Way = (reader: JournalReader, each: (lsn: number, payload: Buffer) => boolean) => Promise<void> | void

const WAYS: Readonly<Record<string, Way>> = {
  iterator(reader, each) {
    for (const { lsn, endLsn, payload } of reader) {
      assert.equal(endLsn, lsn + payload.length + 12)
      assert.equal(reader.position, endLsn)
      if (!each(lsn, payload)) break
    }
  },
  async 'async iterator'(reader, each) {
    for await (const { lsn, payload } of reader) if (!each(lsn, payload)) break
  },
  async batches(reader, each) {
    for await (const batch of reader.batches()) {
      assert.equal(reader.position, batch.endLsn)
      for (let index = 0; index < batch.count; index++) {
        const lsn = batch.lsn + (batch.offsets[index] as number)
        if (!each(lsn, batch.payload(index))) {
          // A batch is given as a whole: to stop within one is to go back.
          reader.seek(asLsn(batch.lsn + (batch.offsets[index + 1] as number)))
          return
        }
      }
    }
  },
  scan(reader, each) {
    reader.scan((buffer, start, end, lsn) => each(lsn, buffer.subarray(start, end)))
  },
}

suite('reading', () => {
  /** Frames that end at, before and behind the ends of the chunks of 2^20 bytes in which a reader reads. */
  const boundaryLengths = (): number[] => {
    const lengths: number[] = []
    for (const distance of [0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 20]) {
      lengths.push(2 ** 20 - 12 - distance, 5, 2 ** 20 - 12 + distance, 0)
    }
    return [...lengths, 3 * 2 ** 20, 1, 2 ** 20 - 100, 50, 100, 2 ** 21 - 12]
  }

  for (const [name, way] of Object.entries(WAYS)) {
    test(`D2 D3: by ${name}, records at the boundaries of chunks`, quick, async (context) => {
      const journal = await openHere(context)
      const records = boundaryLengths().map((length, index) => Buffer.alloc(length, index))
      const lsns = records.map((record) => journal.append(record) - record.length - 12)
      await journal.flush()
      const reader = openReader(journal.info.path)
      let count = 0
      await way(reader, (lsn, payload) => {
        assert.equal(lsn, lsns[count])
        assert.ok(payload.equals(records[count] as Buffer))
        return ++count > 0
      })
      assert.equal(count, records.length)
      assert.deepEqual([reader.tailState, reader.position], ['clean-end', journal.nextLsn])
      reader.close()
    })

    test(
      `D2: by ${name}, a reading that is left goes on behind the last record, in any way`,
      quick,
      async (context) => {
        const journal = await openHere(context)
        for (let number = 0; number < 1000; number++) journal.append(`${number}`)
        journal.append(Buffer.alloc(2 ** 21, '1000'))
        for (let number = 1001; number < 1100; number++) journal.append(`${number}`)
        await journal.flush()
        const reader = openReader(journal.info.path)
        const found: string[] = []
        const ways = [way, ...Object.values(WAYS)]
        for (let turn = 0; found.length < 1100; turn++) {
          assert.ok(turn < 1100, `after ${found.length} records, no more are given`)
          let left = 1 + ((turn * 7) % 90)
          await (ways[turn % ways.length] as Way)(reader, (_, payload) => {
            found.push(payload.toString('utf8', 0, 4))
            return --left > 0
          })
        }
        assert.deepEqual(
          found,
          Array.from({ length: 1100 }, (_, number) => `${number}`),
        )
        assert.deepEqual([...reader], [])
        assert.equal(reader.tailState, 'clean-end')
        reader.close()
      },
    )

    test(`D2 D3: by ${name}, a reader that refreshes follows a writer`, quick, async (context) => {
      const journal = await openHere(context, { logBufferBytes: 8192 })
      const reader = openReader(journal.info.path)
      let count = 0
      let written = 0
      const follow = async (): Promise<void> => {
        reader.refresh()
        await way(reader, (_, payload) => {
          assert.equal(payload.toString('utf8', 0, 10).trim(), `${count++}`)
          return true
        })
      }
      const writing = (async () => {
        while (written < 2000) {
          journal.append(`${written}`.padEnd(10) + 'x'.repeat((written * 37) % 3000))
          written++
          if (written % 50 === 0) await journal.flush()
          if (written % 90 === 0) await journal.commit(`${written++}`)
        }
        await journal.flush()
      })()
      for (let isDone = false; !isDone; isDone = count >= 2000) {
        await follow()
        await setImmediate()
      }
      await writing
      await follow()
      assert.equal(count, written)
      assert.deepEqual([reader.position, reader.fileSize], [journal.writtenLsn, journal.writtenLsn])
      reader.close()
    })
  }

  test('D3: payloads stay as they were, however far one reads on', quick, async (context) => {
    const journal = await openHere(context)
    const records = Array.from({ length: 300 }, (_, number) => Buffer.alloc(20_000, number))
    journal.appendBatch(records)
    await journal.flush()
    const reader = openReader(journal.info.path)
    const kept = Array.from(reader, ({ payload }) => payload)
    reader.seek(asLsn(0))
    for await (const { payload } of reader) kept.push(payload)
    reader.seek(asLsn(0))
    for await (const batch of reader.batches()) {
      for (let index = 0; index < batch.count; index++) kept.push(batch.payload(index))
    }
    reader.close()
    assert.ok(kept.every((payload, index) => payload.equals(records[index % 300] as Buffer)))
    assert.equal(kept.length, 900)
  })

  test('what was appended is seen after a refresh, and not before', quick, async (context) => {
    const journal = await openHere(context)
    const reader = openReader(journal.info.path)
    assert.equal(reader.tailState, undefined)
    assert.deepEqual([...reader], [])
    assert.equal(reader.tailState, 'clean-end')
    journal.append('staged')
    reader.refresh()
    assert.equal(reader.tailState, undefined)
    assert.deepEqual([...reader], [], 'what is only staged is not there')
    await journal.flush()
    assert.deepEqual([...reader], [])
    assert.equal(reader.fileSize, 0)
    reader.refresh()
    assert.equal(reader.fileSize, 18)
    assert.equal([...reader].length, 1)
    reader.close()
  })

  test('seek goes to where a record begins; elsewhere reading ends at once', quick, async (context) => {
    const journal = await openHere(context)
    const ends = ['a', 'bb', 'ccc'].map((text) => journal.append(text))
    await journal.flush()
    const reader = openReader(journal.info.path)
    for (const [from, expected] of [
      [ends[1], ['ccc']],
      [0, ['a', 'bb', 'ccc']],
      [ends[0], ['bb', 'ccc']],
      [ends[2], []],
    ] as const) {
      reader.seek(asLsn(from as number))
      assert.deepEqual(
        Array.from(reader, ({ payload }) => payload.toString()),
        expected,
      )
      assert.equal(reader.tailState, 'clean-end')
    }
    reader.seek(asLsn(1))
    assert.deepEqual([...reader], [])
    assert.equal(reader.tailState, 'bad-magic')
    reader.seek(asLsn(1000))
    assert.deepEqual([...reader], [])
    assert.deepEqual([reader.tailState, reader.position], ['clean-end', 1000])
    reader.close()
  })

  test('readAt takes one record out of the row, and moves nothing', quick, async (context) => {
    const journal = await openHere(context)
    const lsns: number[] = []
    for (let number = 0; number < 100; number++) {
      lsns.push(journal.nextLsn)
      journal.append(number === 50 ? Buffer.alloc(2 ** 21, '50') : `${number}`)
    }
    await journal.flush()
    const reader = openReader(journal.info.path)
    let count = 0
    for (const { lsn } of reader) {
      assert.equal(lsn, lsns[count])
      const other = (count * 37) % 100
      const { payload, endLsn } = reader.readAt(asLsn(lsns[other] as number))
      assert.equal(payload.toString('utf8', 0, 2), `${other}`.slice(0, 2))
      assert.equal(endLsn, lsns[other + 1] ?? journal.nextLsn)
      count++
    }
    assert.equal(count, 100)
    assert.equal(reader.tailState, 'clean-end')
    reader.readAt(asLsn(0))
    assert.deepEqual([reader.tailState, reader.position], ['clean-end', journal.nextLsn])
    reader.close()
  })

  test('several readers of one journal go their own ways', quick, async (context) => {
    const journal = await openHere(context)
    for (let number = 0; number < 50_000; number++) journal.append(`${number}`)
    await journal.flush()
    const readers = Array.from({ length: 8 }, () => openReader(journal.info.path))
    const counts = await Promise.all(
      readers.map(async (reader, index) => {
        let count = 0
        const way = Object.values(WAYS)[index % 4] as Way
        await way(reader, (_, payload) => payload.toString() === `${count++}`)
        return count
      }),
    )
    assert.deepEqual(
      counts,
      Array.from({ length: 8 }, () => 50_000),
    )
    for (const reader of readers) reader.close()
  })

  test('D3: while one read of a reader is under way, another is refused, and close waits', quick, async (context) => {
    const journal = await openHere(context)
    journal.append('x')
    await journal.flush()
    let letGo = (): void => {}
    const files = new OpenFiles()
    const storage = interposed(({ name, isSync }) => {
      if (name === 'file.read' && !isSync) return new Promise<void>((resolve) => (letGo = resolve))
      return undefined
    }, files.count)
    const reader = openReader(journal.info.path, { storage })
    const busy = { code: 'ERR_FSYS_BUSY' }
    const reading = reader[Symbol.asyncIterator]().next()
    await setImmediate()
    await assert.rejects(reader[Symbol.asyncIterator]().next(), busy)
    await assert.rejects(reader.batches().next(), busy)
    assert.throws(() => [...reader], busy)
    assert.throws(() => reader.scan(() => {}), busy)
    assert.throws(() => reader.refresh(), busy)
    assert.throws(() => reader.seek(asLsn(0)), busy)
    assert.equal(reader.readAt(asLsn(0)).payload.toString(), 'x')
    reader.close()
    reader.close()
    assert.throws(() => reader.refresh(), { code: 'ERR_FSYS_CLOSED' })
    assert.equal(files.open, 1, 'the file is still being read')
    letGo()
    const { value } = await reading
    assert.ok(value === undefined || value.payload.toString() === 'x')
    assert.equal(files.open, 0)
  })

  test('D3: what a scan shows is not read over by its own callback', quick, async (context) => {
    const journal = await openHere(context)
    for (let number = 0; number < 100; number++) journal.append(`${number}`)
    await journal.flush()
    const reader = openReader(journal.info.path)
    let count = 0
    reader.scan((buffer, start, end) => {
      for (const use of [
        () => [...reader],
        () => reader.refresh(),
        () => reader.seek(asLsn(0)),
        () => reader.scan(() => {}),
      ]) {
        assert.throws(use, { code: 'ERR_FSYS_BUSY' })
      }
      assert.equal(reader.readAt(asLsn(0)).payload.toString(), '0')
      assert.equal(buffer.toString('utf8', start, end), `${count++}`)
    })
    assert.equal(count, 100)
    reader.seek(asLsn(0))
    count = 0
    // Its memory goes to the next one who asks for as much of it: here, a journal.
    const next = join(temporaryDirectory(context), 'next.wal')
    assert.throws(
      () =>
        reader.scan((buffer, start, end) => {
          reader.close()
          if (count === 0) {
            const other = openJournalSync(next, { logBufferBytes: 2 ** 19 })
            other.append(Buffer.alloc(400_000, 'over'))
            other.closeSync()
          }
          assert.equal(buffer.toString('utf8', start, end), `${count++}`)
        }),
      { code: 'ERR_FSYS_CLOSED' },
    )
    reader.close()
  })

  test('whatever call fails, a reader that is closed has no descriptor left', quick, async (context) => {
    const journal = await openHere(context)
    journal.appendBatch(['a', 'x'.repeat(2 * 2 ** 20), 'b'])
    await journal.close()
    for (let failing = 1, isReached = true; isReached; failing++) {
      const files = new OpenFiles()
      let made = 0
      const storage = interposed(({ name }) => {
        if (++made === failing && name !== 'file.close') throw systemError('EIO')
      }, files.count)
      try {
        const reader = openReader(journal.info.path, { storage })
        try {
          for await (const { lsn } of reader) reader.readAt(lsn)
          reader.refresh()
          reader.scan(() => {})
        } finally {
          reader.close()
        }
      } catch (error) {
        assert.equal((error as FsysError).code, 'ERR_FSYS_IO', `call ${failing}: ${String(error)}`)
      }
      // One that is being read ahead goes when that has ended.
      while (files.open > 0) await setImmediate()
      assert.equal(files.open, 0, `descriptors after call ${failing}`)
      isReached = made >= failing
    }
  })

  test('a callback that throws leaves the reader behind its record', quick, async (context) => {
    const journal = await openHere(context)
    const ends = ['a', 'b', 'c'].map((text) => journal.append(text))
    await journal.flush()
    const reader = openReader(journal.info.path)
    const failing = (buffer: Buffer, start: number, end: number): void => {
      if (buffer.toString('utf8', start, end) === 'b') throw new Error('of the caller')
    }
    assert.throws(() => reader.scan(failing), { message: 'of the caller' })
    assert.equal(reader.position, ends[1])
    assert.deepEqual(
      Array.from(reader, ({ payload }) => payload.toString()),
      ['c'],
    )
    reader.close()
  })

  test('D2: a journal that becomes shorter under a reader ends there', quick, async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    writeFileSync(path, frames('a', 'b', 'c'))
    const reader = openReader(path)
    truncateSync(path, 26)
    assert.deepEqual(
      Array.from(reader, ({ payload }) => payload.toString()),
      ['a', 'b'],
    )
    assert.equal(reader.position, 26)
    reader.close()
  })
})

async function openHere(context: TestContext, options?: JournalOptions): Promise<Journal> {
  const journal = await openJournal(join(temporaryDirectory(context), 'a.wal'), options)
  context.after(() => journal.close().catch(() => {}))
  return journal
}

function frontiers({ durableLsn, writtenLsn, nextLsn }: Journal): [DurableLsn, Lsn, Lsn] {
  return [durableLsn, writtenLsn, nextLsn]
}

function payloads(journal: Journal): Buffer[] {
  const reader = openReader(journal.info.path)
  try {
    return Array.from(reader, ({ payload }) => payload)
  } finally {
    reader.close()
  }
}

/** Seeds for random tests: the one that is asked for, or some new ones. */
function seedsOf(asked: string | undefined, count: number): number[] {
  if (asked !== undefined) return [Number(asked)]
  const first = Date.now() % 2 ** 31
  return Array.from({ length: count }, (_, index) => first + index)
}
