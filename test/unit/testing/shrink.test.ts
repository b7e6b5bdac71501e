import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Random } from '#src/storage/sim/random.js'
import { shrink } from '#src/testing/shrink.js'

function randomNumbers(seed: number, length: number, limit: number): number[] {
  const random = new Random(seed)
  return Array.from({ length }, () => random.below(limit))
}

/** Shrinks what fails when `isBad` says so; a run draws what its script has. */
async function shrunk(first: readonly number[], isBad: (script: readonly number[]) => boolean): Promise<unknown> {
  assert.ok(isBad(first))
  const { script } = await shrink(first, (tried) => Promise.resolve(isBad(tried) ? tried : undefined), 10_000)
  assert.ok(isBad(script))
  return script
}

test('what fails for one number comes down to that number, and as low as it fails', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const first = [...randomNumbers(seed, 300, 1000), 777]
    assert.deepEqual(await shrunk(first, (script) => script.some((value) => value >= 500)), [500], `seed ${seed}`)
  }
})

test('what fails for two numbers in some order comes down to these', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const first = [...randomNumbers(seed, 100, 50), 42, 1, 60]
    const isBad = (script: readonly number[]): boolean => {
      const start = script.findIndex((value) => value >= 40)
      return start !== -1 && script.slice(start + 1).some((value) => value >= 45)
    }
    assert.deepEqual(await shrunk(first, isBad), [40, 45], `seed ${seed}`)
  }
})

test('a number that says how many follow is lowered together with them', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const first = [30, ...randomNumbers(seed, 29, 10), 15]
    // A run draws how many there are, then these. It fails if the last one is large.
    const stillFails = ([count = 0, ...rest]: readonly number[]): Promise<readonly number[] | undefined> => {
      const items = Array.from({ length: count }, (_, index) => rest[index] ?? 0)
      return Promise.resolve((items.at(-1) ?? 0) >= 10 ? [count, ...items] : undefined)
    }
    assert.deepEqual((await shrink(first, stillFails, 10_000)).script, [1, 10], `seed ${seed}`)
  }
})

test('no more attempts are made than allowed, and none twice', async () => {
  const tried: string[] = []
  const first = randomNumbers(1, 500, 10)
  const { attempts } = await shrink(
    first,
    (script) => {
      tried.push(script.join())
      return Promise.resolve(script.length > 400 ? script : undefined)
    },
    50,
  )
  assert.equal(attempts, 50)
  assert.equal(tried.length, 50)
  assert.equal(new Set(tried).size, 50)
})

test('a run that draws more than the script says is not taken for simpler', async () => {
  const first = [3, 2, 1]
  const { script } = await shrink(first, (candidate) => Promise.resolve([...candidate, 0, 0, 0, 0]), 1000)
  assert.deepEqual(script, first)
})
