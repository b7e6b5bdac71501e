import { type Channel, channel as eventChannel, type TracingChannel, tracingChannel } from 'node:diagnostics_channel'

import type { Clock } from './storage/storage.js'

/**
 * What every message has, and what is added to it before its end is told: `end` for a call that blocks, `asyncEnd` for one
 * that waits. One object goes through all events of an operation.
 */
export interface TraceMessage {
  /** What it is done to. */
  readonly path: string
  /** How long it has taken, in milliseconds. Undefined until its end. */
  readonly durationMs: number | undefined
  /** What it has failed with. */
  readonly error?: unknown
  /** What the call returns or resolves to. */
  readonly result?: unknown
}

/** The same, for whoever fills it. */
export type Filled<Message> = { -readonly [Name in keyof Message]: Message[Name] }

export type Traced<Message extends TraceMessage> = TracingChannel<unknown, Filled<Message>>

/** A channel of which nobody pays for what nobody listens to: `tracing:<name>:start` and so on. */
export function channelOf<Message extends TraceMessage>(name: string): Traced<Message> {
  return tracingChannel<unknown, Filled<Message>>(name)
}

/** A channel of single events. */
export function plainChannelOf<Message>(name: string): Channel<unknown, Message> {
  return eventChannel(name) as Channel<unknown, Message>
}

/**
 * Runs work that waits, and tells of it. `fill` adds to the message what is known at the end, of work that has failed too.
 */
export function traceWaiting<Message extends TraceMessage, Result>(
  channel: Traced<Message>,
  message: Filled<Message>,
  clock: Clock,
  work: () => Promise<Result>,
  fill?: () => void,
): Promise<Result> {
  if (!channel.hasSubscribers) return work()
  const begunAt = clock.now()
  const timed = async (): Promise<Result> => {
    try {
      return await work()
    } finally {
      message.durationMs = clock.now() - begunAt
      fill?.()
    }
  }
  return channel.tracePromise(timed, message)
}

/** The same for work that blocks. */
export function traceBlocking<Message extends TraceMessage, Result>(
  channel: Traced<Message>,
  message: Filled<Message>,
  clock: Clock,
  work: () => Result,
  fill?: () => void,
): Result {
  if (!channel.hasSubscribers) return work()
  const begunAt = clock.now()
  const timed = (): Result => {
    try {
      return work()
    } finally {
      message.durationMs = clock.now() - begunAt
      fill?.()
    }
  }
  return channel.traceSync(timed, message)
}
