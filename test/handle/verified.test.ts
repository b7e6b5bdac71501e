import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'

import { createHandle, type Handle } from '#src/handle/handle.js'
import { VerifiedDirectory } from '#src/handle/verified-directory.js'
import { NodeFile } from '#src/storage/node-file.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import { call, run, runSync, type Steps } from '#src/storage/steps.js'
import type { StorageDirectory } from '#src/storage/storage.js'

import { temporaryDirectory } from '../support/temporary.js'

const storage = new NodeStorage({ pinsDirectories: false })

const NAMES = ['e', 'file', 'link']

/** A root with a directory `d`, and one like it outside, with other content. */
function prepare(context: TestContext): string {
  const base = temporaryDirectory(context)
  mkdirSync(join(base, 'root'))
  for (const [name, content] of [
    ['root/d', 'inside'],
    ['outside', 'secret'],
  ] as const) {
    mkdirSync(join(base, name))
    mkdirSync(join(base, name, 'e'))
    writeFileSync(join(base, name, 'file'), content)
    symlinkSync(content, join(base, name, 'link'))
  }
  return base
}

function swap(base: string): void {
  renameSync(join(base, 'root/d'), join(base, 'root/away'))
  symlinkSync('../outside', join(base, 'root/d'))
}

/** The directory, with something that is done once, before or after the call of this name. */
function disturbed(inner: StorageDirectory, name: string, when: 'before' | 'after', act: () => void): StorageDirectory {
  let isDone = false
  const once = (): void => {
    if (!isDone) act()
    isDone = true
  }
  return new Proxy(inner, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      if (key !== name && key !== `${name}Sync`) return value.bind(target) as unknown
      return (...values: unknown[]): unknown => {
        if (when === 'before') once()
        const result: unknown = Reflect.apply(value, target, values)
        if (when === 'before') return result
        if (!(result instanceof Promise)) {
          once()
          return result
        }
        return result.then((answer: unknown) => {
          once()
          return answer
        })
      }
    },
  })
}

type Use = (directory: StorageDirectory) => Steps<unknown>

/** What can be verified once it is done, and before anybody gets anything of it. */
const looks: Readonly<Record<string, readonly [call: string, use: Use]>> = {
  read: ['open', (directory) => call(directory, 'open', 'file', 'read')],
  write: ['open', (directory) => call(directory, 'open', 'file', 'write')],
  append: ['open', (directory) => call(directory, 'open', 'file', 'append')],
  empty: ['open', (directory) => call(directory, 'open', 'file', 'replace')],
  make: ['open', (directory) => call(directory, 'open', 'new', 'create')],
  'make or empty': ['open', (directory) => call(directory, 'open', 'new', 'replace')],
  openDirectory: ['openDirectory', (directory) => call(directory, 'openDirectory', 'e')],
  stat: ['stat', (directory) => call(directory, 'stat', 'file')],
  readLink: ['readLink', (directory) => call(directory, 'readLink', 'link')],
  list: ['list', (directory) => call(directory, 'list')],
  hasAccessList: ['hasAccessList', (directory) => call(directory, 'hasAccessList', 'file')],
  copyAttributes: [
    'copyAttributes',
    (directory) => call(directory, 'copyAttributes', 'file', new NodeFile(-1), 'others'),
  ],
}

/** What has only names: it is refused beforehand, and told of afterwards. */
const changes: typeof looks = {
  rename: ['rename', (directory) => call(directory, 'rename', 'file', directory, 'new')],
  link: ['link', (directory) => call(directory, 'link', 'file', 'new')],
  unlink: ['unlink', (directory) => call(directory, 'unlink', 'file')],
  makeDirectory: ['makeDirectory', (directory) => call(directory, 'makeDirectory', 'new')],
  removeDirectory: ['removeDirectory', (directory) => call(directory, 'removeDirectory', 'e')],
}

function inBothWays(name: string, work: (base: string) => Steps<void>): void {
  test(`${name} (blocking)`, (context) => runSync(work(prepare(context))))
  test(`${name} (waiting)`, (context) => run(work(prepare(context))))
}

function* verified(base: string, name: string, when: 'before' | 'after', act: () => void): Steps<StorageDirectory> {
  const root = yield* call(storage, 'openDirectory', join(base, 'root'))
  const inner = yield* call(root, 'openDirectory', 'd')
  yield* call(root, 'close')
  return new VerifiedDirectory(disturbed(inner, name, when, act), join(base, 'root'))
}

function* refused(directory: StorageDirectory, use: Use): Steps<void> {
  try {
    yield* use(directory)
  } catch (error) {
    assert.equal((error as { code?: unknown }).code, 'ERR_FSYS_OUTSIDE_ROOT', String(error))
    return
  } finally {
    yield* call(directory, 'close')
  }
  assert.fail('it was not refused')
}

