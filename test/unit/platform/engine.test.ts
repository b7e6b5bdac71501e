import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { chooseEngine } from '#src/platform/engine.js'
import { forbidNativeAddon, nativeAddon } from '#src/platform/native-addon.js'

describe('the engine of a journal', () => {
  test('is what is best here, or what is asked for; a fallback has a reason', (context) => {
    const { addon } = nativeAddon()
    assert.deepEqual(chooseEngine('pool', 'portable'), { engine: 'portable', reason: 'FSYS_ENGINE says so' })
    if (addon === undefined) return context.skip('the native addon could not be built')
    assert.deepEqual(chooseEngine('pool', undefined), { engine: 'pool', addon })
    assert.deepEqual(chooseEngine('pool', ''), { engine: 'pool', addon })
    const ring = chooseEngine('uring', undefined)
    assert.ok(ring.engine === 'uring' || ring.reason?.startsWith('no uring: '), JSON.stringify(ring))
    assert.deepEqual(chooseEngine('uring', 'pool'), { engine: 'pool', addon, reason: 'FSYS_ENGINE says so' })
  })

  test('is none that does not exist', () => {
    for (const forced of ['fast', 'Pool', 'native']) {
      assert.throws(() => chooseEngine('pool', forced), { name: 'TypeError', code: 'ERR_FSYS_INVALID_ARGUMENT' })
    }
  })

  // The last one: this thread has no addon from here on.
  test('that is asked for and cannot be had is an error; one that nobody asked for is not', () => {
    forbidNativeAddon('this test says so')
    for (const forced of ['pool', 'uring']) {
      assert.throws(() => chooseEngine('pool', forced), {
        code: 'ERR_FSYS_ENGINE_UNAVAILABLE',
        message: `FSYS_ENGINE asks for ${forced}, which is not here: the native addon is missing, this test says so`,
      })
    }
    const reason = 'no pool: the native addon is missing, this test says so'
    assert.deepEqual(chooseEngine('uring', undefined), { engine: 'portable', reason })
  })
})
