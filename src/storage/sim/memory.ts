// Typed arrays with memory of their own cost ten times a view on memory that is there, and a simulation makes thousands.
const SLAB_BYTES = 2 ** 18

let slab: ArrayBufferLike = new ArrayBuffer(0)
let used = 0

/** A copy, which `slice` of a Buffer is not. */
export function copyOf(source: Uint8Array): Uint8Array {
  const copy = allocate(source.length)
  copy.set(source)
  return copy
}

/** Memory with anything in it. Never a Buffer, whose `slice` is the same memory. */
export function allocate(length: number): Uint8Array {
  if (length > SLAB_BYTES / 8) return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer)
  if (used + length > slab.byteLength) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES).buffer
    used = 0
  }
  const start = used
  used += (length + 7) & ~7
  return new Uint8Array(slab, start, length)
}