function unharmed(base: string): void {
  assert.deepEqual(readdirSync(join(base, 'outside')).toSorted(), NAMES)
  assert.equal(readFileSync(join(base, 'outside/file'), 'utf8'), 'secret')
}

suite('F5: where directories are not pinned', () => {
  for (const [what, [name, use]] of Object.entries(looks)) {
    for (const when of ['before', 'after'] as const) {
      inBothWays(`${what}: a link that is swapped in right ${when} it is seen, and nothing is done`, function* (base) {
        const directory = yield* verified(base, name, when, () => swap(base))
        yield* refused(directory, use)
        unharmed(base)
        assert.equal(readFileSync(join(base, 'root/away/file'), 'utf8'), 'inside')
      })
    }
  }

  for (const [what, [name, use]] of Object.entries(changes)) {
    inBothWays(`${what}: is refused where a link was there before`, function* (base) {
      const directory = yield* verified(base, name, 'before', () => assert.fail('it was done'))
      swap(base)
      yield* refused(directory, use)
      unharmed(base)
    })
    for (const when of ['before', 'after'] as const) {
      inBothWays(`${what}: a link that is swapped in right ${when} it is reported`, function* (base) {
        const directory = yield* verified(base, name, when, () => swap(base))
        yield* refused(directory, use)
        if (when === 'after') unharmed(base)
      })
    }
  }

  inBothWays('what is moved to another directory is verified at both ends', function* (base) {
    mkdirSync(join(base, 'root/f'))
    const from = yield* verified(base, 'none', 'before', () => undefined)
    const root = yield* call(storage, 'openDirectory', join(base, 'root'))
    const to = new VerifiedDirectory(yield* call(root, 'openDirectory', 'f'), join(base, 'root'))
    yield* call(from, 'rename', 'file', to, 'file')
    assert.deepEqual(readdirSync(join(base, 'root/f')), ['file'])
    swap(base)
    yield* refused(to, (directory) => call(directory, 'rename', 'file', from, 'file'))
    unharmed(base)
    yield* call(from, 'close')
    yield* call(root, 'close')
  })

  inBothWays('a file that others replace between the two looks at it is opened once more', function* (base) {
    const replace = (): void => {
      writeFileSync(join(base, 'root/d/other'), 'newer')
      renameSync(join(base, 'root/d/other'), join(base, 'root/d/file'))
    }
    const directory = yield* verified(base, 'open', 'after', replace)
    const file = yield* call(directory, 'open', 'file', 'read')
    const target = Buffer.alloc(5)
    yield* call(file, 'read', target, 0)
    assert.equal(target.toString(), 'newer')
    yield* call(file, 'close')
    yield* call(directory, 'close')
  })

  inBothWays(
    'another directory in the place of the one that was opened is refused, within the root too',
    function* (base) {
      const directory = yield* verified(base, 'none', 'before', () => undefined)
      renameSync(join(base, 'root/d'), join(base, 'root/away'))
      mkdirSync(join(base, 'root/d'))
      for (const [, use] of Object.values({ ...looks, ...changes })) {
        try {
          yield* use(directory)
          assert.fail('it was not refused')
        } catch (error) {
          // There is no such file in the other one; or there is, and nobody gets it.
          const { code } = error as { code?: unknown }
          assert.ok(code === 'ERR_FSYS_OUTSIDE_ROOT' || code === 'ENOENT', String(error))
        }
      }
      assert.deepEqual(readdirSync(join(base, 'root/d')), [])
      yield* call(directory, 'close')
    },
  )

  test('a root that is given by a link, and by a path that depends on the working directory', async (context) => {
    const base = prepare(context)
    symlinkSync('root', join(base, 'link'))
    const here = process.cwd()
    process.chdir(base)
    const handles = [createHandle({ storage, root: join(base, 'link') }), createHandle({ storage, root: 'root' })]
    process.chdir(here)
    for (const handle of handles) {
      assert.equal(String(await handle.read('d/file')), 'inside')
      await handle.write('new', 'x')
      assert.equal(String(handle.readSync('d/../new')), 'x')
      const journal = await handle.journal('d/app.wal')
      assert.equal(journal.info.path, join(base, 'root/d/app.wal'))
      await journal.commit('x')
      await journal.close()
      handle.close()
    }
  })

  test('a journal whose own storage pins nothing is verified too, and outlives its handle', async (context) => {
    const base = prepare(context)
    const handle = createHandle({ root: join(base, 'root') })
    const journal = await handle.journal('d/app.wal', { storage })
    handle.close()
    await journal.commit('x')
    await journal.close()
    assert.deepEqual(readdirSync(join(base, 'root/d')).toSorted(), ['app.wal', 'app.wal.mark', ...NAMES])
  })

  test('a journal is refused when its directory becomes a link, and closes all the same', async (context) => {
    const base = prepare(context)
    using handle = createHandle({ storage, root: join(base, 'root') })
    const journal = await handle.journal('d/app.wal')
    await journal.commit('before')
    swap(base)
    await journal.commit('after: its file is open')
    await assert.rejects(handle.journal('d/app.wal'), { code: 'ERR_FSYS_OUTSIDE_ROOT' })
    await journal.close()
    unharmed(base)
    // The lock could not be removed by its path; its holder knows that it has let go of it.
    const again = await handle.journal('away/app.wal')
    assert.equal(again.info.recovery.records, 2)
    await again.close()
    assert.deepEqual(readdirSync(join(base, 'root/away')).toSorted(), ['app.wal', 'app.wal.mark', ...NAMES])
  })

  test('nothing is read or written outside, whenever a directory becomes a link, as long as that stays', async (context) => {
    const base = prepare(context)
    const swapper = new Swapper(base)
    await swapper.ready
    const handle = createHandle({ storage, root: join(base, 'root') })
    const tally: Record<string, number> = {}
    const end = performance.now() + RACE_MS
    try {
      for (let round = 0; performance.now() < end; round++) {
        const use = uses[round % uses.length] as (typeof uses)[number]
        swapper.begin(Math.random() * SWAP_AFTER_MS_MAX)
        const outcome = await use(handle).then(
          () => 'done',
          (error: unknown) => String((error as { code?: unknown }).code),
        )
        tally[outcome] = (tally[outcome] ?? 0) + 1
        swapper.end()
      }
    } finally {
      handle.close()
      await swapper.stop()
    }
    context.diagnostic(JSON.stringify(tally))
    unharmed(base)
    assert.ok((tally['done'] ?? 0) > 0, 'nothing was ever done')
    assert.ok((tally['ERR_FSYS_OUTSIDE_ROOT'] ?? 0) > 0, 'no link was ever met')
  })
})

