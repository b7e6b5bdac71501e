import { withoutGroup } from '../storage/permissions.js'
import { call, type Steps } from '../storage/steps.js'
import type { StorageFile } from '../storage/storage.js'
import { readWhole, writeWhole } from '../storage/whole.js'
import { confirmNames, makeDraft, publishDraft } from './atomic-write.js'
import type { HandleContext } from './context.js'
import { withFile } from './open-place.js'
import { atPlace, type Place } from './scope.js'
import { checkSignal } from './source.js'

/** What a copy was made by: the best that the two places have. */
export type CopyPrimitive = 'reflink' | 'copy_file_range' | 'read and write'

/** What was copied. */
export interface Copied {
  readonly bytes: number
  /** The least good one that was needed. */
  readonly primitive: CopyPrimitive
}

/** Copies a file to where there may be one, atomically and durably as a write is. */
export function* copyFile(context: HandleContext, from: string, to: string, signal?: AbortSignal): Steps<Copied> {
  return yield* atPlace(context.scope, from, 'follow', (source) =>
    atPlace(context.scope, to, 'follow', function* copyTo(target) {
      const copied = yield* copyToPlace(context, source, target, signal)
      yield* confirmNames(context, target.directory, target.name)
      return copied
    }),
  )
}

/** Copies a file, and leaves it to the caller to confirm its name. */
export function copyToPlace(context: HandleContext, source: Place, target: Place, signal?: AbortSignal): Steps<Copied> {
  return withFile(source, 'read', function* copyFrom(file, { permissions }) {
    let copied: Copied = { bytes: 0, primitive: 'reflink' }
    // The mask of a list is not what the group may do.
    const isMask = yield* context.attributes.hasList(source.directory, source.name)
    const options = { mode: isMask ? withoutGroup(permissions) : permissions & 0o777, signal }
    const { draft } = yield* makeDraft(context, target, options, function* fill(to) {
      copied = yield* copyContent(file, to, () => checkSignal(signal))
      return copied.bytes
    })
    yield* publishDraft(target, draft, signal)
    return copied
  })
}

function* copyContent(source: StorageFile, target: StorageFile, beforeEach: () => void): Steps<Copied> {
  beforeEach()
  if (yield* call(target, 'cloneFrom', source)) {
    return { bytes: (yield* call(target, 'stat')).size, primitive: 'reflink' }
  }
  let bytes = 0
  for (;;) {
    beforeEach()
    const count = yield* call(target, 'copyFrom', source, bytes, bytes, KERNEL_PIECE_BYTES)
    // Files that the kernel makes up can be read, and copied only by that: 0 may not be the end.
    if (count === undefined || count === 0) break
    bytes += count
  }
  const plain = yield* copyPlainly(source, target, bytes, beforeEach)
  return { bytes: bytes + plain, primitive: plain > 0 || bytes === 0 ? 'read and write' : 'copy_file_range' }
}

function* copyPlainly(source: StorageFile, target: StorageFile, from: number, beforeEach: () => void): Steps<number> {
  const buffer = Buffer.allocUnsafe(PLAIN_PIECE_BYTES)
  for (let position = from; ;) {
    beforeEach()
    const count = yield* readWhole(source, buffer, position)
    if (count === 0) return position - from
    yield* writeWhole(target, buffer.subarray(0, count), position)
    position += count
  }
}

/** Small enough to be stopped between two. */
const KERNEL_PIECE_BYTES = 2 ** 26
const PLAIN_PIECE_BYTES = 2 ** 20
