import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { spawnSync } from 'node:child_process'
import { subscribe, tracingChannel, unsubscribe } from 'node:diagnostics_channel'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { type FsysError, type Journal, type JournalOptions, type JournalStats, openReader } from 'fsys'

import { type FaultHook, faultOnNth } from '#src/storage/sim/faults.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { fixturePath } from '../support/children.js'
import { engineStorage } from '../support/engines.js'
import { eventsOf, Listener } from '../support/events.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { seededRandom } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

const seed = Number(process.env['FSYS_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const WAITING = ['start', 'end', 'asyncStart', 'asyncEnd']
const BLOCKING = ['start', 'end']
const named = (name: string, events: readonly string[]): string[] => events.map((event) => `${name}:${event}`)

suite('what is told', () => {
  test('opening and closing, in both ways', async (context) => {
    using listener = new Listener()
    const path = join(temporaryDirectory(context), 'a.wal')
    for (const isBlocking of [false, true]) {
      const expected = isBlocking ? BLOCKING : WAITING
      const journal = isBlocking ? openJournalSync(path) : await openJournal(path)
      const opening = listener.take()
      assert.deepEqual(eventsOf(opening), named('open', expected))
      assert.deepEqual(opening[0]?.was, { path, durationMs: undefined })
      const { message } = opening.at(-1) ?? assert.fail()
      assert.equal(message['result'], journal)
      assert.ok((message['durationMs'] as number) > 0)
      assert.ok(
        opening.every((told) => told.message === message),
        'one message for all events',
      )
      if (isBlocking) journal.closeSync()
      else await journal.close()
      const closing = listener.take()
      assert.deepEqual(eventsOf(closing), named('close', expected))
      assert.equal(closing[0]?.message['path'], path)
      assert.ok((closing[0]?.message['durationMs'] as number) > 0)
      await journal.close()
      journal.closeSync()
      assert.deepEqual(listener.take(), [], 'closed already')
    }
  })

  test('what an opening has found and done, with sizes, before its end', async () => {
    const told: unknown[] = []
    const hear = (message: unknown): unknown => told.push(message)
    const hearEnd = (): unknown => told.push('end')
    const { end, asyncStart } = tracingChannel<unknown, object>('fsys:journal:open')
    subscribe('fsys:journal:recovery', hear)
    for (const channel of [end, asyncStart]) channel.subscribe(hearEnd)
    try {
      const disk = new SimDisk()
      const first = disk.process()
      const journal = await openJournal('/a.wal', { storage: first })
      await journal.commit('one')
      await journal.close()
      const file = first.openSync('/a.wal', 'write')
      file.writeSync(disk.image('/a.wal', 0, 4) ?? assert.fail(), file.statSync().size)
      file.closeSync()
      told.length = 0
      const again = openJournalSync('/a.wal', { storage: disk.process() })
      const { recovery } = again.info
      assert.deepEqual(told, [{ path: '/a.wal', bytesRead: 15 + 4, ...recovery }, 'end'])
      assert.deepEqual([recovery.records, recovery.bytesCut, recovery.savedTail?.bytes], [1, 4, 4])
      again.closeSync()
      // One that is refused has recovered nothing.
      told.length = 0
      await assert.rejects(openJournal('/none/a.wal', { storage: disk.process() }))
      assert.deepEqual(told, ['end', 'end'])
    } finally {
      unsubscribe('fsys:journal:recovery', hear)
      for (const channel of [end, asyncStart]) channel.unsubscribe(hearEnd)
    }
  })

  test('an opening that fails', async (context) => {
    using listener = new Listener()
    const path = join(temporaryDirectory(context), 'a.wal')
    await assert.rejects(openJournal(path, { create: false }), (error) => {
      const told = listener.take()
      assert.deepEqual(eventsOf(told), named('open', ['start', 'end', 'error', 'asyncStart', 'asyncEnd']))
      assert.equal(told[2]?.message['error'], error)
      return true
    })
    assert.throws(() => openJournalSync(path, { create: false }), { code: 'ERR_FSYS_NOT_FOUND' })
    assert.deepEqual(eventsOf(listener.take()), named('open', ['start', 'error', 'end']))
  })

  test('a group: what was appended, and one sync for all', async (context) => {
    const journal = await openHere(context)
    const { path } = journal.info
    using listener = new Listener()
    journal.append('first')
    await Promise.all([journal.commit('second'), journal.commit('third')])
    assert.equal(journal.durableLsn, 52)
    const told = listener.take()
    assert.deepEqual(eventsOf(told), ['append', ...named('sync', WAITING)])
    const [appended, start] = told
    const nothing = { oversizeRecords: 0, fullBuffers: 0, blockedMs: 0 }
    assert.deepEqual(appended?.message, { path, nextLsn: 52, records: 3, bytes: 52, ...nothing })
    const amounts = { path, waiters: 2, records: 3, bytes: 52 }
    assert.deepEqual(start?.was, { ...amounts, durationMs: undefined })
    const { durationMs, ...rest } = start?.message ?? assert.fail()
    assert.deepEqual(rest, amounts)
    assert.ok((durationMs as number) > 0)
    await journal.commit('fourth')
    assert.deepEqual(listener.told[0]?.message, { path, nextLsn: 70, records: 1, bytes: 18, ...nothing })
    await journal.close()
  })

  test('a blocking sync, and one for which there is nothing to do', async (context) => {
    const journal = await openHere(context)
    using listener = new Listener()
    journal.syncThroughSync(journal.append('x'))
    const told = listener.take()
    assert.deepEqual(eventsOf(told), ['append', ...named('sync', BLOCKING)])
    const { durationMs, path: _, ...rest } = told[1]?.message ?? assert.fail()
    assert.deepEqual(rest, { waiters: 1, records: 1, bytes: 13, result: 13 })
    assert.ok((durationMs as number) > 0)
    journal.syncThroughSync(journal.nextLsn)
    await journal.syncThrough(journal.nextLsn)
    assert.deepEqual(listener.take(), [])
    await journal.close()
  })

  test('flushes, in both ways', async (context) => {
    const journal = await openHere(context)
    using listener = new Listener()
    for (const isBlocking of [false, true]) {
      journal.append('x')
      if (isBlocking) journal.flushSync()
      else await journal.flush()
      const told = listener.take()
      assert.deepEqual(eventsOf(told), ['append', ...named('flush', isBlocking ? BLOCKING : WAITING)])
      const { durationMs, path: _, ...rest } = told.at(-1)?.message ?? assert.fail()
      assert.deepEqual(rest, { records: 1, bytes: 13, result: journal.writtenLsn })
      assert.ok((durationMs as number) >= 0)
    }
    await journal.close()
    await assert.rejects(journal.flush(), { code: 'ERR_FSYS_CLOSED' })
    assert.ok(eventsOf(listener.told).includes('flush:error'))
  })

  test('appending tells nobody, also where it writes; the next trip says how often, and how long that took', async (context) => {
    const journal = await openHere(context, { logBufferBytes: 4096 })
    using listener = new Listener()
    for (let number = 0; number < 1000; number++) journal.append(Buffer.alloc(100))
    journal.append(Buffer.alloc(5000))
    assert.deepEqual(listener.take(), [])
    await journal.syncThrough(journal.nextLsn)
    const { message } = listener.told[0] ?? assert.fail()
    assert.deepEqual(
      [message['records'], message['bytes'], message['oversizeRecords'], message['fullBuffers']],
      [1001, 1000 * 112 + 5012, 1, Math.floor(999 / 36)],
    )
    assert.ok((message['blockedMs'] as number) > 0)
    await journal.close()
  })

  test('D5: a sync that fails: the error that everybody gets', async () => {
    for (const isBlocking of [false, true]) {
      const disk = new SimDisk()
      const journal = openJournalSync('/a.wal', { storage: disk.process() })
      disk.faults = faultOnNth('dataSync', 1, { error: 'EIO' })
      using listener = new Listener()
      const lsn = journal.append('x')
      const check = (error: unknown): boolean => {
        const events = isBlocking ? ['start', 'error', 'end'] : ['start', 'end', 'error', 'asyncStart', 'asyncEnd']
        assert.deepEqual(eventsOf(listener.told), ['append', ...named('sync', events)])
        assert.equal(listener.told.at(-1)?.message['error'], error)
        assert.equal(listener.told.at(-1)?.message['records'], 0)
        return true
      }
      if (isBlocking) assert.throws(() => journal.syncThroughSync(lsn), check)
      else await assert.rejects(journal.syncThrough(lsn), check)
      await assert.rejects(journal.close())
    }
  })

  test('D5: of a group that an append forestalls by failing, the end is told once', async () => {
    const disk = new SimDisk({ seed })
    const journal = openJournalSync('/a.wal', { storage: disk.process(), logBufferBytes: 4096 })
    disk.faults = faultOnNth('write', 2, { error: 'ENOSPC' })
    let failure: unknown
    using listener = new Listener(({ event }) => {
      if (event !== 'sync:end') return
      try {
        journal.append(Buffer.alloc(10_000))
      } catch (error) {
        failure = error
      }
    })
    await assert.rejects(journal.commit('x'), (error) => error === failure)
    assert.equal((failure as FsysError).code, 'ERR_FSYS_NO_SPACE')
    await assert.rejects(journal.close())
    const events = eventsOf(listener.told).filter((event) => event.startsWith('sync'))
    assert.deepEqual(events, named('sync', ['start', 'end', 'error', 'asyncStart', 'asyncEnd']))
  })
})

suite('subscribers', () => {
  test('D1 D10: that throw break nothing: the process hears of it as an uncaught exception', (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const { status, stdout, stderr } = spawnSync(process.execPath, [fixturePath('throwing-subscriber'), path], {
      encoding: 'utf8',
      timeout: 60_000,
    })
    assert.equal(status, 0, stderr)
    const bytes = Array.from({ length: 100 }, (_, number) => `${number}`.length * 50 + 12).reduce(
      (sum, one) => sum + one,
    )
    const expected = { confirmed: 100, records: 102, bytes: bytes + 26, read: 102 }
    assert.equal(stdout, `${JSON.stringify(expected)}\ntrue\n`)
  })

  for (const engine of ['portable', 'pool', 'uring'] as const) {
    for (const direct of [false, true]) {
      const name = `D1 D2 D3 D10: may call the journal: ${engine}, ${direct ? 'direct' : 'cached'}`
      test(`${name} (FSYS_TEST_SEED=${seed})`, async (context) => {
        const storage = engineStorage(engine)
        if (typeof storage === 'string') return unavailable(context, storage)
        const directory = temporaryDirectory(context)
        const random = seededRandom(seed)
        for (let life = 0; life < 3; life++) {
          const path = join(directory, `${life}.wal`)
          const journal = await openJournal(path, { storage, direct, logBufferBytes: 65_536 })
          const confirmed = await meddle(journal, random)
          const ends = new Set([...openReader(path)].map(({ endLsn }) => endLsn as number))
          for (const lsn of confirmed) assert.ok(ends.has(lsn), `${lsn} was confirmed, and is not there`)
        }
      })
    }
  }

  test('D5: may poison the journal when they are told of a group: nothing more is written, and its callers hear of it', async () => {
    const disk = new SimDisk({ seed })
    const journal = openJournalSync('/a.wal', { storage: disk.process() })
    let failure: unknown
    let callsAfterwards = 0
    const onCall: FaultHook = ({ kind }) => {
      if (failure !== undefined) callsAfterwards++
      return kind === 'write' ? { error: 'ENOSPC' } : undefined
    }
    using listener = new Listener(({ event }) => {
      if (event !== 'sync:start' || failure !== undefined) return
      disk.faults = onCall
      failure = new Error('on the way')
      try {
        journal.syncThroughSync(journal.nextLsn)
      } catch (error) {
        failure = error
        callsAfterwards = 0
      }
    })
    await assert.rejects(journal.commit('x'), (error) => error === failure)
    await disk.settle()
    assert.equal(callsAfterwards, 0)
    const ends = listener.told.filter(({ event }) => event === 'sync:asyncEnd')
    assert.deepEqual(
      ends.map(({ message }) => message['error']),
      [failure],
    )
    await assert.rejects(journal.close())
  })

  test('D1: may sync or close the journal when they are told of a blocking sync, which has nothing left to do', async (context) => {
    for (const call of ['syncThroughSync', 'closeSync'] as const) {
      const journal = await openHere(context)
      let isFirst = true
      using listener = new Listener(({ event }) => {
        if (event !== 'sync:start' || !isFirst) return
        isFirst = false
        journal[call](journal.nextLsn)
      })
      assert.equal(journal.syncThroughSync(journal.append('x')), 13)
      assert.equal(journal.stats().syncMs.count, 1)
      assert.ok(!eventsOf(listener.told).includes('sync:error'))
      await journal.close()
    }
  })

  test('D8 D9: may close the journal when they are told that it closes: it lets go once', async (context) => {
    for (const outer of ['close', 'closeSync'] as const) {
      for (const inner of ['close', 'closeSync'] as const) {
        const journal = await openHere(context)
        journal.append('x')
        let isFirst = true
        using listener = new Listener(({ event }) => {
          if (event !== 'close:start' || !isFirst) return
          isFirst = false
          void journal[inner]()
        })
        // Memory that is given back twice is an error.
        await journal[outer]()
        await journal.close()
        assert.equal(journal.durableLsn, 13)
        assert.ok(!eventsOf(listener.told).includes('close:error'), `${inner} within ${outer}`)
      }
    }
  })

  test('hear of a group in the context in which the journal was opened, and of a call in that of its caller', async (context) => {
    const contexts = new AsyncLocalStorage<string>()
    const opening = new AsyncLocalStorage<string>()
    const heard: string[] = []
    using listener = new Listener(({ event }) => {
      heard.push(`${event} ${contexts.getStore()} ${opening.getStore()}`)
    })
    const traced = tracingChannel('fsys:journal:open')
    traced.start.bindStore(opening, () => 'opening')
    const journal = await contexts.run('opener', () => openHere(context))
    traced.start.unbindStore(opening)
    assert.deepEqual(
      heard.splice(0),
      named('open', WAITING).map((event) => `${event} opener opening`),
    )
    const answers = await Promise.all(
      ['one', 'two'].map((name) =>
        contexts.run(name, async () => {
          await journal.commit('x')
          return contexts.getStore()
        }),
      ),
    )
    assert.deepEqual(answers, ['one', 'two'])
    assert.deepEqual(
      heard.splice(0),
      ['append', ...named('sync', WAITING)].map((event) => `${event} opener undefined`),
    )
    journal.append('x')
    await contexts.run('caller', () => journal.flush())
    contexts.run('blocking', () => journal.syncThroughSync(journal.append('y')))
    assert.deepEqual(heard, [
      'append caller undefined',
      ...named('flush', WAITING).map((event) => `${event} caller undefined`),
      'append blocking undefined',
      ...named('sync', BLOCKING).map((event) => `${event} blocking undefined`),
    ])
    assert.equal(listener.told.length, 17)
    await journal.close()
  })

  test('can bind a store to a group, which its end sees, and the next group does not', async (context) => {
    const spans = new AsyncLocalStorage<number>()
    const ends: unknown[] = []
    let count = 0
    const traced = tracingChannel('fsys:journal:sync')
    const onEnd = (): unknown => ends.push(spans.getStore())
    traced.start.bindStore(spans, () => {
      ends.push(`before: ${spans.getStore()}`)
      return ++count
    })
    traced.asyncEnd.subscribe(onEnd)
    const journal = await openHere(context)
    await journal.commit('x')
    await journal.commit('y')
    traced.start.unbindStore(spans)
    traced.asyncEnd.unsubscribe(onEnd)
    assert.deepEqual(ends, ['before: undefined', 1, 'before: undefined', 2])
    await journal.close()
  })
})

suite('a slow sync', () => {
  test('is told of while it hangs, once, and again when it has ended', async () => {
    const { disk, journal } = slowDisk({})
    const meanwhile: { stats: JournalStats; durableLsn: number }[] = []
    using listener = new Listener(({ event }) => {
      if (event === 'slow-sync') meanwhile.push({ stats: journal.stats(), durableLsn: journal.durableLsn })
    })
    await Promise.all([journal.commit('x'), journal.commit('y')])
    const [hanging] = meanwhile
    const { unfinishedSyncMs = 0, slowSyncs } = hanging?.stats ?? assert.fail()
    assert.equal(hanging?.durableLsn, 0)
    assert.ok(unfinishedSyncMs >= 1000 && unfinishedSyncMs < 5000)
    assert.equal(slowSyncs, 0)
    const slow = listener.take().filter(({ event }) => event === 'slow-sync')
    const facts = { path: '/a.wal', slowSyncMs: 1000, waiters: 2 }
    const durations = slow.map(({ message: { durationMs, ...rest } }, index) => {
      assert.deepEqual(rest, { ...facts, isFinished: index === 1 })
      return durationMs as number
    })
    assert.equal(slow.length, 2)
    assert.ok(durations[0]! >= 1000 && durations[0]! < 5000 && durations[1]! >= 5000, durations.join())
    assert.equal(journal.stats().slowSyncs, 1)
    assert.equal(journal.stats().unfinishedSyncMs, undefined)
    for (let round = 0; round < 100; round++) await journal.commit('quick')
    await disk.advance(10_000)
    assert.ok(!eventsOf(listener.take()).includes('slow-sync'))
    await journal.close()
  })

  test('is looked for in every group, however long groups have followed one another', async () => {
    // Far from what the disk's own delays come to: some seeds have groups of more than 200 ms.
    const { disk, journal } = slowDisk({ slowSyncMs: 2000 })
    using listener = new Listener()
    let slowExpected = 0
    for (let round = 0; round < 60; round++) {
      const isSlow = round % 10 === 7
      if (isSlow) slowExpected++
      disk.faults = faultOnNth('dataSync', 1, { delayMs: isSlow ? 9000 : 50 })
      await journal.commit('x')
    }
    const slow = listener.told.filter(({ event }) => event === 'slow-sync')
    assert.deepEqual(
      slow.map(({ message }) => message['isFinished']),
      Array.from({ length: slowExpected * 2 }, (_, index) => index % 2 === 1),
    )
    assert.equal(journal.stats().slowSyncs, slowExpected)
    await journal.close()
  })

  test('that blocks is told of when it has ended, as nothing runs meanwhile', () => {
    const { journal } = slowDisk({ slowSyncMs: 5000 })
    using listener = new Listener()
    journal.syncThroughSync(journal.append('x'))
    const slow = listener.told.filter(({ event }) => event === 'slow-sync')
    assert.equal(slow.length, 1)
    assert.equal(slow[0]?.message['isFinished'], true)
    assert.equal(journal.stats().slowSyncs, 1)
    journal.closeSync()
  })

  test('that fails is told of with its error', async () => {
    const { disk, journal } = slowDisk({})
    disk.faults = faultOnNth('dataSync', 1, { error: 'EIO', delayMs: 5000 })
    using listener = new Listener()
    await assert.rejects(journal.commit('x'), (error) => {
      const { message } = listener.told.findLast(({ event }) => event === 'slow-sync') ?? assert.fail()
      assert.equal(message['isFinished'], true)
      assert.equal(message['error'], error)
      return true
    })
    assert.equal(journal.stats().slowSyncs, 1)
    await assert.rejects(journal.close())
  })

  test('that blocks and fails is told of with its error, whatever else is listened to', () => {
    const { disk, journal } = slowDisk({})
    disk.faults = faultOnNth('dataSync', 1, { error: 'EIO', delayMs: 5000 })
    const told: unknown[] = []
    const hear = (message: unknown): unknown => told.push((message as { error?: unknown }).error)
    subscribe('fsys:journal:slow-sync', hear)
    assert.throws(
      () => journal.syncThroughSync(journal.append('x')),
      (error) => {
        assert.deepEqual(told, [error])
        return true
      },
    )
    unsubscribe('fsys:journal:slow-sync', hear)
    assert.equal(journal.stats().slowSyncs, 1)
    assert.throws(() => journal.closeSync())
  })

  test('is nothing special with slowSyncMs: 0', async () => {
    const { journal } = slowDisk({ slowSyncMs: 0 })
    using listener = new Listener()
    await journal.commit('x')
    assert.ok(!eventsOf(listener.told).includes('slow-sync'))
    assert.equal(journal.stats().slowSyncs, 0)
    await journal.close()
  })
})

async function openHere(context: Parameters<typeof temporaryDirectory>[0], options?: JournalOptions): Promise<Journal> {
  return openJournal(join(temporaryDirectory(context), 'a.wal'), options)
}

/** A journal on a disk whose next sync takes so long. */
function slowDisk(options: JournalOptions, delayMs = 5000): { disk: SimDisk; journal: Journal } {
  const disk = new SimDisk({ seed })
  const journal = openJournalSync('/a.wal', { ...options, storage: disk.process() })
  disk.faults = faultOnNth('dataSync', 1, { delayMs })
  return { disk, journal }
}

/** Works with a journal while a subscriber calls it, too, in the middle of everything. Returns what was confirmed. */
async function meddle(journal: Journal, random: () => number): Promise<number[]> {
  const confirmed: number[] = []
  const pending: Promise<unknown>[] = []
  const isRefusal = (error: unknown): boolean =>
    ['ERR_FSYS_BUSY', 'ERR_FSYS_CLOSED'].includes((error as NodeJS.ErrnoException).code ?? '')
  const check = (error: unknown): void => assert.ok(isRefusal(error), error as Error)
  const note = (lsn: number): unknown => confirmed.push(lsn)
  const record = (): Buffer => Buffer.alloc(Math.floor(random() ** 6 * 100_000), 'x')
  const calls: (() => unknown)[] = [
    () => journal.append(record()),
    () => journal.appendBatch([record(), record(), record()]),
    () => journal.flushSync(),
    () => note(journal.syncThroughSync(journal.append(record()))),
    () => pending.push(journal.commit(record()).then(note, check)),
    () => pending.push(journal.flush().catch(check)),
    () => journal.stats(),
  ]
  const ending = [() => pending.push(journal.close().catch(check)), () => journal.closeSync()]
  const call = (isLast: boolean): void => {
    const choices = isLast ? ending : calls
    try {
      choices[Math.floor(random() * choices.length)]?.()
    } catch (error) {
      check(error)
    }
  }
  const failures: unknown[] = []
  let depth = 0
  let eventsLeft = Math.floor(random() * 200)
  using listener = new Listener(() => {
    if (depth === 2) return
    depth++
    try {
      call(eventsLeft-- === 0)
    } catch (error) {
      failures.push(error)
    }
    depth--
  })
  for (let round = 0; round < 60; round++) {
    call(false)
    if (random() < 0.2) await setImmediate()
  }
  await journal.close().catch(check)
  await Promise.all(pending)
  assert.deepEqual(failures, [])
  assert.ok(listener.told.length > 0)
  assert.equal(journal.stats().isPoisoned, false)
  return confirmed
}
