import assert from 'node:assert/strict'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'

import { createHandle, type FsysError, type Handle, type Journal, type JournalOptions, openReader } from 'fsys'

import { defaultStorage } from '#src/storage/default-storage.js'
import { NodeFile } from '#src/storage/node-file.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import type { StorageDirectory } from '#src/storage/storage.js'

import { fixturePath, startChild } from '../support/children.js'
import { openJournal, openJournalSync } from '../support/open-journal.js'
import { startRacer } from '../support/racer.js'
import { temporaryDirectory } from '../support/temporary.js'

const linux = { skip: process.platform === 'linux' ? false : 'it takes directories that are pinned' }

/** A root with a directory `d`, and a secret beside it. */
interface Place {
  readonly base: string
  readonly handle: Handle
}

function prepare(context: TestContext): Place {
  const base = temporaryDirectory(context)
  for (const name of ['root', 'root/d', 'outside']) mkdirSync(join(base, name))
  writeFileSync(join(base, 'outside/secret'), 'secret')
  const handle = createHandle({ root: join(base, 'root') })
  context.after(() => handle.close())
  return { base, handle }
}

type Open = (handle: Handle, path: string, options?: JournalOptions) => Promise<Journal>

const ways: Readonly<Record<string, Open>> = {
  waiting: (handle, path, options) => handle.journal(path, options),
  blocking: async (handle, path, options) => handle.journalSync(path, options),
  'waiting, direct': (handle, path, options) => handle.journal(path, { direct: true, ...options }),
}

function inEveryWay(name: string, work: (context: TestContext, open: Open, place: Place) => Promise<void>): void {
  for (const [way, open] of Object.entries(ways)) {
    test(`${name} (${way})`, linux, (context) => work(context, open, prepare(context)))
  }
}

function recordsOf(path: string): string[] {
  using reader = openReader(path)
  return Array.from(reader, ({ payload }) => Buffer.from(payload).toString())
}

/** What this process has open of a directory, itself too. */
function openIn(base: string): string[] {
  const paths = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return paths.filter((path) => path.startsWith(base)).toSorted()
}

function unharmed({ base }: Place): void {
  assert.deepEqual(readdirSync(join(base, 'outside')), ['secret'])
  assert.equal(readFileSync(join(base, 'outside/secret'), 'utf8'), 'secret')
}

