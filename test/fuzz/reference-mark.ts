// FORMAT.md, "The mark", once more, sharing nothing with the library.
import { referenceCrc32c } from '../sim/reference.js'

export interface ReferenceMark {
  readonly sequence: bigint
  readonly inode: bigint
  readonly birthTime: bigint
  readonly gapFreeLsn: bigint
  readonly durableLsn: bigint
}

const MAGIC = 'FSYSMARK'

/** The slot that counts for a journal; undefined if the file proves nothing. */
export function markOf(file: Buffer | undefined, inode: bigint, birthTime: bigint): ReferenceMark | undefined {
  if (file === undefined || birthTime === 0n) return undefined
  let newest: ReferenceMark | undefined
  for (const start of [0, 4096]) {
    const slot = slotAt(file, start)
    if (slot?.inode !== inode || slot.birthTime !== birthTime) continue
    if (newest === undefined || slot.sequence > newest.sequence) newest = slot
  }
  return newest === undefined || newest.sequence > 2n ** 52n ? undefined : newest
}

function slotAt(file: Buffer, start: number): ReferenceMark | undefined {
  if (file.length < start + 64 || file.toString('latin1', start, start + 8) !== MAGIC) return undefined
  if (referenceCrc32c(file.subarray(start, start + 60)) !== file.readUInt32LE(start + 60)) return undefined
  const slot = {
    sequence: file.readBigUInt64LE(start + 8),
    inode: file.readBigUInt64LE(start + 16),
    birthTime: file.readBigInt64LE(start + 24),
    gapFreeLsn: file.readBigUInt64LE(start + 32),
    durableLsn: file.readBigUInt64LE(start + 40),
  }
  const isPossible = slot.sequence < 2n ** 53n && slot.gapFreeLsn < 2n ** 53n && slot.durableLsn < 2n ** 53n
  return isPossible ? slot : undefined
}

/** The bytes of a slot with these numbers. */
export function slotOf(mark: ReferenceMark): Buffer {
  const slot = Buffer.alloc(64)
  slot.write(MAGIC, 'latin1')
  slot.writeBigUInt64LE(mark.sequence, 8)
  slot.writeBigUInt64LE(mark.inode, 16)
  slot.writeBigInt64LE(mark.birthTime, 24)
  slot.writeBigUInt64LE(mark.gapFreeLsn, 32)
  slot.writeBigUInt64LE(mark.durableLsn, 40)
  sealSlot(slot)
  return slot
}

export function sealSlot(slot: Buffer): void {
  slot.writeUInt32LE(referenceCrc32c(slot.subarray(0, 60)), 60)
}
