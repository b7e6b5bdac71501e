import type { SimDisk } from '#src/storage/sim/sim-disk.js'

import { referenceFrame } from './reference.js'

/** A whole frame of a record that nobody has appended here. */
const STRANGE_FRAME = referenceFrame(Buffer.alloc(80, 7))

/** The last of them are no zeros that nobody needs. */
const frameEndingInZero = (): Uint8Array => {
  for (let stamp = 0; ; stamp++) {
    const frame = referenceFrame(Buffer.alloc(80, `${stamp}`))
    if (frame.at(-1) === 0) return frame
  }
}

const damagedFrame = (): Uint8Array => {
  const frame = Uint8Array.from(STRANGE_FRAME)
  frame[20] = 0
  return frame
}

/** What a crash can leave behind the last record, and what none can, which must be cut off because somebody says so. */
export const TAILS: readonly { readonly name: string; readonly bytes: Uint8Array; readonly isDamage?: boolean }[] = [
  { name: 'zeros', bytes: new Uint8Array(600) },
  { name: 'a torn magic', bytes: STRANGE_FRAME.subarray(0, 3) },
  { name: 'a torn header, and zeros', bytes: Uint8Array.of(0x46, 0x53, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) },
  { name: 'a header without its record', bytes: STRANGE_FRAME.subarray(0, 40) },
  { name: 'a frame with a wrong checksum', bytes: damagedFrame() },
  { name: 'a frame with a wrong checksum, and a right one', bytes: Buffer.concat([damagedFrame(), STRANGE_FRAME]) },
  { name: 'a hole, and a frame', bytes: Buffer.concat([new Uint8Array(296), STRANGE_FRAME]) },
  { name: 'a hole, and a frame that ends in a zero', bytes: Buffer.concat([new Uint8Array(296), frameEndingInZero()]) },
  { name: 'no magic', bytes: Buffer.from('something else'), isDamage: true },
  { name: 'a length over the limit', bytes: Uint8Array.of(0x46, 0x53, 0x59, 1, 255, 255, 255, 255), isDamage: true },
]

/** Those that a crash explains. */
export const CRASH_TAILS: readonly Uint8Array[] = TAILS.filter(({ isDamage }) => !isDamage).map(({ bytes }) => bytes)

/** Puts bytes behind all that stands in a file. */
export function leaveTail(disk: SimDisk, path: string, tail: Uint8Array, isSynced: boolean): void {
  const storage = disk.process()
  const file = storage.openSync(path, 'write')
  file.writeSync(tail, file.statSync().size)
  if (isSynced) file.syncSync()
  file.closeSync()
  disk.killProcess(storage)
}