const RACE_MS = 2000
const SWAP_AFTER_MS_MAX = 3

/** What moves content. What only removes names is not promised not to do so outside. */
const uses: readonly ((handle: Handle) => Promise<unknown>)[] = [
  (handle) => handle.write('d/file', 'inside'),
  (handle) => handle.append('d/file', 'inside'),
  (handle) => handle.append('d/new', 'inside'),
  (handle) => handle.writeAt('d/file', 0, 'inside'),
  (handle) => handle.truncate('d/file', 6),
  (handle) => handle.copy('d/file', 'd/copy'),
  (handle) => handle.writeBatch([['d/file', 'inside']]),
  async (handle) => {
    assert.doesNotMatch(String(await handle.read('d/file')), /secret/u)
  },
  async (handle) => {
    const journal = await handle.journal('d/app.wal')
    await journal.commit('inside')
    await journal.close()
  },
]

/** A thread that puts a link in the place of `d`, once, so long after it was told to, and later takes it away again. */
class Swapper {
  readonly #worker: Worker
  readonly #state = new Int32Array(new SharedArrayBuffer(8))
  readonly ready: Promise<unknown>

  constructor(base: string) {
    this.#worker = new Worker(`(${swapWhenTold.toString()})()`, {
      eval: true,
      workerData: { base, state: this.#state },
    })
    this.ready = new Promise((resolve) => this.#worker.once('message', resolve))
  }

  begin(afterMs: number): void {
    this.#state[1] = Math.floor(afterMs * 1000)
    this.#tell(1)
  }

  /** Returns when it has swapped, and swapped back. */
  end(): void {
    Atomics.wait(this.#state, 0, 1)
    this.#tell(3)
    Atomics.wait(this.#state, 0, 3)
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }

  #tell(state: number): void {
    Atomics.store(this.#state, 0, state)
    Atomics.notify(this.#state, 0)
  }
}

/** Runs in the worker, where there is nothing but Node. States: 0 idle, 1 told to swap, 2 swapped, 3 told to swap back. */
function swapWhenTold(): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads')
  const fs = process.getBuiltinModule('node:fs')
  const { base, state } = workerData as { base: string; state: Int32Array }
  const tell = (next: number): void => {
    Atomics.store(state, 0, next)
    Atomics.notify(state, 0)
  }
  parentPort?.postMessage('ready')
  for (;;) {
    Atomics.wait(state, 0, 0)
    const end = performance.now() + (state[1] as number) / 1000
    while (performance.now() < end);
    fs.renameSync(`${base}/root/d`, `${base}/root/away`)
    fs.symlinkSync('../outside', `${base}/root/d`)
    tell(2)
    Atomics.wait(state, 0, 2)
    fs.unlinkSync(`${base}/root/d`)
    fs.renameSync(`${base}/root/away`, `${base}/root/d`)
    tell(0)
  }
}
