import assert from 'node:assert/strict'
import { test } from 'node:test'

import { draftName, draftOwner, isDraftName } from '#src/handle/draft-name.js'
import { createHandle, type Handle } from '#src/handle/handle.js'
import { Sweeper } from '#src/handle/sweeper.js'
import { run } from '#src/storage/steps.js'
import type { Owner } from '#src/storage/storage.js'
import { SimDisk } from '#src/testing.js'

import { inEveryWorldWaiting } from './worlds.js'

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

test('a directory is looked through once an hour by a handle', async () => {
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
  await disk.advance(HOUR_MS - 1000)
  await handle.write('b', 'y')
  assert.equal(listings, first)
  // Somebody beside it is killed meanwhile.
  const dead = disk.process()
  dead.openSync(`/data/${draftName(dead.owners.self(), '1')}`, 'create').closeSync()
  disk.killProcess(dead)
  await disk.advance(1000)
  await handle.write('b', 'z')
  assert.ok(listings > first)
  assert.deepEqual(disk.files(), ['/data/a', '/data/b'])
})

test('a directory with more than is looked through at once is looked through in the end', async () => {
  const disk = new SimDisk()
  disk.makeDirectory('/data')
  const storage = disk.process()
  const dead = disk.process()
  for (let number = 0; number < 5000; number++) {
    const isDraft = number % 50 === 0
    const name = isDraft ? draftName(dead.owners.self(), number.toString(16)) : `file-${number}`
    dead.openSync(`/data/${name}`, 'create').closeSync()
  }
  disk.killProcess(dead)
  await disk.settle()
  const draftsLeft = (): number => disk.files().filter((path) => path.includes('.fsys-draft-')).length
  const sweeper = new Sweeper(storage, 2048)
  const directory = storage.openDirectorySync('/data')
  const left = [draftsLeft()]
  for (let look = 1; look <= 3; look++) {
    await run(sweeper.sweepWhenDue(directory))
    await run(sweeper.sweepWhenDue(directory))
    left.push(draftsLeft())
    await disk.advance(HOUR_MS)
  }
  assert.deepEqual(left, [100, 59, 17, 0])
  // And once more from the beginning on.
  const late = disk.process()
  late.openSync(`/data/${draftName(late.owners.self(), 'a')}`, 'create').closeSync()
  disk.killProcess(late)
  for (let look = 1; look <= 3; look++) {
    await run(sweeper.sweepWhenDue(directory))
    await disk.advance(HOUR_MS)
  }
  assert.equal(draftsLeft(), 0)
})

test('a sweep that fails does not keep a write from its work', async () => {
  const disk = new SimDisk()
  disk.faults = ({ kind }) => (kind === 'list' ? { error: 'EIO' } : undefined)
  await createHandle({ storage: disk.process(), mode: 'prod' }).write('/a', 'x')
  assert.deepEqual(disk.files(), ['/a'])
})

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** A container that is started anew has another pid namespace, and mostly another host name. */
const ELSEWHERE: readonly Partial<Owner>[] = [
  { host: 'a1b2c3' },
  { pidNamespace: 'pid:[4026532999]' },
  { boot: 'unknown' },
]

test('the drafts of those who cannot be looked up from here are removed when nothing has changed in them for a day', async () => {
  for (const identity of ELSEWHERE) {
    const disk = new SimDisk()
    disk.makeDirectory('/data')
    const crashed = disk.process(identity)
    const draft = `/data/${draftName(crashed.owners.self(), crashed.owners.token())}`
    crashed.openSync(draft, 'create').writeSync(Buffer.from('half of'), 0)
    disk.killProcess(crashed)
    await disk.advance(DAY_MS - 2 * HOUR_MS)
    await newHandle(disk).write('a', 'x')
    assert.deepEqual(disk.files(), [draft, '/data/a'], JSON.stringify(identity))
    await disk.advance(3 * HOUR_MS)
    await newHandle(disk).write('a', 'y')
    assert.deepEqual(disk.files(), ['/data/a'], JSON.stringify(identity))
  }
})

test('a draft is young as long as it is written to, and whatever times its file is given', async () => {
  const disk = new SimDisk()
  disk.makeDirectory('/data')
  const writer = disk.process({ host: 'a1b2c3' })
  const draft = `/data/${draftName(writer.owners.self(), writer.owners.token())}`
  const file = writer.openSync(draft, 'create')
  for (let day = 0; day < 3; day++) {
    file.writeSync(Buffer.from('more'), 4 * day)
    // As `writeCopy` does, before it syncs.
    file.setTimesSync(0n, 0n)
    await disk.advance(DAY_MS - HOUR_MS)
    await newHandle(disk).write('a', 'x')
    assert.deepEqual(disk.files(), [draft, '/data/a'])
  }
})

test('the drafts of the living stay, however old they are', async () => {
  const disk = new SimDisk()
  disk.makeDirectory('/data')
  const alive = disk.process()
  const draft = `/data/${draftName(alive.owners.self(), alive.owners.token())}`
  alive.openSync(draft, 'create').closeSync()
  await disk.advance(400 * DAY_MS)
  await newHandle(disk).write('a', 'x')
  assert.deepEqual(disk.files(), [draft, '/data/a'])
})

