import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Random } from '#src/storage/sim/random.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'
import type { StorageFile } from '#src/storage/storage.js'

/** Two processes that write over each other, one that is killed, and a power cut in the end. */
async function runOnce(seed: number): Promise<string> {
  const disk = new SimDisk({ seed, traceLines: 10_000 })
  const random = new Random(seed)
  const processes = [disk.process(), disk.process()]
  const work = processes.map(async (storage, index) => {
    const file = await storage.open(`/file-${index}`, 'create')
    storage.clock.startTimer(1, () => void file.dataSync().catch(() => undefined))
    await storage.syncDirectory('/')
    for (let round = 0; round < 20; round += 1) {
      const writes = [1, 2, 3].map(() => writeSome(file, random))
      await Promise.all([...writes, file.dataSync()])
      storage.clock.soon(() => void file.truncate(random.below(10_000)).catch(() => undefined))
      if (round === 10 && index === 1) disk.killProcess(storage)
    }
  })
  await Promise.allSettled(work)
  disk.cutPower()
  const images = disk.files().map((path) => [path, Buffer.from(disk.image(path) ?? []).toString('base64')])
  return JSON.stringify([disk.trace, images, disk.now])
}

function writeSome(file: StorageFile, random: Random): Promise<number> {
  return file.write(Buffer.alloc(1 + random.below(3000), random.below(256)), random.below(9000))
}

test('the same seed makes the same run, to the byte', async () => {
  for (let seed = 1; seed <= 20; seed += 1) assert.equal(await runOnce(seed), await runOnce(seed), `seed ${seed}`)
})

test('other seeds make other runs', async () => {
  const runs = new Set<string>()
  for (let seed = 1; seed <= 20; seed += 1) runs.add(await runOnce(seed))
  assert.equal(runs.size, 20)
})

test('two runs side by side do not disturb each other', async () => {
  const alone = [await runOnce(3), await runOnce(4)]
  assert.deepEqual(await Promise.all([runOnce(3), runOnce(4)]), alone)
})

test('the generator says the same for the same seed, and spreads its numbers', () => {
  const [one, two] = [new Random(5), new Random(5)]
  for (let round = 0; round < 100; round += 1) assert.equal(one.bits(), two.bits())
  const counts = new Map<number, number>()
  for (let round = 0; round < 10_000; round += 1) {
    const value = one.below(10)
    counts.set(value, (counts.get(value) ?? 0) + 1)
  }
  for (const [value, count] of counts) assert.ok(count > 850 && count < 1150, `${value} ${count} times`)
  assert.equal(counts.size, 10)
  assert.equal(one.below(0), 0)
  for (let round = 0; round < 1000; round += 1) assert.ok(one.below(2 ** 53 - 1) < 2 ** 53 - 1)
  const wide = Array.from({ length: 100 }, () => one.below(2 ** 53 - 1))
  assert.ok(wide.some((value) => value > 2 ** 52) && wide.some((value) => value % 2 === 1))
})
