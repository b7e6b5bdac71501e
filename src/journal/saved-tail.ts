import { dirname } from 'node:path'

import type { Kernel } from '../checksum/kernel.js'
import {
  CHECKSUM_BYTES,
  FRAME_OVERHEAD_BYTES,
  HEADER_BYTES,
  MAGIC_BYTES,
  PAYLOAD_BYTES_MAX,
  payloadBytesOf,
} from '../frame/frame.js'
import { call, type Steps } from '../storage/steps.js'
import type { Storage, StorageFile } from '../storage/storage.js'
import { unlinkQuietly } from '../storage/unlink-quietly.js'
import { readWhole, writeWhole } from '../storage/whole.js'
import { checkFrame } from './frame-cursor.js'
import { savedTailPath } from './names.js'

/** What an open has cut off, and where it was saved first (D7). */
export interface SavedTail {
  /** A file beside the journal that holds the bytes as they were, without the zeros that no record has at their end. */
  readonly path: string
  readonly bytes: number
  /** How many valid frames were found among them. */
  readonly validFrames: number
  /** The search was given up: there may be more valid frames. */
  readonly isAtLeast: boolean
}

/** Part of a file. */
export interface Tail {
  readonly file: StorageFile
  readonly from: number
  /** Where the file ends. */
  readonly to: number
}

/**
 * Saves what stands past the clean end beside the journal, durably, before it is cut off. Returns undefined if that is
 * nothing but zeros. Never replaces an older one; one that holds the same bytes already serves.
 */
export function* saveTail(
  storage: Storage,
  journalPath: string,
  tail: Tail,
  kernel: Kernel,
  permissions: number,
): Steps<SavedTail | undefined> {
  const plan = yield* planSavedTail(storage, journalPath, tail, kernel)
  if (plan === undefined) return undefined
  const { isThere, ...saved } = plan
  if (!isThere) yield* copy(storage, saved.path, { ...tail, to: tail.from + saved.bytes }, kernel.bytes, permissions)
  yield* call(storage, 'syncDirectory', dirname(saved.path))
  return saved
}

/** What `saveTail` would do. */
export interface SavedTailPlan extends SavedTail {
  /** The file is there already, and holds these very bytes. */
  readonly isThere: boolean
}

/** Finds out what `saveTail` would do now, and writes nothing. Undefined if there is nothing but zeros. */
export function* planSavedTail(
  storage: Storage,
  journalPath: string,
  tail: Tail,
  kernel: Kernel,
): Steps<SavedTailPlan | undefined> {
  const nonZeroEnd = yield* lastNonZero(tail, kernel.bytes)
  if (nonZeroEnd === tail.from) return undefined
  // A checksum can end in zeros, which belong to its frame.
  const searched: Tail = { ...tail, to: Math.min(nonZeroEnd + CHECKSUM_BYTES, tail.to) }
  const { lastFrameEnd, ...found } = yield* countValidFrames(searched, kernel)
  const kept: Tail = { ...tail, to: Math.max(nonZeroEnd, lastFrameEnd) }
  const place = yield* findPlace(storage, savedTailPath(journalPath, tail.from), kept, kernel.bytes)
  return { bytes: kept.to - tail.from, ...place, ...found }
}

/** The end of what is not zero; `from` if everything is. */
function* lastNonZero({ file, from, to }: Tail, memory: Buffer): Steps<number> {
  let end = to
  while (end > from) {
    const start = Math.max(from, end - memory.length)
    const count = yield* readWhole(file, memory.subarray(0, end - start), start)
    let length = count
    while (length > 0 && memory[length - 1] === 0) length--
    if (length > 0) return start + length
    end = start
  }
  return from
}

