import type { ChecksumEngine, Kernel } from './kernel.js'
import { checkSize } from './limits.js'
import { NativeKernel } from './native-kernel.js'
import { PlainKernel } from './plain-kernel.js'
import { updateBytes } from './slicing.js'
import { WasmKernel } from './wasm-kernel.js'

/**
 * Makes a kernel with a working area of so many bytes and room for the offsets of so many frames, on the best engine
 * that works here; `reason` says why it is not a better one. With `engine` it is made on that one, and what stands in
 * the way is thrown. Throws a RangeError for a size that cannot be, or if there is no memory at all.
 */
export function createKernel(areaBytes: number, offsetCount: number, engine?: ChecksumEngine): Kernel {
  checkSize(areaBytes, offsetCount)
  if (engine === 'native') return new NativeKernel(areaBytes, offsetCount)
  if (engine === 'wasm-simd') return new WasmKernel(engine, areaBytes, offsetCount, `${engine} was asked for`)
  if (engine === 'wasm') return new WasmKernel(engine, areaBytes, offsetCount, `${engine} was asked for`)
  if (engine === 'plain') return new PlainKernel(areaBytes, offsetCount, `${engine} was asked for`)

  let reason: string | undefined
  for (const candidate of ['native', 'wasm-simd', 'wasm'] as const) {
    try {
      if (candidate === 'native') return new NativeKernel(areaBytes, offsetCount)
      return new WasmKernel(candidate, areaBytes, offsetCount, reason)
    } catch (error) {
      reason = `no ${candidate}: ${error instanceof Error ? error.message : String(error)}`
      if (error instanceof RangeError) break // for want of memory, of which the others need as much
    }
  }
  return new PlainKernel(areaBytes, offsetCount, reason)
}

/**
 * The CRC-32C of some bytes, or of what came before and them, if `crc` is the checksum of what came before. For small
 * things: 0.5 GB/s.
 */
export function crc32c(bytes: Uint8Array, crc = 0): number {
  return ~updateBytes(~crc, bytes, 0, bytes.length) >>> 0
}
