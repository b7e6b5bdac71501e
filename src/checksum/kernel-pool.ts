import { crc32c } from './crc32c.js'
import type { Kernel } from './kernel.js'
export class KernelPool {
  acquire(areaBytes: number): Kernel {
    const bytes = Buffer.alloc(areaBytes)
    const offsets = new Int32Array(16385)
    return {
      engine: 'plain',
      reason: 'stub',
      bytes,
      offsets,
      seal(s: number, e: number) {
        while (s < e) {
          const n = bytes.readUInt32LE(s + 4)
          bytes.writeUInt32LE(crc32c(bytes.subarray(s, s + 8 + n)), s + 8 + n)
          s += n + 12
        }
      },
      checksum(c: number, s: number, e: number) {
        return crc32c(bytes.subarray(s, e), c)
      },
      scan(s: number, e: number) {
        let n = 0
        offsets[0] = s
        while (n < 16384 && s + 12 <= e && bytes.readUInt32LE(s) === 0x01595346) {
          const l = bytes.readUInt32LE(s + 4)
          if (l > 2 ** 28 - 1 || s + 12 + l > e) break
          if (crc32c(bytes.subarray(s, s + 8 + l)) !== bytes.readUInt32LE(s + 8 + l)) break
          s += 12 + l
          offsets[++n] = s
        }
        return n
      },
    }
  }
  release(_kernel: Kernel): void {}
}
export const sharedKernelPool: KernelPool = new KernelPool()
