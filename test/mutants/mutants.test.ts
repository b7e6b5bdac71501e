import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'

import { judgeLibrary, judgeMutant } from './judge.js'
import { type Catcher, type Mutant, mutate } from './mutant.js'
import { mutants } from './mutants.js'
import { REPOSITORY } from './tree.js'

describe('the list of deliberate faults, which `npm run mutants` tries', () => {
  test('each stands in the source that there is, once, and what must catch it is there', () => {
    for (const mutant of mutants) {
      const source = readFileSync(join(REPOSITORY, mutant.file), 'utf8')
      assert.notEqual(mutate(source, mutant), source, mutant.name)
      const { caughtBy } = mutant
      if ('seeds' in caughtBy) continue
      assert.ok(existsSync(join(REPOSITORY, `test/${caughtBy.test}.test.ts`)), `${mutant.name}: ${caughtBy.test}`)
    }
  })

  test('no two have the same name, and each promise is broken by some', () => {
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length)
    const broken = new Set(mutants.flatMap(({ breaks }) => breaks.split(' ')))
    const ofJournals = ['D1', 'D2', 'D3', 'D4', 'D4b', 'D5', 'D6', 'D7', 'D8', 'D9', 'D10']
    assert.deepEqual(broken, new Set([...ofJournals, 'F1', 'F2', 'F3', 'F4', 'F5', 'F6']))
  })
})

describe('trying a mutant', () => {
  const mutant = { name: 'm', breaks: 'D1', file: 'f', find: 'b', replace: '$&', caughtBy: { seeds: 1 } } as const

  test('an edit that does not fit the source any more is an error', () => {
    assert.equal(mutate('abc', mutant), 'a$&c')
    assert.throws(() => mutate('ac', mutant), /stands 0 times in f/u)
    assert.throws(() => mutate('abcb', mutant), /stands 2 times in f/u)
    assert.throws(() => mutate('abc', { ...mutant, replace: 'b' }), /changes nothing/u)
  })

  const nothing = { seeds: 0, schedules: 0, passed: [], failed: [] }
  const isCaught = (caughtBy: Catcher, verdict: object | undefined): boolean =>
    judgeMutant({ caughtBy } satisfies Pick<Mutant, 'caughtBy'>, verdict && { ...nothing, ...verdict }).isRight

  test('what survives is not caught, nor is what fails otherwise than stated', () => {
    assert.equal(isCaught({ seeds: 9 }, { seeds: 3, message: 'D1: lost' }), true)
    assert.equal(isCaught({ seeds: 9 }, { seeds: 9 }), false)
    assert.equal(isCaught({ seeds: 9 }, undefined), false)
    const caughtBy = { test: 't', named: 'keeps' }
    assert.equal(isCaught(caughtBy, { failed: ['D1: keeps it'] }), true)
    assert.equal(isCaught(caughtBy, { failed: ['D1: loses it'] }), false)
    assert.equal(isCaught(caughtBy, { passed: ['D1: keeps it'] }), false)
    assert.equal(isCaught(caughtBy, undefined), false)
    assert.equal(isCaught({ ...caughtBy, hangs: true }, undefined), true)
    assert.equal(isCaught({ ...caughtBy, hangs: true }, { failed: ['D1: keeps it'] }), false)
  })

  test('the library must pass all that mutants are to fail, and a test that is skipped has not passed', () => {
    const trial = { firstSeed: 1, seeds: 9, tests: [{ test: 't', named: 'keeps' }] }
    const passes = (verdict: object): boolean => judgeLibrary(trial, { ...nothing, seeds: 9, ...verdict }).isRight
    assert.equal(passes({ passed: ['D1: keeps it'] }), true)
    assert.equal(passes({ passed: [] }), false)
    assert.equal(passes({ passed: ['D1: keeps it'], failed: ['D2'] }), false)
    assert.equal(passes({ passed: ['D1: keeps it'], message: 'D1: lost' }), false)
    assert.equal(judgeLibrary(trial, undefined).isRight, false)
  })
})
