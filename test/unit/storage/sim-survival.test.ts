import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { SimStorage } from '#src/storage/sim-storage.js'
import { Random } from '#src/storage/sim/random.js'
import { SimDisk } from '#src/storage/sim/sim-disk.js'

const SECTOR = 512

/** What one write or truncation did, seen from outside: the file before and after it, as reads show it. */
interface Step {
  readonly before: Buffer
  readonly after: Buffer
  /** The first and the last sector that it wrote; none if it truncated. */
  readonly sectors: readonly [number, number] | undefined
}

test('no power cut leaves anything that its rules do not allow, after any sequence of writes, truncations and syncs', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = new Random(seed)
    const disk = new SimDisk({ seed })
    const storage = disk.process()
    storage.openSync('/a', 'create').closeSync()
    storage.syncDirectorySync('/')
    let durable: Buffer = Buffer.alloc(0)
    let steps: Step[] = []
    for (let round = 0; round < 12; round += 1) {
      if (random.chance(0.15)) {
        sync(storage)
        durable = imageOf(disk)
        steps = []
      } else {
        steps.push(change(disk, storage, random))
      }
      for (let cut = 0; cut < 8; cut += 1) {
        const left = Buffer.from(disk.durableImage('/a', seed * 1000 + cut) ?? [])
        assert.ok(isAllowed(left, durable, steps), `seed ${seed}, round ${round}, cut ${cut}`)
      }
    }
  }
})

test('the check of what is allowed refuses what is not', () => {
  const [a, b] = [Buffer.alloc(1024, 'a'), Buffer.alloc(1024, 'b')]
  const steps: Step[] = [{ before: a, after: b, sectors: [0, 1] }]
  assert.ok(isAllowed(Buffer.concat([a.subarray(512), b.subarray(512)]), a, steps))
  assert.ok(!isAllowed(Buffer.concat([a.subarray(500), b.subarray(500)]), a, steps), 'a torn sector')
  assert.ok(!isAllowed(a.subarray(0, 512), a, steps), 'a size that never was')
  assert.ok(!isAllowed(b, a, []), 'data that nobody wrote')
})

function change(disk: SimDisk, storage: SimStorage, random: Random): Step {
  const file = storage.openSync('/a', 'write')
  const before = imageOf(disk)
  const position = random.below(6000)
  if (random.chance(0.3)) {
    file.truncateSync(position)
    return { before, after: imageOf(disk), sectors: undefined }
  }
  const source = Buffer.alloc(1 + random.below(random.chance(0.5) ? 200 : 5000), 1 + random.below(255))
  file.writeSync(source, position)
  const end = position + source.length - 1
  return { before, after: imageOf(disk), sectors: [Math.floor(position / SECTOR), Math.floor(end / SECTOR)] }
}

function sync(storage: SimStorage): void {
  const file = storage.openSync('/a', 'write')
  file.dataSyncSync()
  file.closeSync()
}

function imageOf(disk: SimDisk): Buffer {
  return Buffer.from(disk.image('/a') ?? [])
}

/** Whether some prefix of the changes of size, and some version of each sector, make what is left. */
function isAllowed(left: Buffer, durable: Buffer, steps: readonly Step[]): boolean {
  const resizes = steps.filter(({ before, after }) => before.length !== after.length)
  for (let count = 0; count <= resizes.length; count += 1) {
    const survivors = resizes.slice(0, count)
    const size = survivors.at(-1)?.after.length ?? durable.length
    const next = resizes[count]
    const isSizeAllowed = left.length === size || isPartOfGrowth(left.length, next)
    const cuts = survivors.filter(({ before, after }) => after.length < before.length)
    if (isSizeAllowed && everySector(left, (sector) => isVersion(left, sector, durable, steps, cuts))) return true
  }
  return false
}

function isPartOfGrowth(size: number, growth: Step | undefined): boolean {
  if (growth === undefined || growth.after.length < growth.before.length) return false
  return size > growth.before.length && size < growth.after.length && size % SECTOR === 0
}

function everySector(bytes: Buffer, holds: (sector: number) => boolean): boolean {
  for (let sector = 0; sector * SECTOR < bytes.length; sector += 1) if (!holds(sector)) return false
  return true
}

function isVersion(
  left: Buffer,
  sector: number,
  durable: Buffer,
  steps: readonly Step[],
  cuts: readonly Step[],
): boolean {
  const found = sectorOf(left, sector)
  const versions = [{ bytes: durable, index: -1 }]
  for (const [index, { after, sectors }] of steps.entries()) {
    if (sectors && sectors[0] <= sector && sector <= sectors[1]) versions.push({ bytes: after, index })
  }
  return versions.some(({ bytes, index }) => {
    const expected = sectorOf(bytes, sector)
    for (const cut of cuts) {
      const from = cut.after.length - sector * SECTOR
      if (steps.indexOf(cut) > index && from < SECTOR) expected.fill(0, Math.max(0, from))
    }
    // Past the end nothing shows.
    expected.fill(0, Math.min(SECTOR, left.length - sector * SECTOR))
    return found.equals(expected)
  })
}

/** A sector of a file, with zeros past its end. */
function sectorOf(bytes: Buffer, sector: number): Buffer {
  const copy = Buffer.alloc(SECTOR)
  copy.set(bytes.subarray(sector * SECTOR, (sector + 1) * SECTOR))
  return copy
}
