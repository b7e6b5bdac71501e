import { channelOf, type Traced, type TraceMessage } from '../tracing.js'

/** A call of a handle that goes to the disk, `fsys:handle:call`: `path` is as it was given; of a batch, that of its first operation. */
export interface HandleCallMessage extends TraceMessage {
  /** What is done, as messages of errors say it: 'write'. */
  readonly verb: string
  /** How many bytes of content it has written, read or copied. Undefined until its end, of calls that move none or have failed. */
  readonly bytes: number | undefined
}

export const callChannel: Traced<HandleCallMessage> = channelOf('fsys:handle:call')
