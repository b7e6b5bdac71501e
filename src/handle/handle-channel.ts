import { channelOf, type Traced, type TraceMessage } from '../tracing.js'

/** A call of a handle that goes to the disk, `fsys:handle:call`: `path` is as it was given. */
export interface HandleCallMessage extends TraceMessage {
  /** What is done, as messages of errors say it: 'write'. */
  readonly verb: string
}

export const callChannel: Traced<HandleCallMessage> = channelOf('fsys:handle:call')
