import { constants } from 'node:buffer'

import { isAbsence, outOfRange, systemFailure } from '../errors.js'
import type { Steps } from '../storage/steps.js'
import type { FileFacts, StorageFile } from '../storage/storage.js'
import { readWhole } from '../storage/whole.js'
import type { HandleContext } from './context.js'
import { withFile } from './open-place.js'
import { atPlace } from './scope.js'

/** All of a file, which is one version of it if it is only ever replaced. */
export function* readFile(context: HandleContext, path: string): Steps<Buffer> {
  return yield* atPlace(context.scope, path, 'follow', (place) =>
    withFile(place, 'read', (file, { size }) => readTo(file, 0, Infinity, size)),
  )
}

/** What stands from `start` to `end`, or to the end of the file, which had `size` bytes. */
function* readTo(file: StorageFile, start: number, end: number, size: number): Steps<Buffer> {
  const expected = Math.max(0, Math.min(end, size) - start)
  if (expected > constants.MAX_LENGTH) {
    throw outOfRange(`${expected} bytes are more than a buffer can hold, ${constants.MAX_LENGTH}: use readAt for less`)
  }
  const buffer = Buffer.allocUnsafe(expected)
  const count = yield* readWhole(file, buffer, start)
  if (count < expected) return buffer.subarray(0, count)
  // It may have grown; and files that the kernel makes up have no size.
  const pieces = [buffer]
  for (let position = start + expected; position < end;) {
    const more = Buffer.allocUnsafe(Math.min(MORE_BYTES, end - position))
    const length = yield* readWhole(file, more, position)
    if (length === 0) break
    pieces.push(more.subarray(0, length))
    position += length
  }
  return pieces.length === 1 ? buffer : Buffer.concat(pieces)
}

const MORE_BYTES = 2 ** 12

/** So many bytes from an offset on; fewer where the file ends. */
export function* readRange(context: HandleContext, path: string, offset: number, length: number): Steps<Buffer> {
  return yield* atPlace(context.scope, path, 'follow', (place) =>
    withFile(place, 'read', (file, { size }) => readTo(file, offset, offset + length, size)),
  )
}

/** What is at a path, links followed; undefined if nothing is. */
export function* findFacts(context: HandleContext, path: string): Steps<FileFacts | undefined> {
  try {
    return yield* atPlace(context.scope, path, 'follow', factsAt)
  } catch (error) {
    if (isAbsence(error)) return undefined
    throw error
  }
}

// oxlint-disable-next-line require-yield
function* factsAt({ facts }: { readonly facts: FileFacts | undefined }): Steps<FileFacts | undefined> {
  return facts
}

export function* statPath(context: HandleContext, path: string): Steps<FileFacts> {
  const facts = yield* atPlace(context.scope, path, 'follow', factsAt)
  if (facts === undefined) throw systemFailure('ENOENT', 'no such file or directory', path)
  return facts
}
