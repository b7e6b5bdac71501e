import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

import { nativeAddon, nativeError } from '#src/platform/native-addon.js'

import { fixturePath } from '../support/children.js'
import { temporaryDirectory } from '../support/temporary.js'
import { unavailable } from '../support/unavailable.js'

const directory = temporaryDirectory()
const seed = Number(process.env['FSYS_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32))

for (const engine of ['portable', 'pool', 'uring'] as const) {
  for (const mode of ['cached', 'direct'] as const) {
    test(`D1 D2 D3 D4 by ${engine}, ${mode}: all that is confirmed is there, life after life; FSYS_TEST_SEED=${seed}`, (context) => {
      const reason = engine === 'portable' ? undefined : whyNot(engine)
      if (reason !== undefined) return unavailable(context, reason)
      const path = join(directory, `${engine}-${mode}.wal`)
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [fixturePath('engine-child'), path, mode, String(seed)],
        { encoding: 'utf8', env: { ...process.env, FSYS_ENGINE: engine }, timeout: 120_000 },
      )
      assert.equal(status, 0, stderr)
      const { isDirect, ...found } = JSON.parse(stdout) as { engine: string; isDirect: boolean }
      assert.deepEqual(found, { engine })
      if (mode === 'direct' && !isDirect) return unavailable(context, 'this file system has no direct I/O')
      assert.equal(isDirect, mode === 'direct')
    })
  }
}

function whyNot(engine: 'pool' | 'uring'): string | undefined {
  const found = nativeAddon()
  if (found.addon === undefined) return `the native addon is missing, ${found.reason}`
  const result = engine === 'uring' ? found.addon.ringOpen() : 0
  return result < 0 ? nativeError(result, 'io_uring_setup').message : undefined
}
