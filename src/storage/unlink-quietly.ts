import { call, type Steps } from './steps.js'
import type { Storage } from './storage.js'

/** Removes a file on the way out of a failure, if it is there: that failure is the one to tell, not one of the removal. */
export function* unlinkQuietly(storage: Storage, path: string): Steps<void> {
  try {
    yield* call(storage, 'unlink', path)
  } catch {
    // What stays behind is a draft, which the next attempt replaces or sweeps.
  }
}
