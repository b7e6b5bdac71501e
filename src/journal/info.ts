import type { ChecksumEngine, Kernel } from '../checksum/kernel.js'
import type { Registered, StorageEngine } from '../storage/storage.js'
import type { OpenedJournal } from './open.js'
import type { Recovery } from './recovery.js'
import type { SpaceHints } from './space-hints.js'
import type { Writeback } from './writeback.js'
import type { ZeroAhead } from './zero-ahead.js'

/** What serves a journal, and why not something better. */
export interface JournalInfo {
  /** Where the file really is. */
  readonly path: string
  /** What writes and syncs. */
  readonly engine: StorageEngine
  /** Why it is not a better one, if there is one. */
  readonly engineReason: string | undefined
  /** Whether it is written past the page cache. */
  readonly isDirect: boolean
  /** What writes are aligned to, in bytes: 1 in the page cache. */
  readonly alignmentBytes: number
  readonly checksum: Primitive<ChecksumEngine>
  /** What is not in direct mode, though it was to be, says why. */
  readonly write: Primitive<'write' | 'direct write'>
  /** O_DSYNC: the write of a group is its sync, as long as all before it is durable. */
  readonly sync: Primitive<'fdatasync' | 'write and fdatasync' | 'O_DSYNC'>
  /** What io_uring knows beforehand in direct mode, which spares it work at each write. */
  readonly registered: Primitive<'file and memory' | 'file' | 'memory' | 'none'>
  /** Zeros past the records, which make small commits faster. */
  readonly zeroAhead: Primitive<'write' | 'off'>
  /** What has the disk begin with a large group before all of it is staged: its sync then takes less. */
  readonly writeback: Primitive<'sync_file_range' | 'none'>
  /** What `preallocate` does: 'none' where it resolves to false. */
  readonly preallocate: Primitive<'fallocate' | 'none'>
  /** What `advise` does: 'none' where it resolves to false. */
  readonly advise: Primitive<'posix_fadvise' | 'none'>
  /** Not in use where the platform cannot sync a directory: the name of a new journal may be lost at a power cut. */
  readonly directorySync: Primitive<'fsync' | 'none'>
  /** The lock on the file itself, beside the lock file: where it is not in use, hard links in other processes are not found. */
  readonly fileLock: Primitive<'OFD' | 'none'>
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
  { path, storage, fileLock, mark, isDirectorySynced, recovery, space, notDirect }: OpenedJournal,
  { engine, reason }: Kernel,
  zeroAhead: ZeroAhead,
  hints: SpaceHints,
  writeback: Writeback,
  registered: Registered,
): JournalInfo {
  const isDirect = space.alignment > 1
  return {
    path,
    engine: storage.engine,
    engineReason: storage.engineReason,
    isDirect,
    alignmentBytes: space.alignment,
    checksum: { inUse: engine, ...(reason === undefined ? {} : { reason }) },
    write: isDirect
      ? { inUse: 'direct write' }
      : { inUse: 'write', ...(notDirect === undefined ? {} : { reason: notDirect }) },
    sync: {
      inUse: space.trips.includes('own')
        ? 'O_DSYNC'
        : space.trips.includes('all')
          ? 'write and fdatasync'
          : 'fdatasync',
    },
    registered,
    zeroAhead: zeroAhead.primitive,
    writeback: writeback.primitive,
    preallocate: hints.preallocatePrimitive,
    advise: hints.advisePrimitive,
    directorySync: isDirectorySynced
      ? { inUse: 'fsync' }
      : { inUse: 'none', reason: 'this platform cannot sync a directory' },
    fileLock,
    mark: mark.offReason === undefined ? { inUse: 'on' } : { inUse: 'off', reason: mark.offReason },
    recovery,
  }
}
