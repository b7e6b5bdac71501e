import type { Channel } from 'node:diagnostics_channel'

import type { DurableLsn, Lsn } from '../lsn.js'
import { channelOf, plainChannelOf, type Traced, type TraceMessage } from '../tracing.js'
import type { Journal } from './journal.js'
import type { Recovery } from './recovery.js'

/** Opening a journal, `fsys:journal:open`: `path` is as it was given. */
export interface JournalOpenMessage extends TraceMessage {
  /** What was found and done is in its `info.recovery`. */
  readonly result?: Journal
}

/** What an open has found in the file and done with it, `fsys:journal:recovery`: one message before the open's own end. */
export interface JournalRecoveryMessage extends Recovery {
  readonly path: string
  /** How much stood in the file. All of it is read. */
  readonly bytesRead: number
}

/**
 * What was appended since the last message, `fsys:journal:append`: one message before each trip to the disk, and none a
 * record.
 */
export interface JournalAppendMessage {
  readonly path: string
  readonly records: number
  /** With what frames add to records. */
  readonly bytes: number
  readonly nextLsn: Lsn
  /** How many of them were too large for the buffer. */
  readonly oversizeRecords: number
  /** How many appends had to write because the buffer was full. */
  readonly fullBuffers: number
  /** How long appends have blocked, for either reason, in milliseconds. */
  readonly blockedMs: number
}

/** A call of `flush` or `flushSync`, `fsys:journal:flush`. */
export interface JournalFlushMessage extends TraceMessage {
  /** How many records and bytes went to the operating system meanwhile. Undefined until its end. */
  readonly records: number | undefined
  readonly bytes: number | undefined
  readonly result?: Lsn
}

/** A group's trip to the disk, or a call of `syncThroughSync`: `fsys:journal:sync`. */
export interface JournalSyncMessage extends TraceMessage {
  /** How many callers wait for it. At its start: so far. */
  readonly waiters: number
  /** How many records and bytes it makes durable. At its start: what is staged and written so far. */
  readonly records: number
  readonly bytes: number
  readonly result?: DurableLsn
}

/** A call of `close` or `closeSync`, `fsys:journal:close`. What was still to be made durable is part of it. */
export type JournalCloseMessage = TraceMessage

/** A group's trip to the disk, or a blocking sync, that takes longer than `slowSyncMs`: `fsys:journal:slow-sync`. */
export interface SlowSyncMessage {
  readonly path: string
  /** How long it has taken so far. */
  readonly durationMs: number
  /** False while it hangs; then there is a second message when it has ended. */
  readonly isFinished: boolean
  /** The option. */
  readonly slowSyncMs: number
  /** How many callers wait for it. */
  readonly waiters: number
  /** What it has failed with. */
  readonly error?: unknown
}

export const openChannel: Traced<JournalOpenMessage> = channelOf('fsys:journal:open')
export const recoveryChannel: Channel<unknown, JournalRecoveryMessage> = plainChannelOf('fsys:journal:recovery')
export const flushChannel: Traced<JournalFlushMessage> = channelOf('fsys:journal:flush')
export const syncChannel: Traced<JournalSyncMessage> = channelOf('fsys:journal:sync')
export const closeChannel: Traced<JournalCloseMessage> = channelOf('fsys:journal:close')
export const appendChannel: Channel<unknown, JournalAppendMessage> = plainChannelOf('fsys:journal:append')
export const slowSyncChannel: Channel<unknown, SlowSyncMessage> = plainChannelOf('fsys:journal:slow-sync')
