import type { Channel } from 'node:diagnostics_channel'

import { channelOf, plainChannelOf, type Traced, type TraceMessage } from '../tracing.js'

/** A call of a handle that goes to the disk, `fsys:handle:call`: `path` is as it was given; of a batch, that of its first operation. */
export interface HandleCallMessage extends TraceMessage {
  /** What is done, as messages of errors say it: 'write'. */
  readonly verb: string
  /** How many bytes of content it has written, read or copied. Undefined until its end, of calls that move none or have failed. */
  readonly bytes: number | undefined
}

/** A sync that takes longer than `slowSyncMs`, `fsys:handle:slow-sync`: of what was written or changed, or of a directory. */
export interface HandleSlowSyncMessage {
  /** The directory, or the one that the file is in. */
  readonly path: string
  /** 'files': those that a batch replaces in one trip, with their writes and renames. */
  readonly what: 'file' | 'files' | 'directory'
  /** How long it has taken so far. */
  readonly durationMs: number
  /** False while it hangs; then there is a second message when it has ended. */
  readonly isFinished: boolean
  /** The option. */
  readonly slowSyncMs: number
  /** What it has failed with. */
  readonly error?: unknown
}

export const slowSyncChannel: Channel<unknown, HandleSlowSyncMessage> = plainChannelOf('fsys:handle:slow-sync')
export const callChannel: Traced<HandleCallMessage> = channelOf('fsys:handle:call')
