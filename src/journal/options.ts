import { checkNames, settlePath as settleAnyPath, oneOf, truth, wholeNumber, withMethod } from '../checks.js'
import type { KernelPool } from '../checksum/kernel-pool.js'
import { sharedKernelPool } from '../checksum/kernel-pool.js'
import { invalidArgument } from '../errors.js'
import { PAYLOAD_BYTES_MAX } from '../frame/frame.js'
import { defaultStorage } from '../storage/default-storage.js'
import type { Storage } from '../storage/storage.js'
import { CHUNK_BYTES } from './frame-cursor.js'
import type { DamagePolicy, GapPolicy } from './recovery.js'

/** How to open a journal for writing. */
export interface JournalOptions {
  /**
   * The size of each of the two buffers in which records are staged, in bytes: 4096 to 67,108,864; default 1,048,576.
   * Larger records pass through in pieces.
   */
  readonly logBufferBytes?: number
  /** The largest record that `append` takes, in bytes: 0 to 268,435,455, which is the default and the format's limit. */
  readonly recordBytesMax?: number
  /**
   * What to do with damage that no crash explains: 'refuse' (default) fails with ERR_FSYS_DAMAGED and leaves the file
   * alone; 'cut' saves what stands past the last valid record beside the journal, and goes on there.
   */
  readonly onDamage?: DamagePolicy
  /**
   * What to do with a zero gap in a file that has no mark: 'refuse' (default) fails with ERR_FSYS_AMBIGUOUS_GAP; 'skip'
   * takes what is behind it for records of an older direct-mode writer; 'cut' takes it for what a power cut left.
   */
  readonly gaps?: GapPolicy
  /** Whether to make the journal if there is none. Default true. */
  readonly create?: boolean
  /**
   * Whether to write past the page cache (O_DIRECT), where the platform and the file system have that; where they have not,
   * `info.write` says why. Spares the copy into the cache, and a sync of it; reading what was written comes from the disk.
   * Buffers are at least 16 KiB, in whole pages. Default false.
   */
  readonly direct?: boolean
  /**
   * How far past its records the file is kept written with zeros, in bytes, while groups are small: 0, or 8192 to
   * 67,108,864; default 1,048,576. It makes small commits faster, and a closed journal has none of it left.
   */
  readonly zeroAheadBytes?: number
  /**
   * Whether closing keeps what `preallocate` has set aside past the records, for the next life of the journal. Default false: it
   * is given back.
   */
  readonly keepPreallocated?: boolean
  /**
   * From how long on a sync is told of as slow, in milliseconds: on the channel `fsys:journal:slow-sync`, also while it hangs,
   * and in `stats().slowSyncs`. 0 (never) to 3,600,000; default 1000. Nothing else depends on it.
   */
  readonly slowSyncMs?: number
  /** The permissions of files that are made, before the process's umask. Default 0o600. */
  readonly fileMode?: number
  /** Gives up opening, as long as nothing has been changed yet. Not for `openJournalSync`. */
  readonly signal?: AbortSignal
  /** The disk. Default: the file system, by the best engine there is here. */
  readonly storage?: Storage
  /** Where buffers come from and go back to. Default: one pool a thread. */
  readonly memory?: KernelPool
}

/** How to open a journal for reading. */
export interface ReaderOptions {
  /** The largest record to give out, in bytes: 1,048,576 to 268,435,455, which is the default. Bounds the reader's memory. */
  readonly recordBytesMax?: number
  /**
   * Whether to go on behind zero gaps that older direct-mode writers left. Default 'refuse': they end the reading. A journal
   * that has a mark knows its gaps, and needs no telling.
   */
  readonly gaps?: Exclude<GapPolicy, 'cut'>
  readonly storage?: Storage
  readonly memory?: KernelPool
}

/** Options of which every one has a value. */
export type Settled<Options> = {
  readonly [Name in keyof Options]-?: Name extends 'signal'
    ? AbortSignal | undefined
    : Exclude<Options[Name], undefined>
}

const MIB = 2 ** 20

export function settleJournalOptions(
  options: JournalOptions = {},
  caller: 'openJournal' | 'openJournalSync' = 'openJournal',
): Settled<JournalOptions> {
  checkNames(caller, options, caller === 'openJournal' ? [...JOURNAL_OPTIONS, 'signal'] : JOURNAL_OPTIONS)
  const { signal } = options
  const direct = truth('direct', options.direct ?? false)
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidArgument('signal must be an AbortSignal')
  return {
    direct,
    logBufferBytes: wholeNumber('logBufferBytes', options.logBufferBytes ?? MIB, 4096, 64 * MIB),
    recordBytesMax: wholeNumber('recordBytesMax', options.recordBytesMax ?? PAYLOAD_BYTES_MAX, 0, PAYLOAD_BYTES_MAX),
    onDamage: oneOf('onDamage', options.onDamage ?? 'refuse', ['refuse', 'cut']),
    gaps: oneOf('gaps', options.gaps ?? 'refuse', ['refuse', 'skip', 'cut']),
    create: truth('create', options.create ?? true),
    zeroAheadBytes:
      options.zeroAheadBytes === 0 ? 0 : wholeNumber('zeroAheadBytes', options.zeroAheadBytes ?? MIB, 8192, 64 * MIB),
    keepPreallocated: truth('keepPreallocated', options.keepPreallocated ?? false),
    slowSyncMs: wholeNumber('slowSyncMs', options.slowSyncMs ?? 1000, 0, 3_600_000),
    fileMode: wholeNumber('fileMode', options.fileMode ?? 0o600, 0, 0o777),
    signal,
    storage: withMethod('storage', options.storage ?? defaultStorage(direct), 'open'),
    memory: withMethod('memory', options.memory ?? sharedKernelPool, 'acquire'),
  }
}

export function settleReaderOptions(options: ReaderOptions = {}): Settled<ReaderOptions> {
  checkNames('openReader', options, READER_OPTIONS)
  return {
    recordBytesMax: wholeNumber(
      'recordBytesMax',
      options.recordBytesMax ?? PAYLOAD_BYTES_MAX,
      CHUNK_BYTES,
      PAYLOAD_BYTES_MAX,
    ),
    gaps: oneOf('gaps', options.gaps ?? 'refuse', ['refuse', 'skip']),
    storage: withMethod('storage', options.storage ?? defaultStorage(false), 'open'),
    memory: withMethod('memory', options.memory ?? sharedKernelPool, 'acquire'),
  }
}

const JOURNAL_OPTIONS: readonly (keyof JournalOptions)[] = [
  'logBufferBytes',
  'recordBytesMax',
  'onDamage',
  'gaps',
  'create',
  'direct',
  'zeroAheadBytes',
  'keepPreallocated',
  'slowSyncMs',
  'fileMode',
  'storage',
  'memory',
]
const READER_OPTIONS: readonly (keyof ReaderOptions)[] = ['recordBytesMax', 'gaps', 'storage', 'memory']

/** The path as a string, for the file system. */
export function settlePath(path: string | URL): string {
  return settleAnyPath(path, 'a journal')
}
