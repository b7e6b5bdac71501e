import { nativeAddon, type NativeAddon } from '../platform/native-addon.js'
import type { Kernel } from './kernel.js'
import { checkRange, notWhole } from './limits.js'

const AREA_ALIGNMENT = 4096

/**
 * The kernel by the processor's instruction for CRC-32C, through the native addon.
 *
 * Its memory is an ordinary buffer, a little larger than the area: the addon tells where it lies, and so where a page begins in
 * it. That takes no reserved addresses, of which WebAssembly's memories have 10 GB each, and can be had where there is no
 * WebAssembly; for JavaScript it is as fast.
 */
export class NativeKernel implements Kernel {
  readonly engine = 'native' as const
  readonly reason = undefined
  readonly bytes: Buffer
  readonly offsets: Int32Array
  readonly #addon: NativeAddon

  /** Throws if there is no addon, or no instruction; a RangeError if there is no memory. */
  constructor(areaBytes: number, offsetCount: number) {
    const found = nativeAddon()
    if (found.addon === undefined) throw new Error(found.reason)
    if (found.addon.checksumEngine === undefined) throw new Error('this processor has no instruction for it')
    const memory = new ArrayBuffer(areaBytes + AREA_ALIGNMENT - 1)
    const misalignment = found.addon.addressOf(new Uint8Array(memory)) % AREA_ALIGNMENT
    this.#addon = found.addon
    this.bytes = Buffer.from(memory, (AREA_ALIGNMENT - misalignment) % AREA_ALIGNMENT, areaBytes)
    this.offsets = new Int32Array(offsetCount + 1)
  }

  seal(start: number, end: number): void {
    checkRange(start, end, this.bytes.length)
    const stoppedAt = this.#addon.seal(this.bytes, start, end)
    if (stoppedAt !== end) throw notWhole(start, end, stoppedAt)
  }

  checksum(crc: number, start: number, end: number): number {
    checkRange(start, end, this.bytes.length)
    return this.#addon.checksum(this.bytes, start, end, crc)
  }

  scan(start: number, end: number): number {
    checkRange(start, end, this.bytes.length)
    return this.#addon.scan(this.bytes, start, end, this.offsets)
  }
}
