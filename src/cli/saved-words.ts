import type { SavedTail } from '../journal/saved-tail.js'
import { count } from './text.js'

/** What was found in bytes that are cut off: `57 bytes, at least 2 valid records among them`. */
export function describeSaved({ bytes, validFrames, isAtLeast }: SavedTail): string {
  const records = validFrames === 0 && !isAtLeast ? 'no valid record' : count(validFrames, 'valid record')
  return `${count(bytes, 'byte')}, ${isAtLeast ? 'at least ' : ''}${records} among them`
}

/** For --json. */
export function savedFacts(saved: SavedTail | undefined): SavedTail | null {
  if (saved === undefined) return null
  const { path, bytes, validFrames, isAtLeast } = saved
  return { path, bytes, validFrames, isAtLeast }
}
