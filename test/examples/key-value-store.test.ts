import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { faultFromNth } from '#src/storage/sim/faults.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import type { Storage } from '#src/storage/storage.js'
import { explore } from '#src/testing/explore.js'

import { temporaryDirectory } from '../support/temporary.js'
import { KILLS, random, runExample, seed } from './killing.js'

interface Store {
  get(key: string): number | undefined
  set(key: string, value: number | undefined): Promise<void>
  snapshot(): Promise<void>
  close(): Promise<void>
}

interface StoreClass {
  open(directory: string, options: { storage: Storage }): Promise<Store>
}

const url = new URL('../../../examples/key-value-store/store.js', import.meta.url)
const { Store } = (await import(url.href)) as { Store: StoreClass }

/** For each key, what it may be found to be: what was acknowledged, and what was asked for since. */
class Client {
  readonly #possible = new Map<string, (number | undefined)[]>()

  async set(store: Store, key: string, value: number | undefined): Promise<void> {
    this.#possible.set(key, [...(this.#possible.get(key) ?? [undefined]), value])
    await store.set(key, value)
    this.#possible.set(key, [value])
  }

  check(store: Store): void {
    for (const [key, values] of this.#possible) {
      const found = store.get(key)
      assert.ok(values.includes(found), `${key} is ${found}, and may be ${values.join(' or ')}`)
      this.#possible.set(key, [found])
    }
  }
}

test('the store keeps what it has acknowledged through power cuts, kills and errors, snapshots under way or not', async () => {
  await explore({ seed: 1, schedules: 250, faults: ['EIO', 'ENOSPC', 'short', 'slow'] }, async (world) => {
    const { random: chance } = world
    const clients = [new Client(), new Client()]
    for (let life = 0; life < 3; life++) {
      await world.run(async (storage) => {
        const store = await Store.open('/', { storage })
        try {
          for (const client of clients) client.check(store)
          const count = async (client: Client, name: string): Promise<void> => {
            for (let step = 0; step < 3; step++) {
              const key = name + chance.pick(['x', 'y'])
              await client.set(store, key, chance.chance(0.2) ? undefined : chance.below(100))
            }
          }
          const work = clients.map((client, index) => count(client, `${index}`))
          await Promise.all([...work, chance.chance(0.7) ? store.snapshot() : undefined])
          if (chance.chance(0.3)) await store.snapshot()
        } finally {
          await store.close()
        }
      })
    }
    await world.check(async (storage) => {
      const store = await Store.open('/', { storage })
      for (const client of clients) client.check(store)
      await store.close()
    })
  })
})

test('what is set while a snapshot is begun waits for what was set before', async () => {
  const disk = new SimDisk({ seed: 1 })
  const storage = disk.process()
  const store = await Store.open('/', { storage })
  disk.faults = faultFromNth('dataSync', 1, { delayMs: 1000 }, '/journal.1.wal')
  const acknowledged: string[] = []
  const set = (key: string): Promise<void> => store.set(key, 1).then(() => void acknowledged.push(key))
  const sets = [set('before')]
  const snapshot = store.snapshot()
  const pass = (ms: number): Promise<void> => new Promise((resolve) => void storage.clock.startTimer(ms, resolve))
  await pass(10)
  sets.push(set('after'))
  await pass(100)
  assert.ok((disk.image('/journal.2.wal')?.length ?? 0) > 0, 'the next journal is in use')
  assert.deepEqual(acknowledged, [], 'the former one is not durable yet')
  await Promise.all([...sets, snapshot])
  assert.deepEqual(acknowledged, ['before', 'after'])
  await store.close()
})

// It went on in a closed store, without its lock: where the next store had made a newer snapshot by then, the older one took
// its place, and named a journal that was not there any more.
test('closing waits for a snapshot that is being made', async () => {
  const disk = new SimDisk({ seed: 1 })
  const storage = disk.process()
  const store = await Store.open('/', { storage })
  await store.set('key', 1)
  disk.faults = faultFromNth('sync', 1, { delayMs: 1000 })
  let isMade = false
  void store.snapshot().then(() => (isMade = true))
  await new Promise<void>((resolve) => void storage.clock.startTimer(10, resolve))
  await store.close()
  assert.ok(isMade)
  const next = await Store.open('/', { storage })
  assert.equal(next.get('key'), 1)
  await next.close()
})

test('journals that a crash has kept from being removed are removed by the next start', async () => {
  const disk = new SimDisk({ seed: 1 })
  const storage = disk.process()
  const names = async (): Promise<string[]> => (await storage.list('/')).toSorted()
  for (let count = 1; count <= 3; count++) {
    const store = await Store.open('/', { storage })
    await store.set('key', count)
    if (count === 2) await store.snapshot()
    await store.close()
  }
  const tidy = await names()
  for (const name of [
    'journal.0.wal',
    'journal.1.wal',
    'journal.1.wal.mark',
    'journal.1.wal.lock',
    'journal.10.wal.new',
  ])
    await (await storage.open(`/${name}`, 'create')).close()
  const store = await Store.open('/', { storage })
  assert.equal(store.get('key'), 3)
  await store.close()
  assert.deepEqual(await names(), [...tidy, 'journal.10.wal.new'].toSorted())
})

test('a store whose journal is gone says so, and begins no new one', async () => {
  const storage = new SimDisk({ seed: 1 }).process()
  const store = await Store.open('/store', { storage })
  await store.set('key', 1)
  await store.snapshot()
  await store.close()
  await storage.unlink('/store/journal.2.wal')
  await assert.rejects(Store.open('/store', { storage }), { code: 'ERR_FSYS_NOT_FOUND' })
})

test(`the store, killed ${KILLS} times at random moments, counts on from what it had acknowledged`, async () => {
  const words = ['examples/key-value-store/main.js', '--directory', join(temporaryDirectory(), 'not', 'there', 'yet')]
  const [set, setting] = [new Map<string, number>(), new Map<string, number>()]
  for (let kill = 0; kill <= KILLS; kill++) {
    const moment = kill === KILLS ? undefined : random.below(4) * random.below(80)
    const { lines, stderr } = await runExample([...words, '--snapshot-every', '20'], '', moment)
    assert.equal(stderr, '', `seed ${seed}`)
    const found = new Map<string, number>()
    for (const line of lines) {
      const [what, key = '', count] = line.split(' ')
      const about = `${line}, seed ${seed}`
      if (what === 'found') found.set(key, Number(count))
      else if (what === 'setting') setting.set(key, Math.max(setting.get(key) ?? 0, Number(count)))
      else if (what === 'set') {
        assert.ok(Number(count) > (set.get(key) ?? 0), about)
        set.set(key, Number(count))
      } else assert.fail(about)
      if (what === 'found') {
        assert.ok(Number(count) >= (set.get(key) ?? 0), `${about}, but ${set.get(key)} was acknowledged`)
        assert.ok(Number(count) <= (setting.get(key) ?? 0), `${about}, but only ${setting.get(key)} was begun`)
      }
    }
    // Who had time to work has told all that it had found.
    if (lines.some((line) => line.startsWith('setting'))) {
      for (const key of kill === 0 ? [] : set.keys()) {
        assert.ok(found.has(key) || lines.includes(`set ${key} 1`), `${key} is gone, seed ${seed}`)
      }
    }
  }
  assert.ok(Math.max(...set.values()) > 100, 'there was something to lose')
})
