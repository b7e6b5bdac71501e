import type { ChecksumEngine, Kernel } from '../checksum/kernel.js'
import type { OpenedJournal } from './open.js'
import type { Recovery } from './recovery.js'
import type { ZeroAhead } from './zero-ahead.js'

/** What serves a journal, and why not something better. */
export interface JournalInfo {
  /** Where the file really is. */
  readonly path: string
  readonly engine: 'portable'
  readonly checksum: Primitive<ChecksumEngine>
  readonly write: Primitive<'write'>
  readonly sync: Primitive<'fdatasync'>
  /** Zeros past the records, which make small commits faster. */
  readonly zeroAhead: Primitive<'write' | 'off'>
  /** Not in use where the platform cannot sync a directory: the name of a new journal may be lost at a power cut. */
  readonly directorySync: Primitive<'fsync' | 'none'>
  /** The durable mark, `<name>.mark`. */
  readonly mark: Primitive<'on' | 'off'>
  /** What opening the journal has found and done. */
  readonly recovery: Recovery
}

export interface Primitive<Name extends string> {
  readonly inUse: Name
  /** Why a better one is not in use, if there is one. */
  readonly reason?: string
}

export function describe(
  { path, mark, isDirectorySynced, recovery }: OpenedJournal,
  { engine, reason }: Kernel,
  zeroAhead: ZeroAhead,
): JournalInfo {
  return {
    path,
    engine: 'portable',
    checksum: { inUse: engine, ...(reason === undefined ? {} : { reason }) },
    write: { inUse: 'write' },
    sync: { inUse: 'fdatasync' },
    zeroAhead: zeroAhead.primitive,
    directorySync: isDirectorySynced
      ? { inUse: 'fsync' }
      : { inUse: 'none', reason: 'this platform cannot sync a directory' },
    mark: mark.offReason === undefined ? { inUse: 'on' } : { inUse: 'off', reason: mark.offReason },
    recovery,
  }
}
