import { CHECKSUM_BYTES, HEADER_BYTES } from '../frame/frame.js'
import type { Lsn } from '../lsn.js'

/** Many records of a journal that stand one directly after the other, checked. */
export interface RecordBatch {
  readonly count: number
  /** Where the first frame begins. */
  readonly lsn: Lsn
  readonly endLsn: Lsn
  /** Whole frames; never reused. */
  readonly bytes: Buffer
  /** `count + 1` offsets in `bytes`: frame i stands from `offsets[i]` to `offsets[i + 1]`. */
  readonly offsets: Int32Array
  /** The payload of record i, a view on `bytes`. */
  payload(index: number): Buffer
}

export class Batch implements RecordBatch {
  readonly bytes: Buffer
  readonly offsets: Int32Array
  readonly lsn: Lsn

  constructor(bytes: Buffer, offsets: Int32Array, lsn: Lsn) {
    this.bytes = bytes
    this.offsets = offsets
    this.lsn = lsn
  }

  get count(): number {
    return this.offsets.length - 1
  }

  get endLsn(): Lsn {
    return (this.lsn + this.bytes.length) as Lsn
  }

  payload(index: number): Buffer {
    const { offsets } = this
    return this.bytes.subarray(
      (offsets[index] as number) + HEADER_BYTES,
      (offsets[index + 1] as number) - CHECKSUM_BYTES,
    )
  }
}
