import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createHandle } from 'fsys'

import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { eventsOf, Listener } from '../../support/events.js'

test('each call of a handle is told of, with its verb, path and duration; one that fails, with its error', async () => {
  const handle = createHandle({ storage: new SimDisk().process() })
  using listener = new Listener()
  await handle.write('/a', 'x')
  const waiting = listener.take()
  assert.deepEqual(eventsOf(waiting), ['call:start', 'call:end', 'call:asyncStart', 'call:asyncEnd'])
  assert.deepEqual(waiting[0]?.was, { path: '/a', verb: 'write', bytes: undefined, durationMs: undefined })
  assert.ok((waiting.at(-1)?.message['durationMs'] as number) > 0)
  handle.writeSync('/a', 'y')
  assert.deepEqual(eventsOf(listener.take()), ['call:start', 'call:end'])
  await assert.rejects(handle.write('/none/a', 'x'), (error) => {
    const told = listener.take()
    assert.deepEqual(eventsOf(told), ['call:start', 'call:end', 'call:error', 'call:asyncStart', 'call:asyncEnd'])
    assert.equal(told[2]?.message['error'], error)
    return true
  })
  handle.close()
  assert.throws(() => handle.writeSync('/a', 'z'), { code: 'ERR_FSYS_CLOSED' })
  assert.deepEqual(eventsOf(listener.take()), ['call:start', 'call:error', 'call:end'])
})

test('calls that move bytes tell how many at their end, and others, and those that fail, tell none', async () => {
  const storage = new SimDisk().process()
  const handle = createHandle({ storage })
  using listener = new Listener()
  const bytesOf = async (act: () => unknown): Promise<unknown> => {
    listener.take()
    await Promise.resolve(act()).catch(() => undefined)
    const told = listener.take()
    assert.equal(told[0]?.was['bytes'], undefined)
    return told.at(-1)?.message['bytes']
  }
  const acts: readonly (readonly [act: () => unknown, bytes: number | undefined])[] = [
    [() => handle.write('/a', 'äöü'), 6],
    [() => handle.write('/a', ['one', 'two', Buffer.alloc(70_000)]), 70_006],
    [() => handle.writeSync('/a', ''), 0],
    [() => handle.writeCopy('/a', 'four'), 4],
    [() => handle.append('/a', '56'), 2],
    [() => handle.appendSync('/new', '7'), 1],
    [() => handle.writeAt('/a', 1, 'xyz'), 3],
    [() => handle.writeZeros('/a', 0, 300_000), 300_000],
    [() => handle.read('/a'), 300_000],
    [() => handle.readAt('/a', 299_990, 100), 10],
    [() => handle.readSync('/new'), 1],
    [() => handle.copy('/a', '/b'), 300_000],
    [() => handle.copySync('/new', '/b'), 1],
    [() => handle.writeBatch(Object.entries({ '/c': '12', '/d': '345' })), 5],
    [() => handle.batch().copy('/c', '/e').delete('/d').commit(), 2],
    [() => handle.delete('/c'), undefined],
    [() => handle.stat('/a'), undefined],
    [() => handle.write('/none/a', 'x'), undefined],
    [() => handle.writeBatch([['/none/a', 'x']]), undefined],
  ]
  for (const [act, bytes] of acts) assert.equal(await bytesOf(act), bytes, String(act))
  // What the call gives is what is told as its result.
  const result = async (act: () => Promise<unknown>): Promise<unknown> => {
    listener.take()
    const given = await act()
    const told = listener.take().at(-1)?.message['result']
    assert.equal(told, given, String(act))
    return told
  }
  assert.equal(await result(() => handle.write('/a', 'x')), undefined)
  assert.deepEqual(await result(() => handle.writeCopy('/a', 'x')), { owner: true, extended: true })
  assert.equal(await result(() => handle.append('/a', 'x')), undefined)
  assert.deepEqual(await result(() => handle.read('/a')), Buffer.from('xx'))
  assert.equal(await result(() => handle.deleteBatch(['/a'])), undefined)
})
