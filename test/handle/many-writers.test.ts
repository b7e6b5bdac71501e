import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { startChild } from '../support/children.js'
import { temporaryDirectory } from '../support/temporary.js'

const WRITERS = 4
const ROUNDS = Number(process.env['FSYS_WRITER_ROUNDS'] ?? 200)
const NAMES = ['a', 'b', 'c']

type Times = readonly (readonly [begunAt: number, endedAt: number])[]

test(
  'F1 F4: of processes that replace the same files the last one wins, whole, and nobody ever sees anything else',
  { timeout: 600_000 },
  async (context) => {
    const base = temporaryDirectory(context)
    for (const name of NAMES) writeFileSync(join(base, name), 'nobody 0 0 ')
    const children = Array.from({ length: WRITERS }, (_, who) =>
      startChild(context, 'replacer', [base, `${who}`, `${ROUNDS}`]),
    )
    const over = new AbortController()
    const ends = Promise.all(children.map((child) => child.ended)).finally(() => over.abort())

    let reads = 0
    const latest = new Map<string, number>()
    while (!over.signal.aborted) {
      for (const name of NAMES) {
        const { who, round } = read(base, name)
        const before = latest.get(`${name} ${who}`) ?? -1
        assert.ok(round >= before, `${name} went back from round ${before} of ${who} to ${round}`)
        latest.set(`${name} ${who}`, round)
        reads++
      }
      await setImmediate()
    }

    for (const { code, stderr } of await ends) assert.equal(code, 0, stderr)
    const times = await Promise.all(children.map((child) => child.hear<Times>()))
    assert.deepEqual(readdirSync(base).toSorted(), NAMES)
    for (const name of NAMES) {
      const { who, round } = read(base, name)
      const endedAt = times[Number(who)]?.[round]?.[1] ?? assert.fail(`${who} ${round}`)
      for (const [other, rounds] of times.entries()) {
        const begunLast = rounds.at(-1)?.[0] ?? 0
        assert.ok(begunLast <= endedAt, `${name} is of ${who}, and ${other} had begun later, and was acknowledged`)
      }
    }
    context.diagnostic(`${reads} reads, ${latest.size} pairs of a file and a writer seen`)
  },
)

/** Whose it is. Fails if it is not whole. */
function read(base: string, name: string): { readonly who: string; readonly round: number } {
  const content = readFileSync(join(base, name), 'utf8')
  const [who = '', round = '', length = ''] = content.split(' ', 3)
  const body = content.slice(`${who} ${round} ${length} `.length)
  const letter = body.charAt(0)
  assert.ok(
    body.length === Number(length) && body === letter.repeat(body.length),
    `${name} is not whole: ${who} ${round}`,
  )
  return { who, round: Number(round) }
}
