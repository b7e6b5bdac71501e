import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Choices } from '#src/storage/sim/choices.js'
import { Random } from '#src/storage/sim/random.js'
import { RecordedChoices } from '#src/storage/sim/recorded-choices.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

import { fill, letters } from './sim-support.js'

/** A few of everything that is drawn, on a disk and beside it. */
async function run(choices: Choices): Promise<string> {
  const disk = new SimDisk({ choices, traceLines: 1000 })
  const storage = disk.process()
  const file = await storage.open('/a', 'create')
  await storage.syncDirectory('/')
  for (let round = 0; round < 5; round += 1) {
    const bytes = choices.bytes(choices.between(1, 4000))
    await Promise.all([file.write(bytes, choices.below(9000)), file.dataSync()])
    if (choices.chance(0.2)) break
  }
  disk.cutPower()
  return JSON.stringify([disk.trace, Buffer.from(disk.image('/a') ?? []).toString('base64')])
}

test('a run can be recorded without changing it, and told again from the record', async () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const recording = new RecordedChoices([], new Random(seed))
    const first = await run(recording)
    assert.equal(first, await run(new Random(seed)), `seed ${seed}`)
    const again = new RecordedChoices(recording.drawn)
    assert.equal(await run(again), first, `seed ${seed}`)
    assert.deepEqual(again.drawn, recording.drawn)
  }
})

test('the simplest run: no word from chance, first in first out, and everything survives', async () => {
  const choices = new RecordedChoices([])
  const disk = new SimDisk({ choices, traceLines: 100 })
  const file = disk.process().openSync('/a', 'create')
  const order: number[] = []
  const calls = [0, 1, 2, 3].map((index) => file.write(fill('a'), index * 512).then(() => order.push(index)))
  await Promise.all(calls)
  assert.deepEqual(order, [0, 1, 2, 3])
  file.writeSync(fill('bc'), 512)
  disk.cutPower()
  assert.equal(letters(disk.image('/a')), 'abca')
  assert.ok(choices.drawn.every((value) => value === 0))
})

test('a record of one run can be used for another: what is too large counts as the largest, what is missing as 0', () => {
  const choices = new RecordedChoices([7, 1, 9])
  assert.equal(choices.below(5), 4)
  assert.equal(choices.chance(0.5), true)
  assert.equal(choices.pick(['a', 'b']), 'b')
  assert.equal(choices.below(100), 0)
  assert.equal(choices.chance(0.999), false)
  assert.deepEqual(choices.drawn, [4, 1, 1, 0, 0])
})

test('what has one outcome only is not drawn', () => {
  for (const choices of [new Random(1), new RecordedChoices([5, 5, 5])]) {
    const untouched = choices instanceof Random ? new Random(1) : new RecordedChoices([5, 5, 5])
    assert.deepEqual(
      [choices.below(0), choices.below(1), choices.chance(0), choices.chance(1), choices.pick(['a'])],
      [0, 0, false, true, 'a'],
    )
    assert.equal(choices.below(1000), untouched.below(1000))
  }
})

test('helpers draw within their bounds, and every outcome', () => {
  const choices = new Random(1)
  const numbers = new Set(Array.from({ length: 200 }, () => choices.between(3, 6)))
  assert.deepEqual(numbers, new Set([3, 4, 5, 6]))
  const items = new Set(Array.from({ length: 200 }, () => choices.pick(['a', 'b', 'c'])))
  assert.deepEqual(items, new Set(['a', 'b', 'c']))
  assert.notDeepEqual(choices.bytes(20), choices.bytes(20))
  assert.deepEqual(new RecordedChoices([]).bytes(3), new Uint8Array(3))
})
