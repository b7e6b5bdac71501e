import { checkBytes, encodeText } from '../checks.js'
import { invalidArgument } from '../errors.js'
import { FRAME_OVERHEAD_BYTES } from '../frame/frame.js'
import { recordTooLarge } from './journal-errors.js'

/** What messages call it. */
export const RECORD = 'a record'

/** Records that can be staged one after the other. */
export interface RecordsToStage {
  readonly records: readonly Uint8Array[]
  /** What their frames take. */
  readonly frameBytes: number
}

/** Checks all records of a batch; those that do not come in an array are copied. Throws as `appendBatch`. */
export function gatherBatch(
  records: Iterable<Uint8Array | string>,
  recordBytesMax: number,
  path: string,
): RecordsToStage {
  if (typeof records === 'string' || typeof records?.[Symbol.iterator] !== 'function') {
    throw invalidArgument('a batch must be an array of records, or another iterable of them')
  }
  const isStable = Array.isArray(records)
  const gathered: Uint8Array[] = []
  let frameBytes = 0
  for (const record of records) {
    const bytes = typeof record === 'string' ? encodeText(record, RECORD) : record
    checkBytes(bytes, RECORD)
    if (bytes.length > recordBytesMax) throw recordTooLarge(path, bytes.length, recordBytesMax)
    frameBytes += bytes.length + FRAME_OVERHEAD_BYTES
    gathered.push(isStable || typeof record === 'string' ? bytes : new Uint8Array(bytes))
  }
  return { records: gathered, frameBytes }
}
