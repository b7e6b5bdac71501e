import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

import { type Journal, type JournalOptions, openReader } from 'fsys'

import { openJournal } from '#src/journal/open-journal.js'
import type { Engine } from '#src/platform/engine.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { engineStorage } from '../support/engines.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

// In direct mode io_uring knows the journal's file and its memory beforehand, and writes from and to them as from any others.

function optionsFor(t: TestContext, engine: Engine): JournalOptions | undefined {
  const storage = engineStorage(engine)
  if (typeof storage !== 'string') return { storage, direct: true, logBufferBytes: 65_536 }
  unavailable(t, storage)
  return undefined
}

/** False, with the test skipped, where the file system has no direct I/O. */
async function isDirect(t: TestContext, journal: Journal): Promise<boolean> {
  if (journal.info.isDirect) return true
  await journal.close()
  unavailable(t, `no direct mode: ${journal.info.write.reason}`)
  return false
}

test('D1 D3: what goes through registered memory into a registered file is what was appended', async (t) => {
  const options = optionsFor(t, 'uring')
  if (options === undefined) return
  const path = join(temporaryDirectory(t), 'a.wal')
  const records = Array.from({ length: 400 }, (_, index) => Buffer.alloc((index * 7919) % 3000, `${index}`))
  records.push(Buffer.alloc(300_000, 'longer than a slot'), Buffer.from('the last one'))
  const journal = await openJournal(path, options)
  if (!(await isDirect(t, journal))) return
  assert.deepEqual(journal.info.registered, { inUse: 'file and memory' })
  for (const [index, record] of records.entries()) {
    const lsn = journal.append(record)
    if (index % 7 === 0) await journal.syncThrough(lsn)
    if (index % 50 === 0) journal.syncThroughSync(lsn)
  }
  await journal.close()
  using reader = openReader(path)
  assert.ok(Buffer.concat(Array.from(reader, ({ payload }) => Buffer.from(payload))).equals(Buffer.concat(records)))
  assert.equal(reader.tailState, 'clean-end')
})

test('closing gives back what was registered, and who comes when there is no more of it does without', async (t) => {
  const options = optionsFor(t, 'uring')
  if (options === undefined) return
  const directory = temporaryDirectory(t)
  for (let round = 0; round < 2; round++) {
    const journals: Journal[] = []
    try {
      for (let count = 0; count < 70; count++) journals.push(await openJournal(join(directory, `${count}`), options))
      if (!(await isDirect(t, journals[0]!))) return
      const without = journals.filter(({ info }) => info.registered.inUse === 'none')
      assert.equal(without.length, 70 - 64, `round ${round}`)
      assert.match(without[0]!.info.registered.reason!, /^ENFILE: io_uring_register/u)
      await Promise.all(journals.map((journal) => journal.commit('a record')))
    } finally {
      await Promise.all(journals.map((journal) => journal.close()))
    }
  }
})

/** How often this process's rings hold a file: the system lists what is registered. */
function countInRings(path: string): number {
  const isRing = (fd: string): boolean => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[io_uring]'
    } catch {
      return false
    }
  }
  const lists = readdirSync('/proc/self/fd')
    .filter(isRing)
    .map((fd) => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))
  return lists.join('').split(path).length - 1
}

// A ring that still held the file would keep a removed journal on the disk.
test('the ring lets go of a journal that is closed, or could not be opened', async (t) => {
  const options = optionsFor(t, 'uring')
  if (options === undefined) return
  const path = join(temporaryDirectory(t), 'held-by-the-ring.wal')
  const journal = await openJournal(path, options)
  if (!(await isDirect(t, journal))) return
  await journal.commit('a record')
  if (countInRings(path) !== 1) return unavailable(t, 'the system does not list what is registered')
  await assert.rejects(openJournal(path, options), { code: 'ERR_FSYS_LOCKED' })
  assert.equal(countInRings(path), 1)
  await journal.close()
  assert.equal(countInRings(path), 0)
})

test('nothing is registered in the page cache, nor by engines that have no use for it, and they say so', async (t) => {
  const reasonOf = async (options: JournalOptions, name: string): Promise<string | undefined> => {
    const path = options.storage?.engine === 'simulated' ? '/a' : join(directory, name)
    const journal = await openJournal(path, options)
    await journal.close()
    assert.equal(journal.info.registered.inUse, 'none')
    return journal.info.isDirect || options.direct !== true ? journal.info.registered.reason : undefined
  }
  const directory = temporaryDirectory(t)
  const storage = new SimDisk({ seed: 1 }).process()
  assert.equal(await reasonOf({ storage, direct: true }, 'simulated'), 'this engine has no use for it')
  assert.equal(await reasonOf({ storage }, 'simulated'), 'in the page cache it gains nothing')
  for (const engine of ['portable', 'pool', 'uring'] as const) {
    const options = optionsFor(t, engine)
    if (options === undefined) return
    assert.equal(await reasonOf({ ...options, direct: false }, engine), 'in the page cache it gains nothing')
    if (engine === 'uring') continue
    assert.match((await reasonOf(options, engine)) ?? 'this engine', /^this engine/u)
  }
})

test('where little memory may be locked, the memory is not registered, and all else works', (t) => {
  if (optionsFor(t, 'uring') === undefined) return
  const path = join(temporaryDirectory(t), 'a.wal')
  const program = `
    import { openJournal } from 'fsys'
    const journal = await openJournal(process.argv[1], { direct: true })
    await journal.commit('a record')
    await journal.close()
    console.log(JSON.stringify(journal.info))`
  const node = [process.execPath, '--input-type=module', '--eval', program, path]
  const without = [
    '--bounding-set',
    '-ipc_lock',
    '--inh-caps',
    '-ipc_lock',
    'sh',
    '-c',
    'ulimit -l 512 && exec "$@"',
    'sh',
  ]
  const env = { ...process.env, FSYS_ENGINE: 'uring' }
  const { stdout, stderr, error } = spawnSync('setpriv', [...without, ...node], { encoding: 'utf8', env })
  if (error !== undefined) return unavailable(t, error.message)
  assert.equal(stderr, '')
  const { isDirect: isPast, registered } = JSON.parse(stdout) as Journal['info']
  if (!isPast) return unavailable(t, 'no direct mode')
  assert.equal(registered.inUse, 'file')
  assert.match(registered.reason!, /^ENOMEM: io_uring_register/u)
})
