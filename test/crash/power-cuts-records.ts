import { seededRandom } from '../support/random.js'

/**
 * The record that stands at this place of a journal, counted from 0, if this life of its writer appended it: writer and
 * checker each make it from the seed.
 *
 * Its size does not depend on the life. So what a life left behind that was cut short has its frames where the next life
 * puts its own, and a stale one is easily taken for a new one.
 */
export function recordAt(seed: number, life: number, index: number): Buffer {
  const record = Buffer.allocUnsafe(sizeAt(seed, index))
  let state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(life + 1, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) | 1
  for (let position = 0; position < record.length; position++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    record[position] = state
  }
  return record
}

function sizeAt(seed: number, index: number): number {
  const random = seededRandom(Math.imul(seed, 31) + index)
  const kind = random()
  if (kind < 0.1) return 0
  if (kind < 0.6) return Math.floor(random() * 200)
  if (kind < 0.85) return Math.floor(random() * 4096)
  if (kind < 0.97) return Math.floor(random() * 20_000)
  return Math.floor(random() * 100 * 1024)
}
