import { deepEqual, equal, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

import { type Bound, boundFor, check } from '../../bench/bounds.js'
import { type Goal, goalKey, goals } from '../../bench/goals.js'
import { reasons } from '../../bench/reasons.js'
import { judge, missed } from '../../bench/verdicts.js'
import { workloads } from '../../bench/workloads.js'
import { result, row } from './sample.js'

const goal: Goal = { workload: 'W', row: 'fsys/pool', of: 'figure', relation: '>=', value: 2, to: ['family:node'] }

test('a goal is held against the best of those that it names', () => {
  const rows = [row('fsys/pool', [30]), row('slow', [5], 'node'), row('fast', [10], 'node'), row('c', [50], 'limit')]
  const [verdict] = judge([goal], [result('W', rows)])
  deepEqual(verdict, { goal, subject: 'fsys/pool', base: 'fast', found: 3, isMet: true })
})

test('where less is better, the best is the least', () => {
  const less: Goal = { ...goal, relation: '<=', value: 1 }
  const rows = [row('fsys/pool', [6]), row('slow', [10], 'node'), row('fast', [5], 'node')]
  const verdicts = judge([less], [result('W', rows)])
  deepEqual(verdicts, [{ goal: less, subject: 'fsys/pool', base: 'fast', found: 1.2, isMet: false }])
  equal(missed(verdicts).length, 1)
})

test('who does not sync is not compared with', () => {
  const syncs = { found: 1, needed: 9, by: '1 fsync', verdict: 'NOT SYNCED' as const }
  const liar = { ...row('liar', [90], 'node'), syncs }
  const rows = [row('fsys/pool', [30]), liar, row('honest', [10], 'node')]
  const [verdict] = judge([goal], [result('W', rows)])
  ok(verdict !== undefined && 'base' in verdict)
  equal(verdict.base, 'honest')
})

test('without anybody to compare with, a goal is not judged, and says why', () => {
  const verdicts = judge([goal], [result('W', [row('fsys/pool', [30])])])
  deepEqual(verdicts, [{ goal, skipped: 'none of family:node is in this run' }])
  equal(missed(verdicts).length, 0)
})

test('only those who leave the loop free, or only those who block it, can be asked for', () => {
  const blocking = { ...row('blocks', [30], 'node'), blocks: true }
  const results = [result('W', [row('fsys/pool', [30]), blocking, row('free', [10], 'node')])]
  const bases = ['free:node', 'blocking:node'].map((to) => {
    const [verdict] = judge([{ ...goal, to: [to] }], results)
    return verdict !== undefined && 'base' in verdict ? verdict.base : undefined
  })
  deepEqual(bases, ['free', 'blocks'])
})

test('every goal is about rows that its workload has', () => {
  const all = new Map(workloads('full').map(({ id, entrants }) => [id, entrants]))
  for (const { workload, row: id, to = [] } of [...goals('node-sqlite/commit'), ...goals('better-sqlite3/commit')]) {
    const entrants = all.get(workload) ?? []
    ok(
      entrants.some((entrant) => entrant.id === id),
      `${workload} has no ${id}`,
    )
    for (const wanted of to) {
      const [, family] = wanted.split(':')
      ok(
        entrants.some((entrant) => (family === undefined ? entrant.id === wanted : entrant.family === family)),
        `${workload} has no ${wanted}`,
      )
    }
  }
})

test('every reason for a miss is that of a goal', () => {
  const keys = new Set(goals('better-sqlite3/commit').map(goalKey))
  for (const key of Object.keys(reasons)) ok(keys.has(key), `no goal is called ${key}`)
})

test('entrants have names of their own within a workload', () => {
  for (const { id, entrants } of workloads('full')) {
    equal(new Set(entrants.map((entrant) => entrant.id)).size, entrants.length, id)
    equal(new Set(entrants.map(({ label }) => label)).size, entrants.length, id)
  }
})

test('a ratio out of its bounds is seen: a halving is, noise is not', () => {
  const bounds: Bound[] = [
    { workload: 'W', row: 'fsys/pool', to: 'base', of: 'figure', least: 1 },
    { workload: 'W', row: 'absent', to: 'base', of: 'figure', least: 1 },
  ]
  const [found, absent] = check(bounds, [result('W', [row('fsys/pool', [20]), row('base', [10])])])
  equal(found?.isWithin, true)
  deepEqual(absent, { bound: bounds[1], ratio: undefined, isWithin: undefined })
  ok(found !== undefined && absent !== undefined)
  const tight = boundFor(found)
  for (const [figures, isWithin] of [
    [[16, 15, 14], true],
    [[10, 10, 10], false],
  ] as const) {
    const [again] = check([tight], [result('W', [row('fsys/pool', [...figures]), row('base', [10, 10, 10])])])
    equal(again?.isWithin, isWithin)
  }
  equal(boundFor(absent), absent.bound)
})

test('a bound on CPU time is held against CPU time', () => {
  const bound: Bound = { workload: 'W', row: 'fsys/pool', to: 'base', of: 'cpu', most: 1.5 }
  const busy = { ...row('fsys/pool', [99]), cpuNs: [3000] }
  const [found] = check([bound], [result('W', [busy, row('base', [1])])])
  deepEqual(found, { bound, ratio: 2, isWithin: false })
})

test('the bounds in the project are about rows that the short bench has', () => {
  const file = new URL('../../../bench/bounds.json', import.meta.url)
  const bounds = JSON.parse(readFileSync(file, 'utf8')) as Bound[]
  const all = new Map(workloads('check').map(({ id, entrants }) => [id, entrants.map((entrant) => entrant.id)]))
  for (const bound of bounds) {
    ok(all.get(bound.workload)?.includes(bound.row), `${bound.workload} has no ${bound.row}`)
    ok(all.get(bound.workload)?.includes(bound.to), `${bound.workload} has no ${bound.to}`)
    equal((bound.least === undefined) !== (bound.most === undefined), true)
  }
})
