import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'

/**
 * A digest of what stands past the clean end of a journal, without the zeros at its end; undefined if that is nothing. The
 * file in which recovery saves these bytes must have the same.
 */
export async function digestTail(journalPath: string, cleanEnd: number): Promise<string | undefined> {
  const tail = await buffer(createReadStream(journalPath, { start: cleanEnd }))
  let length = tail.length
  while (length > 0 && tail[length - 1] === 0) length--
  return length === 0 ? undefined : digest(tail.subarray(0, length))
}

export function digestSavedTail(path: string): string {
  return digest(readFileSync(path))
}

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
