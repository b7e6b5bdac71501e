import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { openReader } from 'fsys'

import { startChild } from '../support/children.js'
import { openJournal } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'

const CONTENTION_MS = Number(process.env['FSYS_TEST_SECONDS'] ?? 2) * 1000

test(
  'D2 D3 D8: processes that write, close and die in turns never write at the same time, and lose nothing confirmed',
  { timeout: 600_000 },
  async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const first = Number(process.env['FSYS_TEST_SEED'] ?? Date.now() % 2 ** 31)
    context.diagnostic(`FSYS_TEST_SEED=${first} repeats it, as far as times can be repeated`)
    const confirmed: string[] = []
    const over = new AbortController()
    const { signal: isOver } = over
    const begin = performance.now()
    const winners = new Set<unknown>()
    let processes = 0
    const contend = async (): Promise<void> => {
      while (!isOver.aborted) {
        const child = startChild(context, 'contender', [path, `${first + processes++}`])
        const stop = (): unknown => child.kill()
        isOver.addEventListener('abort', stop)
        for await (const line of child.lines) {
          if (!line.startsWith('confirmed ')) assert.fail(line)
          const label = line.slice('confirmed '.length)
          confirmed.push(label)
          // On a slow machine it takes longer until enough of them have had it.
          winners.add(label.split(' ')[0])
          if (winners.size > 5 && performance.now() - begin > CONTENTION_MS) over.abort()
        }
        isOver.removeEventListener('abort', stop)
        await child.ended
      }
    }
    await Promise.all(Array.from({ length: 6 }, contend))

    const journal = await openJournal(path)
    await journal.close()
    const labels: string[] = []
    const reader = openReader(path)
    for (const { payload } of reader) {
      const [holder = '', number = ''] = payload.toString().split(' ', 2)
      // The records of one holder stand together, from its first on.
      const [holderBefore, numberBefore] = labels.at(-1)?.split(' ') ?? []
      assert.equal(Number(number), holder === holderBefore ? Number(numberBefore) + 1 : 0, `${holder} ${number}`)
      labels.push(`${holder} ${number}`)
    }
    assert.equal(reader.tailState, 'clean-end')
    reader.close()
    const there = new Set(labels)
    assert.equal(there.size, labels.length, 'each is there once')
    assert.deepEqual(
      confirmed.filter((label) => !there.has(label)),
      [],
      'what was confirmed is there',
    )
    const holders = new Set(labels.map((label) => label.split(' ')[0]))
    context.diagnostic(`${confirmed.length} confirmed records of ${holders.size} holders in ${processes} processes`)
    assert.ok(holders.size > 5)
  },
)
