import type { Random } from '#src/storage/sim/random.js'

import { JOURNAL_BIRTH_TIME, JOURNAL_INODE } from './input.js'
import { sealSlot, slotOf } from './reference-mark.js'
import { walk } from './reference-walk.js'

const SLOT_DISTANCE_BYTES = 4096

/** A mark beside a journal: true, stale, of something else, damaged, or anything. */
export function makeMark(random: Random, journal: Buffer): Buffer {
  const file = Buffer.alloc(random.chance(0.9) ? 2 * SLOT_DISTANCE_BYTES : random.below(2 * SLOT_DISTANCE_BYTES))
  const sequence = BigInt(random.below(1000))
  putSlot(file, makeSlot(random, journal, sequence), sequence)
  if (random.chance(0.7)) putSlot(file, makeSlot(random, journal, sequence + 1n), sequence + 1n)
  if (random.chance(0.3)) damage(file, random)
  return file
}

function putSlot(file: Buffer, slot: Buffer, sequence: bigint): void {
  slot.copy(file, Number(sequence % 2n) * SLOT_DISTANCE_BYTES)
}

function makeSlot(random: Random, journal: Buffer, sequence: bigint): Buffer {
  const isOurs = random.chance(0.9)
  return slotOf({
    sequence,
    inode: isOurs || random.chance(0.5) ? JOURNAL_INODE : BigInt(random.bits()),
    birthTime: isOurs ? JOURNAL_BIRTH_TIME : BigInt(random.bits()),
    gapFreeLsn: random.chance(0.5) ? 0n : someLsn(random, journal),
    durableLsn: someLsn(random, journal),
  })
}

/** The end of a record, or of the last, or of the file; or anywhere. */
function someLsn(random: Random, journal: Buffer): bigint {
  const { records, position } = walk(journal, 0, random.chance(0.5) ? Infinity : 0)
  switch (random.below(6)) {
    case 0:
      // A byte more than there is, now and then.
      return BigInt(position + (random.chance(0.3) ? 1 : 0))
    case 1:
      return BigInt(random.below(journal.length + 20))
    case 2:
      return 0n
    case 3:
      return BigInt(journal.length)
    default:
      return BigInt(records[random.below(records.length)]?.endLsn ?? 0)
  }
}

const NUMBERS: readonly bigint[] = [0n, 1n, 2n ** 52n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]

/** Flips bits, or writes any number into a slot and makes its checksum right again. */
function damage(file: Buffer, random: Random): void {
  const start = random.below(2) * SLOT_DISTANCE_BYTES
  if (start + 64 > file.length) return
  const slot = file.subarray(start, start + 64)
  const at = random.below(64)
  if (random.chance(0.5)) slot[at] = (slot[at] as number) ^ (1 << random.below(8))
  else slot.writeBigUInt64LE(NUMBERS[random.below(NUMBERS.length)] as bigint, 8 * (1 + random.below(5)))
  if (random.chance(0.6)) sealSlot(slot)
}
