import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'

import { openReader } from 'fsys'

import { startChild } from '../support/children.js'
import { openJournal } from '../support/open-journal.js'
import { temporaryDirectory } from '../support/temporary.js'

const CONTENTION_MS = Number(process.env['FSYS_TEST_SECONDS'] ?? 2) * 1000
/** On a busy machine it takes longer until there have been so many. */
const HOLDERS_MIN = 10

test(
  'D2 D3 D8: processes that write, close and die in turns never write at the same time, and lose nothing confirmed',
  { timeout: 600_000 },
  async (context) => {
    const path = join(temporaryDirectory(context), 'a.wal')
    const first = Number(process.env['FSYS_TEST_SEED'] ?? Date.now() % 2 ** 31)
    context.diagnostic(`FSYS_TEST_SEED=${first} repeats it, as far as times can be repeated`)
    const confirmed: string[] = []
    const over = new AbortController()
    const deadline = performance.now() + CONTENTION_MS
    const heard = new Set<string>()
    let processes = 0
    const contend = async (): Promise<void> => {
      while (!over.signal.aborted) {
        const child = startChild(context, 'contender', [path, `${first + processes++}`])
        const stop = (): unknown => child.kill()
        over.signal.addEventListener('abort', stop)
        for await (const line of child.lines) {
          if (!line.startsWith('confirmed ')) assert.fail(line)
          confirmed.push(line.slice('confirmed '.length))
          heard.add(line.split(' ')[1] ?? '')
          if (heard.size >= HOLDERS_MIN && performance.now() > deadline) over.abort()
        }
        over.signal.removeEventListener('abort', stop)
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
    assert.ok(holders.size >= HOLDERS_MIN)
  },
)
