import { noProgress } from '../errors.js'
import { call, type Steps } from './steps.js'
import type { StorageFile } from './storage.js'

/**
 * Writes all of `source`. A short count may be the last word before ENOSPC (libuv swallows an error that follows one), so
 * this asks again until everything is written or the error comes.
 */
export function* writeWhole(
  file: Pick<StorageFile, 'write' | 'writeSync'>,
  source: Uint8Array,
  position: number,
): Steps<void> {
  let done = 0
  while (done < source.length) {
    const count = yield* call(file, 'write', done === 0 ? source : source.subarray(done), position + done)
    if (count === 0) throw noProgress('write')
    done += count
  }
}

/** Reads until `target` is full or the file ends, and returns how many bytes that were. */
export function* readWhole(
  file: Pick<StorageFile, 'read' | 'readSync'>,
  target: Uint8Array,
  position: number,
): Steps<number> {
  let done = 0
  while (done < target.length) {
    const count = yield* call(file, 'read', done === 0 ? target : target.subarray(done), position + done)
    if (count === 0) break
    done += count
  }
  return done
}
