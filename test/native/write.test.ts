import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, constants, ftruncateSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { How } from '#src/platform/native-addon.js'

import { fixturePath } from '../support/children.js'
import { mountSmall } from '../support/mounts.js'
import { seededRandom } from '../support/random.js'
import { addonPath, diskDirectory, errno, Fault, openFile } from './support.js'
import { type Way, WAY_NAMES, wayFor } from './ways.js'

// Write and sync, by a blocking call, as one job on the pool, and through the ring.

const NO_FILE = 2 ** 31 - 1
const NAMES_OF_HOW = Object.keys(How) as (keyof typeof How)[]
const seed = Number(process.env['FSYS_SEED'] ?? Date.now() % 2 ** 31)

function isSynced(how: number): boolean {
  return how !== How.writeOnly
}

function patterned(size: number, first = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, index) => first + index * 7 + (index >> 8)))
}

for (const name of WAY_NAMES) {
  test(`${name}: D3 what is written is what was given, where it was to go, however it is written`, async (t) => {
    const way = wayFor(t, name)
    if (way === undefined) return
    const path = join(diskDirectory(t), 'file')
    const fd = openFile(t, path)
    const bytes = patterned(300_000)
    for (const how of Object.values(How)) {
      ftruncateSync(fd, 0)
      const { result, written } = await way.write(fd, bytes, 1000, 201_000, 5000, how)
      assert.deepEqual([result, written], [0, 200_000])
      const expected = Buffer.concat([Buffer.alloc(5000), bytes.subarray(1000, 201_000)])
      assert.ok(readFileSync(path).equals(expected), String(how))
    }
  })

  test(`${name}: positions past 4 GiB are right`, async (t) => {
    const way = wayFor(t, name)
    if (way === undefined) return
    const fd = openFile(t, join(diskDirectory(t), 'file'))
    const position = 2 ** 33 + 3
    for (const how of Object.values(How)) {
      const bytes = patterned(5000, how)
      assert.deepEqual(await way.write(fd, bytes, 0, 5000, position, how), { result: 0, written: 5000 })
      const found = Buffer.alloc(5000)
      readSync(fd, found, 0, 5000, position)
      assert.ok(found.equals(bytes))
    }
  })

  test(`${name}: D5 a disk failure is told, with how far it got, and a sync is never tried again`, async (t) => {
    const way = wayFor(t, name)
    if (way === undefined) return
    const { addon } = way
    const path = join(diskDirectory(t), 'file')
    const fd = openFile(t, path)
    const bytes = patterned(10_000)
    for (const how of Object.values(How)) {
      addon.setFault(Fault.write, 0, -errno('EIO'))
      const failed = await way.write(fd, bytes, 0, 10_000, 0, how)
      assert.deepEqual(failed, { result: errno('EIO'), written: 0 }, `write, ${how}`)

      addon.setFault(Fault.shortWrite, 0, 4096)
      addon.setFault(Fault.write, 1, -errno('ENOSPC'))
      const short = await way.write(fd, bytes, 0, 10_000, 0, how)
      assert.deepEqual(short, { result: errno('ENOSPC'), written: 4096 })
      assert.ok(readFileSync(path).equals(bytes.subarray(0, 4096)), `short write, ${how}`)
      ftruncateSync(fd, 0)

      addon.setFault(Fault.sync, 0, -errno('EIO'))
      const unsynced = await way.write(fd, bytes, 0, 10_000, 0, how)
      const hasSync = isSynced(how) && how !== How.writeWithDsync
      assert.deepEqual(unsynced, { result: hasSync ? errno('EIO') : 0, written: 10_000 }, `sync, ${how}`)
      // It is still due if no sync was made, and gone if one was.
      const next = await way.write(fd, bytes, 0, 0, 0, How.writeAndSync)
      assert.equal(next.result, hasSync ? 0 : errno('EIO'))
      ftruncateSync(fd, 0)
    }
  })

  test(`${name}: D3 short writes are gone on with until all is written (seed ${seed})`, async (t) => {
    const way = wayFor(t, name)
    if (way === undefined) return
    const path = join(diskDirectory(t), 'file')
    const fd = openFile(t, path)
    const random = seededRandom(seed)
    for (let round = 0; round < 60; round++) {
      ftruncateSync(fd, 0)
      const size = 1 + Math.floor(random() * 20_000)
      const bytes = patterned(size, round)
      const how = Object.values(How)[round % NAMES_OF_HOW.length]!
      way.addon.setFault(Fault.shortWrite, 0, 1 + Math.floor(random() * size))
      assert.deepEqual(await way.write(fd, bytes, 0, size, 0, how), { result: 0, written: size })
      assert.ok(readFileSync(path).equals(bytes), `replay with FSYS_SEED=${seed}`)
    }
  })

  test(`${name}: D5 the sync of a write that came short covers the rest too`, async (t) => {
    const way = wayFor(t, name)
    if (way === undefined) return
    const fd = openFile(t, join(diskDirectory(t), 'file'))
    way.addon.setFault(Fault.shortWrite, 0, 100)
    // The ring links a sync to each of the two writes, and the first one does not count.
    way.addon.setFault(Fault.sync, name === 'ring' ? 1 : 0, -errno('EIO'))
    const outcome = await way.write(fd, patterned(1000), 0, 1000, 0, How.writeAndSync)
    assert.deepEqual(outcome, { result: errno('EIO'), written: 1000 })
  })

  test(`${name}: a full disk is told, and what is written is the beginning of what was given`, async (t) => {
    const way = wayFor(t, name)
    const full = way && mountSmall(t, 'tmpfs', 1)
    if (way === undefined || full === undefined) return
    const path = join(full, 'file')
    const bytes = patterned(3 * 2 ** 20)
    for (const how of Object.values(How)) {
      const fd = openSync(path, 'w')
      const { result } = await way.write(fd, bytes, 0, bytes.length, 0, how)
      closeSync(fd)
      assert.equal(result, errno('ENOSPC'))
      const found = readFileSync(path)
      assert.ok(found.length > 0 && found.length < bytes.length)
      assert.ok(found.equals(bytes.subarray(0, found.length)))
    }
  })

  test(`${name}: descriptors that cannot be written to are told`, async (t) => {
    const way = wayFor(t, name)
    if (way === undefined) return
    const path = join(diskDirectory(t), 'file')
    openFile(t, path)
    const reading = openSync(path, 'r')
    t.after(() => closeSync(reading))
    for (const how of Object.values(How)) {
      for (const fd of [NO_FILE, reading, -1]) {
        const { result, written } = await way.write(fd, patterned(100), 0, 100, 0, how)
        assert.deepEqual([result, written], [errno('EBADF'), 0], `${fd}, ${how}`)
      }
    }
    assert.equal((await way.write(NO_FILE, patterned(1), 0, 0, 0, How.writeAndSync)).result, errno('EBADF'))
  })

  test(`${name}: an empty range writes nothing, and is synced if that was asked for`, async (t) => {
    const way = wayFor(t, name)
    if (way === undefined) return
    const fd = openFile(t, join(diskDirectory(t), 'file'))
    const nothing = new Uint8Array(0)
    way.addon.setFault(Fault.sync, 0, -errno('EIO'))
    assert.deepEqual(await way.write(fd, nothing, 0, 0, 0, How.writeOnly), { result: 0, written: 0 })
    assert.deepEqual(await way.write(fd, nothing, 0, 0, 0, How.writeWithDsync), { result: 0, written: 0 })
    assert.deepEqual(await way.write(fd, nothing, 0, 0, 0, How.writeAndSync), { result: errno('EIO'), written: 0 })
    assert.deepEqual(await way.write(fd, nothing, 0, 0, 0, How.writeAndSync), { result: 0, written: 0 })
  })

  test(`${name}: a file that may not grow further is told (RLIMIT_FSIZE)`, (t) => {
    const way = wayFor(t, name)
    if (way === undefined) return
    const path = join(diskDirectory(t), 'file')
    // In units of 512 bytes.
    const words = [process.execPath, fixturePath('native-child'), 'limited', addonPath, path, name]
    const { stdout, stderr, status } = spawnSync('sh', ['-c', 'ulimit -f 8 && exec "$@"', 'sh', ...words], {
      encoding: 'utf8',
    })
    assert.equal(status, 0, stderr)
    assert.deepEqual(JSON.parse(stdout), { result: errno('EFBIG'), written: 4096 })
    assert.equal(readFileSync(path).length, 4096)
  })

  test(`${name}: O_DIRECT from memory that is aligned, with RWF_DSYNC and with a sync`, async (t) => {
    const way = wayFor(t, name)
    if (way === undefined) return
    const path = join(diskDirectory(t), 'file')
    const fd = openFile(t, path, constants.O_DIRECT)
    const memory = Buffer.from(new ArrayBuffer(65_536 + 4096))
    const start = 4096 - (way.addon.addressOf(memory) % 4096)
    memory.set(patterned(65_536), start)
    for (const how of Object.values(How)) {
      assert.deepEqual(await way.write(fd, memory, start, start + 65_536, how * 65_536, how), {
        result: 0,
        written: 65_536,
      })
      assert.ok(
        readFileSync(path)
          .subarray(how * 65_536)
          .equals(patterned(65_536)),
      )
    }
    const { result } = await way.write(fd, memory, start + 1, start + 4097, 0, How.writeWithDsync)
    assert.equal(result, errno('EINVAL'))
  })
}

