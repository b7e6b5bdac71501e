import assert from 'node:assert/strict'
import { test } from 'node:test'

import { draftName, draftOwner, isDraftName } from '#src/handle/draft-name.js'
import { createHandle } from '#src/handle/handle.js'
import type { Owner } from '#src/storage/storage.js'
import { SimDisk } from '#src/testing.js'

const me: Owner = {
  host: 'host',
  boot: 'b0071d',
  pidNamespace: 'pid:[1] time:[2]',
  pid: 4711,
  thread: 4712,
  startTime: 123_456,
}

test('a draft’s name says whose it is, to whom it concerns', () => {
  const name = draftName(me, '01234567-89ab-cdef-0123-456789abcdef')
  assert.ok(isDraftName(name) && name.length < 150)
  assert.deepEqual(draftOwner(name, me), me)
  const other = draftOwner(name, { ...me, host: 'another host', pid: 1 })
  assert.notEqual(other?.host, 'host')
  assert.notEqual(other?.host, 'another host')
  assert.equal(other?.pid, 4711)
  assert.notEqual(draftOwner(name, { ...me, boot: 'later' })?.boot, 'later')
  assert.equal(draftOwner(draftName({ ...me, boot: 'unknown' }, 'a'), me)?.boot, 'unknown')
  for (const odd of ['a', '.fsys-draft-', '.fsys-draft-a-b-c-1-2-3-d', `${name}.old`, `x${name}`, `${name}/`]) {
    assert.equal(draftOwner(odd, me), undefined, odd)
    assert.equal(isDraftName(odd), false, odd)
  }
})

test('the drafts of the dead are removed by the next write into their directory, those of the living are not', async () => {
  const disk = new SimDisk()
  for (const path of ['/data', '/other']) disk.makeDirectory(path)
  const [dead, alive] = [disk.process(), disk.process()]
  const [deadDraft, livingDraft, odd] = [dead, alive, alive].map(({ owners }) =>
    draftName(owners.self(), owners.token()),
  )
  for (const path of [`/data/${deadDraft}`, `/other/${deadDraft}`, `/data/${livingDraft}`, '/data/.fsys-draft-notes']) {
    alive.openSync(path, 'create').closeSync()
  }
  assert.ok(odd)
  disk.killProcess(dead)
  await disk.settle()
  const handle = createHandle({ storage: disk.process(), root: '/data', mode: 'prod' })
  await handle.write('a', 'x')
  const left = ['/data/.fsys-draft-notes', `/data/${livingDraft}`, '/data/a', `/other/${deadDraft}`].toSorted()
  assert.deepEqual(disk.files(), left)
})

test('a directory is looked through once by a handle', async () => {
  const disk = new SimDisk()
  disk.makeDirectory('/data')
  const handle = createHandle({ storage: disk.process(), root: '/data', mode: 'prod' })
  let listings = 0
  disk.faults = ({ kind }) => {
    if (kind === 'list') listings++
    return undefined
  }
  await handle.write('a', 'x')
  const first = listings
  assert.ok(first > 0)
  await handle.write('b', 'x')
  assert.equal(listings, first)
})

test('a sweep that fails does not keep a write from its work', async () => {
  const disk = new SimDisk()
  disk.faults = ({ kind }) => (kind === 'list' ? { error: 'EIO' } : undefined)
  await createHandle({ storage: disk.process(), mode: 'prod' }).write('/a', 'x')
  assert.deepEqual(disk.files(), ['/a'])
})
