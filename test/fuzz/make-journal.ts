import type { Random } from '#src/storage/sim/random.js'

import { mutate } from './mutations.js'
import { MAGIC, SECTOR_BYTES, Sketch } from './sketch.js'

const sketch = new Sketch()
const inner = new Sketch()

/**
 * A file that is a journal, or was one, or shares some bytes with one: made of frames, zeros and bits of headers, or one of
 * the `bases`, and then mistreated up to eight times.
 */
export function makeJournal(random: Random, bases: readonly Buffer[]): Buffer {
  sketch.clear()
  if (bases.length > 0 && random.chance(0.1)) sketch.put(bases[random.below(bases.length)] as Buffer)
  else if (random.chance(0.03)) sketch.putNoise(random, random.below(300))
  else putJournal(sketch, random)
  const mutations = random.chance(0.1) ? 0 : 1 + random.below(random.chance(0.7) ? 2 : 8)
  for (let index = 0; index < mutations; index++) mutate(sketch, random, bases)
  return sketch.finish()
}

function putJournal(target: Sketch, random: Random): void {
  const pieces = random.below(random.chance(0.95) ? 5 : 14)
  for (let index = 0; index < pieces; index++) putPiece(target, random)
}

function putPiece(target: Sketch, random: Random): void {
  switch (random.below(36)) {
    case 0:
      return putAlignedFrame(target, random)
    case 1:
      return target.putZeros(toSector(target))
    case 2:
      target.putZeros(toSector(target))
      return putFrame(target, random)
    case 3:
      return target.putZeros(random.below(20))
    case 4:
      return target.put(MAGIC.subarray(0, 1 + random.below(4)))
    case 5:
      return putFrameOfFrames(target, random)
    default:
      return putFrame(target, random)
  }
}

export function putFrame(target: Sketch, random: Random, payloadBytes: number = sizeOf(random)): void {
  const kind = random.below(4)
  const seed = random.bits()
  target.putFrame(payloadBytes, (payload) => {
    if (kind === 0) payload.fill(0)
    else if (kind === 1) payload.fill('text of a record\n')
    else for (let at = 0; at < payload.length; at++) payload[at] = (seed >>> (at & 24)) + at * 7
  })
}

function sizeOf(random: Random): number {
  const kind = random.below(20)
  if (kind < 15) return random.below(40)
  return kind < 19 ? random.below(300) : random.below(800)
}

/** A frame that ends so that the next one's header straddles a sector, or begins with one. */
function putAlignedFrame(target: Sketch, random: Random): void {
  const room = toSector(target) - random.below(10)
  putFrame(target, random, Math.max(room - 12, 0))
}

/** A record that is a journal itself: what stands in it must never be taken for records of this one. */
function putFrameOfFrames(target: Sketch, random: Random): void {
  inner.clear()
  for (let index = 1 + random.below(3); index > 0; index--) putFrame(inner, random, random.below(40))
  const payload = inner.finish()
  target.putFrame(payload.length, (memory) => payload.copy(memory))
}

function toSector(target: Sketch): number {
  return SECTOR_BYTES - (target.length % SECTOR_BYTES)
}
