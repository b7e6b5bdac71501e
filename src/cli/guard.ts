import type { Kernel } from '../checksum/kernel.js'
import { CHECKSUM_BYTES, HEADER_BYTES } from '../frame/frame.js'
import { type FrameCursor, checkFrame } from '../journal/frame-cursor.js'
import { run } from '../storage/steps.js'
import type { StorageFile } from '../storage/storage.js'
import { readWhole } from '../storage/whole.js'

/** Remembers one frame of a file, to see later whether it is still there. */
export class FrameGuard {
  readonly lsn: number
  readonly endLsn: number
  /** Its header and its checksum. */
  readonly #edges: Buffer

  constructor(lsn: number, endLsn: number, frame: Buffer) {
    this.lsn = lsn
    this.endLsn = endLsn
    this.#edges = Buffer.concat([frame.subarray(0, HEADER_BYTES), frame.subarray(-CHECKSUM_BYTES)])
  }

  /** For a record of the batch that a cursor stands on. Large frames must be wanted with their payloads. */
  static of({ large, bytes, offsets, lsnOffset }: FrameCursor, index: number): FrameGuard {
    if (large !== undefined) return new FrameGuard(large.lsn, large.endLsn, large.frame)
    const [start, end] = [offsets[index] as number, offsets[index + 1] as number]
    return new FrameGuard(lsnOffset + start, lsnOffset + end, bytes.subarray(start, end))
  }

  /** True if a frame of the same length and checksum stands there: two small reads. */
  async seemsThere(file: StorageFile): Promise<boolean> {
    const edges = Buffer.alloc(this.#edges.length)
    await run(readWhole(file, edges.subarray(0, HEADER_BYTES), this.lsn))
    await run(readWhole(file, edges.subarray(HEADER_BYTES), this.endLsn - CHECKSUM_BYTES))
    return edges.equals(this.#edges)
  }

  /** True if that frame is whole, too: reads all of it, through the kernel's memory. */
  async isThere(file: StorageFile, kernel: Kernel): Promise<boolean> {
    if (!(await this.seemsThere(file))) return false
    return (await run(checkFrame(file, kernel, this.lsn, this.endLsn - this.lsn))) === 'valid'
  }
}
