import type { Replaced } from './atomic-write.js'
import type { KeptAttributes } from './attributes.js'
import type { Copied } from './copy-file.js'

/** What has come of the steps of a call that moves bytes: how many of these there were, and what the caller gets of it. */
export interface Outcome<Result, Given> {
  bytes(result: Result): number
  given(result: Result): Given
}

export const WRITTEN: Outcome<Replaced, void> = { bytes: ({ bytes }) => bytes, given: () => undefined }

export const WRITTEN_COPY: Outcome<Replaced, KeptAttributes> = {
  bytes: ({ bytes }) => bytes,
  given: ({ kept }) => kept,
}

/** Of work that ends with how many bytes it has moved. */
export const MOVED: Outcome<number, void> = { bytes: (bytes) => bytes, given: () => undefined }

export const READ: Outcome<Buffer, Buffer> = { bytes: ({ length }) => length, given: (bytes) => bytes }

export const COPIED: Outcome<Copied, Copied> = { bytes: ({ bytes }) => bytes, given: (copied) => copied }
