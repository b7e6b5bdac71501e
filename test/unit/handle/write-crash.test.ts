import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createHandle } from '#src/handle/handle.js'
import { exploreEveryCrash } from '#src/testing.js'

const NAMES = new Set(['/data/config', '/data/other'])

test('write: whatever crash comes, the file is old or new, new once it was acknowledged, and no draft stays for ever', async () => {
  const found = await exploreEveryCrash({}, async (world) => {
    world.disk.makeDirectory('/data')
    let acknowledged = 0
    let asked = 0
    await world.run(async (storage) => {
      const handle = createHandle({ storage })
      for (const version of [1, 2]) {
        asked = version
        await handle.write('/data/config', contentOf(version))
        acknowledged = version
      }
    })
    await world.check(async (storage) => {
      const image = world.disk.image('/data/config')
      const version = image === undefined ? 0 : Number(Buffer.from(image).toString('latin1', 0, 1))
      if (image !== undefined) assert.equal(Buffer.from(image).toString(), contentOf(version))
      assert.ok(version >= acknowledged && version <= asked, `version ${version} of ${acknowledged} to ${asked}`)
      await createHandle({ storage }).write('/data/other', 'x')
      assert.deepEqual(
        world.disk.files().filter((name) => !NAMES.has(name)),
        [],
      )
    })
  })
  assert.ok(found.schedules > 100)
})

function contentOf(version: number): string {
  return String(version).repeat(3000)
}