test('how old a draft is says the clock of the file system, and no other', async () => {
  const disk = new SimDisk()
  disk.makeDirectory('/data')
  const there = disk.process({ host: 'a1b2c3' })
  const draft = `/data/${draftName(there.owners.self(), there.owners.token())}`
  // Of a server whose clock is ten days behind that of this machine, or ahead of it; or is set back while somebody writes.
  for (const [before, after] of [
    [-10, -10],
    [10, 10],
    [10, 0],
    [0, -10],
  ] as const) {
    disk.fileClockLeadMs = before * DAY_MS
    there.openSync(draft, 'create').closeSync()
    disk.fileClockLeadMs = after * DAY_MS
    await newHandle(disk).write('a', 'x')
    assert.deepEqual(disk.files(), [draft, '/data/a'], `${before} ${after}`)
    there.unlinkSync(draft)
  }
})

test('where no file can be made, nobody knows how old a draft is', async () => {
  const disk = new SimDisk()
  disk.makeDirectory('/data')
  const [there, dead] = [disk.process({ host: 'a1b2c3' }), disk.process()]
  const drafts = [there, dead].map(({ owners }) => `/data/${draftName(owners.self(), owners.token())}`)
  for (const draft of drafts) there.openSync(draft, 'create').closeSync()
  disk.killProcess(dead)
  await disk.advance(2 * DAY_MS)
  let opened = 0
  disk.faults = ({ kind }) => (kind === 'open' && opened++ === 0 ? { error: 'ENOSPC' } : undefined)
  await newHandle(disk).write('a', 'x')
  // The look goes on without that.
  assert.deepEqual(disk.files(), [drafts[0], '/data/a'])
})

test('who goes on with a draft that was removed after a day gets ERR_FSYS_DRAFT_LOST, and the old file stays', async () => {
  const disk = new SimDisk()
  disk.makeDirectory('/data')
  const slow = newHandle(disk, { host: 'a1b2c3' })
  await slow.write('a', 'old')
  await assert.rejects(
    slow.write(
      'a',
      (async function* pieces() {
        yield 'ne'
        await disk.advance(2 * DAY_MS)
        await newHandle(disk).write('b', 'x')
        assert.deepEqual(disk.files(), ['/data/a', '/data/b'])
        yield 'w'
      })(),
    ),
    { code: 'ERR_FSYS_DRAFT_LOST', errno: 'ENOENT', message: /cannot write "a": its draft in .* has been removed/u },
  )
  assert.deepEqual(disk.files(), ['/data/a', '/data/b'])
  assert.equal(Buffer.from(disk.image('/data/a') ?? []).toString(), 'old')
  await slow.write('a', 'new')
  assert.equal(Buffer.from(disk.image('/data/a') ?? []).toString(), 'new')
})

test('a batch says of each file whose draft was removed that nothing has changed', async () => {
  for (const oneTrip of [false, true]) {
    const disk = new SimDisk({ oneTrip })
    disk.makeDirectory('/data')
    const [handle, other] = [newHandle(disk), disk.process()]
    await handle.write('a', 'old')
    disk.faults = ({ kind, path }) => {
      if (kind === 'rename' && path.includes('.fsys-draft-')) {
        disk.faults = undefined
        other.unlinkSync(path)
      }
      return undefined
    }
    const failure = await handle
      .writeBatch([
        ['a', 'new'],
        ['b', 'new'],
      ])
      .catch((error: unknown) => error)
    const { failed } = failure as { failed: { error: { code: string } }[] }
    assert.deepEqual(
      failed.map(({ error }) => error.code),
      ['ERR_FSYS_DRAFT_LOST'],
      `${oneTrip}`,
    )
  }
})

inEveryWorldWaiting(
  'a young draft of somebody elsewhere stays, and looking at its age leaves nothing',
  async (world) => {
    const draft = draftName({ ...world.storage.owners.self(), host: 'a1b2c3' }, '1')
    world.put(draft, 'half of')
    await world.handle({ root: world.base }).write('a', 'x')
    assert.deepEqual(world.names(), [draft, 'a'])
  },
)

test('an old draft of somebody elsewhere keeps no directory from being removed', async () => {
  const disk = new SimDisk()
  disk.makeDirectory('/data')
  disk.makeDirectory('/data/sub')
  const there = disk.process({ pidNamespace: 'pid:[2]' })
  there.openSync(`/data/sub/${draftName(there.owners.self(), '1')}`, 'create').closeSync()
  const handle = newHandle(disk)
  await assert.rejects(handle.rmdir('sub'), { code: 'ERR_FSYS_NOT_EMPTY' })
  await disk.advance(2 * DAY_MS)
  assert.equal(await handle.rmdir('sub'), true)
})

function newHandle(disk: SimDisk, identity: Partial<Owner> = {}): Handle {
  return createHandle({ storage: disk.process(identity), root: '/data', mode: 'prod' })
}