/** Finds a free name, or a file that holds these very bytes. */
function* findPlace(
  storage: Storage,
  firstPath: string,
  tail: Tail,
  memory: Buffer,
): Steps<{ readonly path: string; readonly isThere: boolean }> {
  for (let number = 1; ; number++) {
    const path = number === 1 ? firstPath : `${firstPath}.${number}`
    const there = yield* call(storage, 'stat', path)
    if (there === undefined) return { path, isThere: false }
    const isThere =
      there.isFile && there.size === tail.to - tail.from && (yield* holdsTheSame(storage, path, tail, memory))
    if (isThere) return { path, isThere }
  }
}

function* copy(storage: Storage, path: string, tail: Tail, memory: Buffer, permissions: number): Steps<void> {
  const draft = `${path}.new`
  try {
    const target = yield* call(storage, 'open', draft, 'replace', permissions)
    try {
      for (let position = tail.from; position < tail.to; position += memory.length) {
        const piece = memory.subarray(0, Math.min(memory.length, tail.to - position))
        yield* readWhole(tail.file, piece, position)
        yield* writeWhole(target, piece, position - tail.from)
      }
      yield* call(target, 'sync')
    } finally {
      yield* call(target, 'close')
    }
    yield* call(storage, 'rename', draft, path)
  } catch (error) {
    yield* unlinkQuietly(storage, draft)
    throw error
  }
}

function* holdsTheSame(storage: Storage, path: string, tail: Tail, memory: Buffer): Steps<boolean> {
  const half = Math.floor(memory.length / 2)
  const saved = yield* call(storage, 'open', path, 'read')
  try {
    for (let position = tail.from; position < tail.to; position += half) {
      const length = Math.min(half, tail.to - position)
      const [ours, theirs] = [memory.subarray(0, length), memory.subarray(half, half + length)]
      yield* readWhole(tail.file, ours, position)
      if ((yield* readWhole(saved, theirs, position - tail.from)) < length || !ours.equals(theirs)) return false
    }
    return true
  } finally {
    yield* call(saved, 'close')
  }
}

/** How many times the tail's bytes may be checksummed in search of frames: bytes can be made to look like many headers. */
const SEARCH_FACTOR = 4

/** Counts the valid frames in a tail, wherever they begin; `lastFrameEnd` is `from` where there are none. */
export function* countValidFrames(
  { file, from, to }: Tail,
  kernel: Kernel,
): Steps<{ validFrames: number; isAtLeast: boolean; lastFrameEnd: number }> {
  const memory = kernel.bytes
  let budget = SEARCH_FACTOR * (to - from)
  let validFrames = 0
  let lastFrameEnd = from
  let position = from
  while (position < to) {
    const filled = yield* readWhole(file, memory.subarray(0, Math.min(memory.length, to - position)), position)
    let next = 0
    for (;;) {
      const found = memory.subarray(0, filled).indexOf(MAGIC_BYTES, next)
      if (found === -1) {
        next = Math.max(next, filled - MAGIC_BYTES.length + 1)
        break
      }
      next = found
      if (found + HEADER_BYTES > filled) break
      const frameBytes = payloadBytesOf(memory.subarray(found, found + HEADER_BYTES)) + FRAME_OVERHEAD_BYTES
      if (frameBytes > PAYLOAD_BYTES_MAX + FRAME_OVERHEAD_BYTES || frameBytes > to - position - found) {
        next++
        continue
      }
      if (found + frameBytes > filled && found > 0) break
      if (frameBytes > budget) return { validFrames, isAtLeast: true, lastFrameEnd }
      budget -= frameBytes
      const isInMemory = found + frameBytes <= filled
      const isValid = isInMemory
        ? kernel.scan(found, found + frameBytes) > 0
        : (yield* checkFrame(file, kernel, position, frameBytes)) === 'valid'
      next = found + (isValid ? frameBytes : 1)
      if (isValid) {
        validFrames++
        lastFrameEnd = position + next
      }
      // Checking it has taken the memory.
      if (!isInMemory) break
    }
    if (filled === 0) break
    position += Math.min(Math.max(next, 1), to - position)
  }
  return { validFrames, isAtLeast: false, lastFrameEnd }
}
