/**
 * Checksum work in bulk over one block of memory: many frames a call, because a call into WebAssembly costs as much as
 * checksumming ten bytes, and one into the native addon a hundred. Log buffers and reader chunks live in such a block.
 *
 * Addresses are byte offsets into `bytes`; a range that is not within it is a RangeError. Frames are laid out as
 * FORMAT.md says.
 */
export interface Kernel {
  readonly engine: ChecksumEngine
  /** Why no faster engine is in use. Undefined if there is none. */
  readonly reason: string | undefined
  /** The working area; its first byte is aligned to a memory page. */
  readonly bytes: Buffer
  /** What `scan` found: the start of each valid frame, and behind the last one its end. */
  readonly offsets: Int32Array
  /**
   * Writes the checksum of each frame between `start` and `end`, which must hold whole frames (header, payload and four
   * bytes for the checksum), one directly after the other. Throws an Error if they do not; then the frames before the
   * first that is not whole have their checksums. The magic is taken to be right without looking at it. No byte outside
   * `start` to `end` is written.
   */
  seal(start: number, end: number): void
  /** Continues a CRC-32C over the bytes from `start` to `end`; `crc` is 0 to begin with, or what an earlier call returned. */
  checksum(crc: number, start: number, end: number): number
  /**
   * Walks valid frames from `start`, and stops at the first that is not whole before `end`, not valid, or for which
   * `offsets` has no more room. Returns their number `n`: frame i stands from `offsets[i]` to `offsets[i + 1]`, and
   * `offsets[n]` is where the walk stopped. No byte at or past `end` is looked at.
   */
  scan(start: number, end: number): number
}

/** From the fastest to the slowest. */
export type ChecksumEngine = 'native' | 'wasm-simd' | 'wasm' | 'plain'