for (const name of ['pool', 'ring'] as const) {
  test(`${name}: D3 hundreds of operations at once write what they were given (seed ${seed})`, async (t) => {
    const way = wayFor(t, name)
    if (way === undefined) return
    const path = join(diskDirectory(t), 'file')
    const fd = openFile(t, path)
    await hammer(way, fd, path)
  })
}

async function hammer(way: Way, fd: number, path: string): Promise<void> {
  const random = seededRandom(seed)
  for (let round = 0; round < 3; round++) {
    const sizes = Array.from({ length: 400 }, () => Math.floor(random() ** 3 * 20_000))
    const expected = patterned(
      sizes.reduce((sum, size) => sum + size, 0),
      round,
    )
    const starts = sizes.map((_, index) => sizes.slice(0, index).reduce((sum, size) => sum + size, 0))
    const order = starts.map((_, index) => index).toSorted(() => random() - 0.5)
    const outcomes = await Promise.all(
      order.map((index) => {
        const start = starts[index]!
        const end = start + sizes[index]!
        return way.write(fd, expected, start, end, start, Object.values(How)[index % 4]!)
      }),
    )
    for (const [at, { result, written }] of outcomes.entries()) {
      assert.deepEqual([result, written], [0, sizes[order[at]!]])
    }
    assert.ok(readFileSync(path).equals(expected), `replay with FSYS_SEED=${seed}`)
    ftruncateSync(fd, 0)
  }
}
