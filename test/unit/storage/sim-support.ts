import assert from 'node:assert/strict'

import type { SimDisk } from '#src/storage/sim/sim-disk.js'

/** What a power cut now can leave of a file, by so many seeds: the contents that occur, shortened by `describe`. */
export function outcomes(
  disk: SimDisk,
  path: string,
  describe: (bytes: Uint8Array | undefined) => string,
  seeds = 400,
): string[] {
  const found = new Set<string>()
  for (let seed = 1; seed <= seeds; seed += 1) found.add(describe(disk.durableImage(path, seed)))
  return [...found].toSorted()
}

/** One letter a block, as `fill` wrote them: `.` for zeros; `?` for a mixture. */
export function letters(bytes: Uint8Array | undefined, blockBytes = 512): string {
  if (bytes === undefined) return 'none'
  let text = ''
  for (let start = 0; start < bytes.length; start += blockBytes) {
    const block = bytes.subarray(start, start + blockBytes)
    const isPure = block.every((byte) => byte === block[0])
    text += !isPure ? '?' : block[0] === 0 ? '.' : String.fromCharCode(block[0] ?? 0)
  }
  return text
}

/** A block of one letter after the other. */
export function fill(text: string, blockBytes = 512): Buffer {
  return Buffer.concat(Array.from(text, (letter) => Buffer.alloc(blockBytes, letter === '.' ? 0 : letter)))
}

export function failsWith(code: string, work: () => unknown): void {
  assert.throws(work, (error: NodeJS.ErrnoException) => error.code === code, `should have failed with ${code}`)
}

export async function rejectsWith(code: string, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(
    promise,
    (error: NodeJS.ErrnoException) => error.code === code,
    `should have failed with ${code}`,
  )
}
