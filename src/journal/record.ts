import { types } from 'node:util'

import { invalidArgument } from '../errors.js'

/**
 * Throws ERR_FSYS_INVALID_ARGUMENT for what is no record. A `Uint8Array` of another realm is one; one whose memory was
 * transferred away is not, though it looks like an empty one.
 */
export function checkRecord(record: unknown): asserts record is Uint8Array {
  if (!types.isUint8Array(record)) {
    const type = record === null ? 'null' : typeof record
    throw invalidArgument(
      `a record must be a Uint8Array or a string, not ${type === 'object' ? 'another object' : type}`,
    )
  }
  // The length is what everything here goes by.
  if (record.length !== record.byteLength) throw invalidArgument('a record must not have a length of its own making')
  if (record.length === 0 && hasLostItsMemory(record)) {
    throw invalidArgument('a record must not be a Uint8Array whose memory was transferred away, or has shrunk away')
  }
}

/** Its length is 0 as well, but every method of a `Uint8Array` throws for it. */
function hasLostItsMemory(record: Uint8Array): boolean {
  try {
    Uint8Array.prototype.at.call(record, 0)
    return false
  } catch {
    return true
  }
}

/** As bytes. Throws ERR_FSYS_INVALID_ARGUMENT for a lone surrogate, which UTF-8 cannot say. */
export function encodeText(record: string): Buffer {
  if (!record.isWellFormed()) throw loneSurrogate()
  return Buffer.from(record, 'utf8')
}

export function loneSurrogate(): TypeError {
  return invalidArgument('a record must be bytes or a well-formed string: this one has a lone surrogate')
}
