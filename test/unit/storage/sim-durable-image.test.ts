import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Random } from '#src/storage/sim/random.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

test('what is certain to survive is what a power cut leaves that leaves nothing unsynced', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed)
    const disk = new SimDisk({ seed, unsyncedNames: random.pick(['some', 'some', 'none', 'all']) })
    disk.makeDirectory('/data')
    const storage = disk.process()
    const paths = ['/data/a', '/data/b', '/data/c']
    for (let step = 0; step < 12; step++) {
      const path = random.pick(['/data/a', '/data/b', '/data/c'])
      const file = storage.openSync(path, random.chance(0.2) ? 'replace' : storage.statSync(path) ? 'write' : 'replace')
      file.writeSync(random.bytes(random.between(1, 700)), random.below(900))
      if (random.chance(0.3)) file.truncateSync(random.below(900))
      if (random.chance(0.4)) file.syncSync()
      file.closeSync()
      if (random.chance(0.2)) storage.renameSync(path, random.pick(['/data/a', '/data/b', '/data/c']))
      if (random.chance(0.3)) storage.syncDirectorySync('/data')
    }
    const after = disk.afterPowerCut('none')
    for (const path of paths) assert.deepEqual(disk.durableImage(path), after.image(path), `seed ${seed}, ${path}`)
  }
})
