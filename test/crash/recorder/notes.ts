import { Model } from '../../sim/model.js'
import { seededRandom } from '../../support/random.js'
import type { Note } from './log.js'

/**
 * How a workload says what it does: `appending <number> <length>` in front of an append, `confirmed <lsn>` when it
 * has been told so, `frontiers <durable> <written> <next>`, `opened <lsn>` of a journal that goes on there.
 */
export type Say = (note: string) => void

/** What the record of this number holds: a piece of one long row of bytes, from where no other record's begins. */
export function payloadOf(number: number, length: number): Buffer {
  const start = (number * 4099) % HALF
  return BYTES.subarray(start, start + length)
}

/** No record is longer. */
const HALF = 65_536
const random = seededRandom(HALF)
const BYTES = Buffer.from(Uint8Array.from({ length: 2 * HALF }, () => random() * 256))

/** What must be true of the journal, by what was said before an entry of the log. */
export function modelOf(notes: readonly Note[], before = Infinity): Model {
  const model = new Model()
  for (const { at, text } of notes) {
    if (at >= before) break
    const [what, ...words] = text.split(' ')
    const [first = 0, second = 0, third = 0] = words.map(Number)
    if (what === 'appending') model.appending(payloadOf(first, second))
    else if (what === 'confirmed') model.confirmed(first)
    else if (what === 'frontiers') model.frontiers(first, second, third)
    else if (what === 'opened') model.opened(first, first)
  }
  return model
}
