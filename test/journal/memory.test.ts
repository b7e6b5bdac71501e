import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { temporaryDirectory } from '../support/temporary.js'

const GIBIBYTES = 1
const child = fileURLToPath(new URL('../fixtures/memory-child.js', import.meta.url))

function peakMiB(task: string, path: string): number {
  const { status, stdout, stderr } = spawnSync(process.execPath, [child, task, path, String(GIBIBYTES)], {
    encoding: 'utf8',
    timeout: 300_000,
  })
  assert.equal(status, 0, stderr)
  return Number(stdout)
}

const { bavail, bsize } = statfsSync(tmpdir())
const skip =
  bavail * bsize < (GIBIBYTES + 1) * 2 ** 30 && `the directory for temporary files has no ${GIBIBYTES + 1} GiB free`

describe(`D9: memory is bounded, whatever goes through a journal (${GIBIBYTES} GiB here)`, { skip }, () => {
  const path = join(temporaryDirectory(), 'large.wal')
  // An empty process is 40 MiB with one build of Node, and 80 with another.
  const emptyMiB = peakMiB('nothing', path)

  for (const [task, what, boundMiB] of [
    ['append', 'appending', 60],
    ['scan', 'replaying by scan', 60],
    ['iterate', 'replaying record by record', 110],
  ] as const) {
    test(`${what} takes less than ${boundMiB} MiB more than a process that does nothing`, () => {
      const grownMiB = peakMiB(task, path) - emptyMiB
      assert.ok(grownMiB < boundMiB, `${grownMiB} MiB, over ${emptyMiB}`)
    })
  }
})
