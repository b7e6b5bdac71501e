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
    withFile(place, 'read', (file, { size }) => readAll(file, size)),
  )
}

function* readAll(file: StorageFile, size: number): Steps<Buffer> {
  if (size > constants.MAX_LENGTH) {
    throw outOfRange(`a file of ${size} bytes is more than a buffer can hold, ${constants.MAX_LENGTH}: use readAt`)
  }
  const buffer = Buffer.allocUnsafe(size)
  const count = yield* readWhole(file, buffer, 0)
  if (count < size) return buffer.subarray(0, count)
  // It may have grown; and files that the kernel makes up have no size.
  const pieces = [buffer]
  for (let position = size; ;) {
    const more = Buffer.allocUnsafe(MORE_BYTES)
    const length = yield* readWhole(file, more, position)
    if (length === 0) return pieces.length === 1 ? buffer : Buffer.concat(pieces)
    pieces.push(more.subarray(0, length))
    position += length
  }
}

const MORE_BYTES = 2 ** 12

/** So many bytes from an offset on; fewer where the file ends. */
export function* readRange(context: HandleContext, path: string, offset: number, length: number): Steps<Buffer> {
  return yield* atPlace(context.scope, path, 'follow', (place) =>
    withFile(place, 'read', function* read(file, { size }) {
      const target = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - offset)))
      const count = yield* readWhole(file, target, offset)
      return target.subarray(0, count)
    }),
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
  const facts = yield* findFacts(context, path)
  if (facts === undefined) throw systemFailure('ENOENT', 'no such file or directory', path)
  return facts
}
