import { KERNEL_WITH_SIMD, KERNEL_WITHOUT_SIMD } from './kernel-bytes.generated.js'
import type { Kernel } from './kernel.js'
import { checkRange, notWhole } from './limits.js'

// The memory of a kernel: what kernel/kernel.ts keeps for itself, the offsets, the area, and what is left of the last page.
const RESERVED_BYTES = 16516
const AREA_ALIGNMENT = 4096
const PAGE_BYTES = 65536

type WasmEngine = 'wasm-simd' | 'wasm'

/** The kernel in WebAssembly, over a memory of its own that is not shared with any thread. */
export class WasmKernel implements Kernel {
  readonly engine: WasmEngine
  readonly reason: string | undefined
  readonly bytes: Buffer
  readonly offsets: Int32Array
  /** The address of the area. */
  readonly #base: number
  readonly #offsetCount: number
  readonly #exports: KernelExports

  /** Throws if this engine cannot be had here; a RangeError if it is the memory that cannot be had. */
  constructor(engine: WasmEngine, areaBytes: number, offsetCount: number, reason?: string) {
    const module = moduleOf(engine)
    const base = Math.ceil((RESERVED_BYTES + (offsetCount + 1) * 4) / AREA_ALIGNMENT) * AREA_ALIGNMENT
    const pages = Math.ceil((base + areaBytes) / PAGE_BYTES)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    this.engine = engine
    this.reason = reason
    this.bytes = Buffer.from(memory.buffer, base, areaBytes)
    this.offsets = new Int32Array(memory.buffer, RESERVED_BYTES, offsetCount + 1)
    this.#base = base
    this.#offsetCount = offsetCount
    this.#exports = new WebAssembly.Instance(module, { env: { memory } }).exports
    this.#exports.initialize()
  }

  seal(start: number, end: number): void {
    checkRange(start, end, this.bytes.length)
    const base = this.#base
    const stoppedAt = this.#exports.seal(base + start, base + end) - base
    if (stoppedAt !== end) throw notWhole(start, end, stoppedAt)
  }

  checksum(crc: number, start: number, end: number): number {
    checkRange(start, end, this.bytes.length)
    return this.#exports.checksum(crc, this.#base + start, this.#base + end) >>> 0
  }

  scan(start: number, end: number): number {
    checkRange(start, end, this.bytes.length)
    const base = this.#base
    return this.#exports.scan(base + start, base + end, base, RESERVED_BYTES, this.#offsetCount)
  }
}

/** Each compiled once a thread, when it is first asked for. */
const modules = new Map<WasmEngine, object>()

function moduleOf(engine: WasmEngine): object {
  let module = modules.get(engine)
  if (module === undefined) {
    if (typeof WebAssembly === 'undefined') throw new Error('this process has no WebAssembly')
    const bytes = Buffer.from(engine === 'wasm-simd' ? KERNEL_WITH_SIMD : KERNEL_WITHOUT_SIMD, 'base64')
    // Where there is no SIMD this throws; asking WebAssembly.validate first would be another 0.3 ms.
    module = new WebAssembly.Module(bytes)
    modules.set(engine, module)
  }
  return module
}

/** What kernel/kernel.ts exports; its comments say what these do. */
interface KernelExports {
  initialize(): void
  seal(start: number, end: number): number
  checksum(crc: number, start: number, end: number): number
  scan(start: number, end: number, base: number, offsets: number, room: number): number
}

// As much of it as is used here. Node's types leave it to those of browsers, which this project does without.
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Memory: new (descriptor: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer }
  Instance: new (module: object, imports: { env: { memory: object } }) => { readonly exports: KernelExports }
}
