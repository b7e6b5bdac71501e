export { type ErrorCode, FsysError } from './errors.js'
export type { TailState } from './frame/frame.js'
export { PAYLOAD_BYTES_MAX } from './frame/frame.js'
export type { KeptAttributes } from './handle/attributes.js'
export type { Copied, CopyPrimitive } from './handle/copy-file.js'
export type { HoleOutcome } from './handle/file-changes.js'
export type { Batch } from './handle/batch.js'
export { BatchError, type BatchOutcome, type FailedOperation } from './handle/batch-error.js'
export type { BatchOptions } from './handle/batch-options.js'
export type { FindOptions, MkdirOptions, ScanOptions } from './handle/directory-options.js'
export { type Handle, createHandle } from './handle/handle.js'
export type { HandleCallMessage, HandleSlowSyncMessage } from './handle/handle-channel.js'
export type { CallStats, HandleStats, OperationAmount } from './handle/handle-stats.js'
export type { HandleOptions, WriteOptions } from './handle/options.js'
export type { Scan } from './handle/scan.js'
export type { Data, StreamedData } from './handle/source.js'
export type { HistogramSnapshot } from './histogram.js'
export type {
  JournalAppendMessage,
  JournalCloseMessage,
  JournalFlushMessage,
  JournalOpenMessage,
  JournalRecoveryMessage,
  JournalSyncMessage,
  SlowSyncMessage,
} from './journal/journal-channels.js'
export type { RecordAmount, JournalStats } from './journal/journal-stats.js'
export type { TreeEntry } from './handle/walk.js'
export type { JournalInfo, Primitive } from './journal/info.js'
export type { Journal } from './journal/journal.js'
export { openJournal, openJournalSync } from './journal/open-journal.js'
export type { JournalOptions, ReaderOptions } from './journal/options.js'
export { type JournalReader, type JournalRecord, type ScanCallback, openReader } from './journal/reader.js'
export type { RecordBatch } from './journal/record-batch.js'
export type { TraceMessage } from './tracing.js'
export type { DamagePolicy, GapPolicy, Recovery } from './journal/recovery.js'
export type { Advice } from './storage/storage.js'
export type { SavedTail } from './journal/saved-tail.js'
export { type DurableLsn, type Lsn, asLsn } from './lsn.js'
export type {
  Capability,
  CpuFacts,
  DriveFacts,
  DriveKind,
  FileSystemClass,
  FileSystemFacts,
  MemoryFacts,
  PlatformFacts,
} from './platform/facts.js'
export type { DurabilityMethod, DurabilityPrimitive } from './platform/plan.js'
export { type ProbeOptions, probe } from './platform/probe.js'
export { type Quick, quick } from './quick.js'
export type { FileFacts, StorageEngine } from './storage/storage.js'
