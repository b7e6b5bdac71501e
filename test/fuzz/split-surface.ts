import { FrameSplitter, InputError, LineSplitter } from '#src/cli/split.js'
import { Random } from '#src/storage/sim/random.js'

import { must } from '../sim/model.js'
import { framesOf, linesOf } from './reference-split.js'
import type { Surface } from './surface.js'

/** The input of `fsys append`, in chunks of any size: lines, or lengths and bytes. */
export const splitSurface: Surface = {
  name: 'split',
  make(random) {
    return { journal: makeInput(random), beside: {}, choices: random.bits() }
  },
  check({ journal: input, choices }, tally) {
    const random = new Random(choices)
    const isLines = random.chance(0.5)
    const bytesMax = random.chance(0.3) ? random.below(40) : 2 ** 28 - 1
    const expected = isLines ? linesOf(input, bytesMax) : framesOf(input, bytesMax)
    const given: Buffer[] = []
    const splitter = new (isLines ? LineSplitter : FrameSplitter)(bytesMax, (record) => given.push(Buffer.from(record)))
    let failure: Error | undefined
    try {
      for (let start = 0; start < input.length;) {
        const end = Math.min(start + 1 + random.below(random.chance(0.5) ? 6 : 200), input.length)
        splitter.push(input.subarray(start, end))
        start = end
      }
      splitter.finish()
    } catch (error) {
      if (!(error instanceof InputError)) throw error
      failure = error
    }
    must(
      (failure === undefined) === expected.isWhole,
      'D3',
      () => failure?.message ?? 'no error, though it is malformed',
    )
    must(given.length === expected.records.length, 'D3', () => `${given.length} records of ${expected.records.length}`)
    for (const [index, record] of given.entries()) {
      must(record.equals(expected.records[index] as Buffer), 'D3', () => `record ${index} has other bytes`)
    }
    tally.add(`${isLines ? 'lines' : 'lengths'}, ${expected.isWhole ? 'whole' : 'malformed'}`)
  },
  goals: ['lines, whole', 'lines, malformed', 'lengths, whole', 'lengths, malformed'],
}

const LENGTHS: readonly number[] = [0, 1, 255, 2 ** 16, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32 - 1]

function makeInput(random: Random): Buffer {
  const pieces: Buffer[] = []
  for (let index = random.below(8); index > 0; index--) {
    const payload = Buffer.alloc(
      random.below(random.chance(0.9) ? 30 : 400),
      random.chance(0.5) ? 'ab\r\n' : random.bits() & 0xff,
    )
    const length = Buffer.alloc(4)
    const isWrong = random.chance(0.05)
    length.writeUInt32LE(isWrong ? (LENGTHS[random.below(LENGTHS.length)] as number) : payload.length)
    pieces.push(...(random.chance(0.5) ? [length, payload] : [payload, Buffer.from('\n'.repeat(random.below(3)))]))
  }
  const input = Buffer.concat(pieces)
  if (random.chance(0.2)) return input.subarray(0, random.below(input.length + 1))
  return input
}
