import { errnoOf, noProgress } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { StorageFile } from '../storage/storage.js'
import { writeWhole } from '../storage/whole.js'
import { closeQuietly, confirmNames, notAFile } from './atomic-write.js'
import type { HandleContext } from './context.js'
import { changeFile, withFile } from './open-place.js'
import { atPlace, type Place } from './scope.js'

/** Writes at the end of a file, which is made if there is none, and makes that durable. */
export function* appendToFile(context: HandleContext, path: string, bytes: Uint8Array, mode: number): Steps<number> {
  yield* atPlace(context.scope, path, 'follow', function* appendAt(place) {
    if (place.facts === undefined) yield* makeEmpty(place, mode)
    yield* withFile(place, 'append', function* append(file, facts) {
      for (let done = 0; done < bytes.length;) {
        const count = yield* call(file, 'append', done === 0 ? bytes : bytes.subarray(done))
        if (count === 0) throw noProgress('write')
        done += count
      }
      yield* context.durability.sync(file, place.directory, facts)
    })
    yield* confirmNames(context, place.directory, place.name)
  })
  return bytes.length
}

/** Somebody else may be faster, and that is as well. */
function* makeEmpty({ directory, name, isForDirectory }: Place, mode: number): Steps<void> {
  if (isForDirectory) throw notAFile(name)
  let file: StorageFile
  try {
    file = yield* call(directory, 'open', name, 'create', mode)
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return
    throw error
  }
  yield* closeQuietly(file)
}

export function writeInFile(context: HandleContext, path: string, offset: number, bytes: Uint8Array): Steps<number> {
  return changeFile(context, path, 'write', function* writeAt(file) {
    yield* writeWhole(file, bytes, offset)
    return bytes.length
  })
}

export function truncateFile(context: HandleContext, path: string, size: number): Steps<void> {
  return changeFile(context, path, 'write', (file) => call(file, 'truncate', size))
}

/** How a range has become zeros: given back to the file system, or written. */
export type HoleOutcome = 'hole' | 'zeros'

/** Where holes cannot be had, zeros are written; the file gets no larger by either. */
export function punchHoleInFile(
  context: HandleContext,
  path: string,
  offset: number,
  length: number,
): Steps<HoleOutcome> {
  return changeFile(context, path, 'write', function* punch(file, { size }) {
    const end = Math.min(offset + length, size)
    if (end <= offset) return 'hole'
    if (yield* call(file, 'punchHole', offset, end - offset)) return 'hole'
    yield* fillWithZeros(file, offset, end)
    return 'zeros'
  })
}

export function writeZerosInFile(context: HandleContext, path: string, offset: number, length: number): Steps<number> {
  return changeFile(context, path, 'write', (file) => fillWithZeros(file, offset, offset + length))
}

function* fillWithZeros(file: StorageFile, start: number, end: number): Steps<number> {
  const zeros = Buffer.alloc(Math.min(end - start, ZEROS_BYTES))
  for (let position = start; position < end; position += zeros.length) {
    yield* writeWhole(file, zeros.subarray(0, Math.min(zeros.length, end - position)), position)
  }
  return end - start
}

const ZEROS_BYTES = 2 ** 18

/** A file, or a directory with its names; and the name of either. */
export function* syncPath(context: HandleContext, path: string): Steps<void> {
  yield* atPlace(context.scope, path, 'follow', function* syncAt(place) {
    const { directory, name, facts } = place
    if (facts?.isDirectory && name !== '.') {
      const inner = yield* call(directory, 'openDirectory', name)
      try {
        yield* call(inner, 'sync')
      } finally {
        yield* call(inner, 'close')
      }
    } else if (name !== '.') {
      yield* withFile(place, 'read', (file) => call(file, 'sync'))
    }
    yield* context.durability.syncNames(directory)
  })
}