suite('a journal in a root', () => {
  inEveryWay('D1 D6: is made, synced, and goes on, and its paths are ordinary ones', async (_context, open, place) => {
    const { base, handle } = place
    const path = join(base, 'root/d/app.wal')
    const journal = await open(handle, 'd/app.wal')
    const forced = process.env['FSYS_ENGINE']
    if (forced) assert.equal(journal.info.engine, forced)
    assert.equal(journal.info.path, path)
    assert.deepEqual(journal.info.directorySync, { inUse: 'fsync' })
    await journal.commit('one')
    journal.append('two')
    await journal.flush()
    assert.equal(journal.syncThroughSync(journal.nextLsn), journal.nextLsn)
    assert.throws(
      () => journal.syncThroughSync((journal.nextLsn + 1) as typeof journal.nextLsn),
      (error: Error) => error.message.includes(JSON.stringify(path)),
    )
    await journal.close()
    const again = await open(handle, 'd/app.wal')
    assert.equal(again.info.recovery.records, 2)
    await again.commit('three')
    again.closeSync()
    await again.close()
    assert.deepEqual(recordsOf(path), ['one', 'two', 'three'])
    assert.deepEqual(readdirSync(join(base, 'root/d')).toSorted(), ['app.wal', 'app.wal.mark'])
  })

  inEveryWay('D6 D7: a torn tail is saved beside it and cut off', async (_context, open, { base, handle }) => {
    const journal = await open(handle, 'd/app.wal')
    const end = await journal.commit('whole')
    await journal.close()
    const path = join(base, 'root/d/app.wal')
    appendFileSync(path, readFileSync(path).subarray(0, 9))
    const again = await open(handle, 'd/app.wal')
    assert.equal(again.info.recovery.savedTail?.path, `${path}.corrupt-${end}`)
    assert.equal(statSync(`${path}.corrupt-${end}`).size, 9)
    await again.commit('on')
    await again.close()
    assert.deepEqual(recordsOf(path), ['whole', 'on'])
  })

  inEveryWay(
    'F5 D8: stays in its directory, which is moved, with a link in its place',
    async (_context, open, place) => {
      const { base, handle } = place
      const journal = await open(handle, 'd/app.wal')
      await journal.commit('before')
      renameSync(join(base, 'root/d'), join(base, 'root/moved'))
      symlinkSync('../outside', join(base, 'root/d'))
      await journal.commit('after')
      await assert.rejects(open(handle, 'moved/app.wal'), { code: 'ERR_FSYS_LOCKED' })
      await journal.close()
      assert.deepEqual(recordsOf(join(base, 'root/moved/app.wal')), ['before', 'after'])
      assert.deepEqual(readdirSync(join(base, 'root/moved')).toSorted(), ['app.wal', 'app.wal.mark'])
      await assert.rejects(open(handle, 'd/app.wal'), { code: 'ERR_FSYS_OUTSIDE_ROOT' })
      unharmed(place)
    },
  )

  inEveryWay('D8: has the same lock as by its path, for threads and processes', async (context, open, place) => {
    const { base, handle } = place
    const path = join(base, 'root/d/app.wal')
    const locked = { code: 'ERR_FSYS_LOCKED' }
    const journal = await open(handle, 'd/app.wal')
    await assert.rejects(open(handle, 'd/app.wal'), locked)
    await assert.rejects(openJournal(path), locked)
    const refused = await startChild(context, 'holder', [path, 'cached']).ended
    assert.match(refused.stderr, /ERR_FSYS_LOCKED/u)
    await journal.close()
    const byPath = openJournalSync(path)
    await assert.rejects(open(handle, 'd/app.wal'), locked)
    await byPath.close()
    const child = startChild(context, 'holder', [path, 'cached'])
    await child.hear()
    await assert.rejects(open(handle, 'd/app.wal'), (error: FsysError & { holder: { pid: number } }) => {
      assert.equal(error.code, 'ERR_FSYS_LOCKED')
      return error.holder.pid === child.pid
    })
    await child.kill()
    const taken = await open(handle, 'd/app.wal')
    assert.deepEqual(recordsOf(path), ['x'])
    await taken.close()
    assert.deepEqual(readdirSync(join(base, 'root/d')).toSorted(), ['app.wal', 'app.wal.mark'])
  })

  inEveryWay(
    'F5: a link in the place of anything beside it is refused, and not followed',
    async (_context, open, place) => {
      const { base, handle } = place
      const path = join(base, 'root/d/app.wal')
      for (const isNew of [true, false]) {
        let end = 0
        if (!isNew) {
          const journal = await open(handle, 'd/app.wal')
          end = await journal.commit('x')
          await journal.close()
          appendFileSync(path, readFileSync(path).subarray(0, 4))
        }
        const sides = isNew ? ['lock', 'mark', 'mark.new'] : ['lock', 'mark', `corrupt-${end}`, `corrupt-${end}.new`]
        const before = isNew ? undefined : readFileSync(path)
        for (const side of sides) {
          for (const target of ['../../outside/secret', '../../outside/new', 'inside']) {
            const link = `${path}.${side}`
            const old = existsSync(link) ? readFileSync(link) : undefined
            rmSync(link, { force: true })
            symlinkSync(target, link)
            await assert.rejects(open(handle, 'd/app.wal'), { code: 'ERR_FSYS_OUTSIDE_ROOT' }, `${side} to ${target}`)
            assert.deepEqual(existsSync(path) ? readFileSync(path) : undefined, before)
            // What has the name of a draft may be removed, the link itself.
            if (!side.endsWith('.new')) assert.equal(readlinkSync(link), target)
            rmSync(link, { force: true })
            if (old !== undefined) writeFileSync(link, old)
          }
        }
      }
      unharmed(place)
      const journal = await open(handle, 'd/app.wal')
      assert.equal(journal.info.recovery.bytesCut, 4)
      await journal.close()
    },
  )

  inEveryWay('a link at the end of the path is followed within the root', async (_context, open, { base, handle }) => {
    symlinkSync('d/app.wal', join(base, 'root/link.wal'))
    const journal = await open(handle, 'link.wal')
    assert.equal(journal.info.path, join(base, 'root/d/app.wal'))
    await journal.close()
    assert.deepEqual(readdirSync(join(base, 'root/d')).toSorted(), ['app.wal', 'app.wal.mark'])
  })

  inEveryWay('D10: holds its directory open until it is closed, and no longer', async (_context, open, place) => {
    const { base, handle } = place
    const atFirst = openIn(base)
    const journal = await open(handle, 'd/app.wal')
    assert.ok(openIn(base).includes(join(base, 'root/d')))
    await assert.rejects(open(handle, 'd/app.wal'), { code: 'ERR_FSYS_LOCKED' })
    await assert.rejects(open(handle, 'd/app.wal.lock'), { code: 'ERR_FSYS_INVALID_ARGUMENT' })
    await assert.rejects(open(handle, 'd'), { code: 'ERR_FSYS_NOT_A_FILE' })
    await assert.rejects(open(handle, 'd/none.wal', { create: false }), { code: 'ERR_FSYS_NOT_FOUND' })
    await assert.rejects(open(handle, 'none/app.wal'), { code: 'ERR_FSYS_NOT_FOUND' })
    await journal.close()
    assert.deepEqual(openIn(base), atFirst)
    const other = await open(handle, 'd/app.wal')
    handle.close()
    await other.commit('it outlives the handle')
    other.closeSync()
    await other.close()
    assert.deepEqual(openIn(base), [])
  })

  test('D5 D10: a journal that was given up lets go of its directory when it is closed', linux, async (context) => {
    const { base } = prepare(context)
    class Failing extends NodeFile {
      override dataSync(): Promise<void> {
        return Promise.reject(Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' }))
      }
    }
    const storage = new NodeStorage({ makeFile: (fd) => new Failing(fd) })
    using handle = createHandle({ storage, root: join(base, 'root') })
    const atFirst = openIn(base)
    const journal = await handle.journal('d/app.wal')
    await assert.rejects(journal.commit('x'), { code: 'ERR_FSYS_IO' })
    await assert.rejects(journal.close(), { code: 'ERR_FSYS_POISONED' })
    assert.deepEqual(openIn(base), atFirst)
    assert.ok(!existsSync(join(base, 'root/d/app.wal.lock')))
  })

  test(
    'D10: a process or a thread that ends by itself hands over what is staged, and lets go',
    linux,
    async (context) => {
      const { base } = prepare(context)
      const [root, path] = [join(base, 'root'), join(base, 'root/d/app.wal')]
      const atFirst = openIn(base)
      const { code } = await startChild(context, 'rooted-child', [root, 'd/app.wal']).ended
      assert.equal(code, 0)
      assert.deepEqual(recordsOf(path), ['committed', 'staged'])
      assert.deepEqual(readdirSync(join(root, 'd')).toSorted(), ['app.wal', 'app.wal.mark'])
      const thread = new Worker(fixturePath('rooted-child'), { argv: [root, 'd/app.wal'] })
      await new Promise((resolve, reject) => thread.on('error', reject).on('exit', resolve))
      assert.equal(recordsOf(path).length, 4)
      assert.deepEqual(readdirSync(join(root, 'd')).toSorted(), ['app.wal', 'app.wal.mark'])
      // The root is the handle's, which nobody has closed.
      assert.deepEqual(
        openIn(join(root, 'd')),
        atFirst.filter((open) => open.startsWith(join(root, 'd'))),
      )
    },
  )

  test('F5: a directory that becomes a link when its storage opens it is looked for again', linux, async (context) => {
    const place = prepare(context)
    const { base } = place
    class Swapping extends NodeStorage {
      #isSwapped = false

      override openDirectorySync(path: string): StorageDirectory {
        if (!this.#isSwapped) {
          this.#isSwapped = true
          renameSync(path, join(base, 'root/moved'))
          symlinkSync('../outside', path)
        }
        return super.openDirectorySync(path)
      }
    }
    const journal = place.handle.journalSync('d/app.wal', { storage: new Swapping() })
    assert.equal(journal.info.path, join(base, 'root/moved/app.wal'))
    await journal.commit('x')
    await journal.close()
    assert.deepEqual(recordsOf(join(base, 'root/moved/app.wal')), ['x'])
    unharmed(place)
  })

  test(
    'has the engine of the storage that is given for it, in the root of a handle that has another',
    linux,
    async (context) => {
      const { base } = prepare(context)
      using handle = createHandle({ storage: new NodeStorage(), root: join(base, 'root') })
      const storage = defaultStorage(false)
      const journal = await handle.journal('d/app.wal', { storage })
      assert.equal(journal.info.engine, storage.engine)
      await journal.commit('x')
      await journal.close()
      assert.deepEqual(recordsOf(join(base, 'root/d/app.wal')), ['x'])
    },
  )
})

const RACE_MS = 1500

test(
  'F5 D8: nothing of a journal leaves its root while somebody swaps directories for links',
  linux,
  async (context) => {
    const base = temporaryDirectory(context)
    for (const name of ['root', 'root/d', 'root/d/e', 'outside', 'outside/e']) mkdirSync(join(base, name))
    const outside = ['outside', 'outside/e'].map((name) => join(base, name))
    // What is there for a moment only, as a lock is, changes the time of its directory as well.
    const changes = (): bigint[] => outside.map((path) => statSync(path, { bigint: true }).mtimeNs)
    const before = changes()
    const handle = createHandle({ root: join(base, 'root') })
    const racer = await startRacer(join(base, 'root'))
    const tally: Record<string, number> = {}
    const confirmed: Record<string, number> = {}
    const end = performance.now() + RACE_MS
    try {
      for (let round = 0; performance.now() < end; round++) {
        const path = ['d/app.wal', 'd/e/app.wal'][round % 2] as string
        const outcome = await openAndCommit(handle, path, round)
        if (outcome === 'done') confirmed[path] = (confirmed[path] ?? 0) + 1
        tally[outcome] = (tally[outcome] ?? 0) + 1
      }
    } finally {
      await racer.stop()
      handle.close()
    }
    context.diagnostic(JSON.stringify(tally))
    assert.deepEqual(readdirSync(join(base, 'outside'), { recursive: true }), ['e'])
    assert.deepEqual(changes(), before)
    const inside = readdirSync(join(base, 'root'), { recursive: true, encoding: 'utf8' })
    const found = inside
      .filter((name) => name.endsWith('app.wal'))
      .map((name) => recordsOf(join(base, 'root', name)).length)
    const byNumber = (one: number, other: number): number => one - other
    assert.deepEqual(found.toSorted(byNumber), Object.values(confirmed).toSorted(byNumber))
    assert.deepEqual(
      inside.filter((name) => name.includes('.lock')),
      [],
    )
    assert.ok((tally['done'] ?? 0) > 0, 'no journal was ever opened')
    assert.ok((tally['ERR_FSYS_OUTSIDE_ROOT'] ?? 0) > 0, 'no link was ever met')
  },
)

async function openAndCommit(handle: Handle, path: string, round: number): Promise<string> {
  const options = { direct: round % 4 > 1 }
  try {
    const journal = round % 3 > 0 ? await handle.journal(path, options) : handle.journalSync(path, options)
    try {
      await journal.commit('inside')
    } finally {
      await journal.close()
    }
    return 'done'
  } catch (error) {
    return String((error as { code?: unknown }).code)
  }
}
