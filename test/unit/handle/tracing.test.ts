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
  assert.deepEqual(waiting[0]?.was, { path: '/a', verb: 'write', durationMs: undefined })
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
