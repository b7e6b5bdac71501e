/**
 * Memory that begins at a page, as direct I/O needs it. Of all that JavaScript can make without WebAssembly, only that of a
 * resizable buffer does; that of others is aligned to 16 bytes, and nothing tells where it is. Throws a RangeError if there
 * is none.
 */
export function pageMemory(bytes: number): ArrayBuffer {
  return new ResizableArrayBuffer(bytes, { maxByteLength: bytes })
}

// Node 20 has it, the types of its ECMAScript edition do not.
const ResizableArrayBuffer = ArrayBuffer as new (byteLength: number, options: { maxByteLength: number }) => ArrayBuffer
