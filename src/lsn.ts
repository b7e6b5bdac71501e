import { invalidArgument } from './errors.js'

/**
 * A log sequence number: a byte offset in a journal, from 0 to 2^53 - 1. `append` returns the offset just past the frame
 * that it staged, which is where the next one begins.
 */
export type Lsn = number & { readonly [lsnBrand]: true }

/**
 * An LSN below which everything is on stable storage. Only a completed sync makes one, so a function that acknowledges a
 * client can ask for it in its signature.
 */
export type DurableLsn = Lsn & { readonly [durableBrand]: true }

declare const lsnBrand: unique symbol
declare const durableBrand: unique symbol

/** Positions are doubles, which are exact up to here. */
export const LSN_MAX = Number.MAX_SAFE_INTEGER as Lsn

/**
 * Takes back an LSN that was stored as a number. Throws ERR_FSYS_INVALID_ARGUMENT for what cannot be one. That it was ever
 * handed out is checked where it is used.
 */
export function asLsn(value: number): Lsn {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw invalidArgument(`an LSN is a whole number from 0 to 2^53 - 1, not ${String(value)}`)
  }
  return value as Lsn
}

/** For the one place that has seen the sync return: the journal's `publish`. */
export function durableLsn(value: number): DurableLsn {
  return value as DurableLsn
}
