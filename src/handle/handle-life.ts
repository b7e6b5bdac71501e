import { FsysError, storageFailure } from '../errors.js'
import { run, runSync, type Steps } from '../storage/steps.js'
import { type Filled, traceBlocking, traceWaiting } from '../tracing.js'
import type { HandleContext } from './context.js'
import { callChannel, type HandleCallMessage } from './handle-channel.js'
import type { HandleStats } from './handle-stats.js'
import { MOVED, type Outcome } from './outcome.js'
import { type Pieces, Scan } from './scan.js'
import { TheirFailure } from './source.js'

/** The life of a handle, and how its calls are made. */
export abstract class HandleLife {
  protected readonly context: HandleContext
  #isClosed = false
  /** Calls that have not come to their end. */
  #unfinished = 0

  constructor(context: HandleContext) {
    this.context = context
  }

  /** Lets go of the root. Calls under way come to their end; later ones fail with ERR_FSYS_CLOSED. A second close does nothing. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#unfinished === 0) this.context.scope.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * A snapshot of what was done through this handle: how many calls of each kind there were, their bytes, failures and
   * latencies, and how long syncs took. No I/O, some microseconds a kind of call. Also of a handle that is closed.
   */
  stats(): HandleStats {
    return this.context.meter.snapshot(this.#unfinished)
  }

  protected get isClosed(): boolean {
    return this.#isClosed
  }

  /** The path, fit to be walked. Throws for one that leads outside whatever is on the disk. */
  protected settle(path: string | URL): string {
    return this.context.scope.settle(path)
  }

  /** Makes a call that waits. The verb is for messages: 'cannot write "a"'. */
  protected wait<Result, Given = Result>(
    verb: string,
    path: string | URL,
    steps: Steps<Result>,
    outcome?: Outcome<Result, Given>,
  ): Promise<Given> {
    return this.#waitFor(verb, path, () => run(steps), outcome)
  }

  /** Makes a call that blocks. */
  protected block<Result, Given = Result>(
    verb: string,
    path: string | URL,
    steps: Steps<Result>,
    outcome?: Outcome<Result, Given>,
  ): Given {
    const message = messageOf(verb, path)
    return traceBlocking(callChannel, message, this.context.storage.clock, () => {
      const begunAt = this.#begin(verb, path)
      try {
        return this.#done(message, begunAt, runSync(steps), outcome)
      } catch (error) {
        throw this.#failed(error, verb, path)
      } finally {
        this.#end()
      }
    })
  }

  /** Makes a call that is many steps of work at the same time, and says how many bytes it has moved. */
  protected during(verb: string, path: string | URL, work: () => Promise<number>): Promise<void> {
    return this.#waitFor(verb, path, work, MOVED)
  }

  #waitFor<Result, Given>(
    verb: string,
    path: string | URL,
    work: () => Promise<Result>,
    outcome: Outcome<Result, Given> | undefined,
  ): Promise<Given> {
    const message = messageOf(verb, path)
    return traceWaiting(callChannel, message, this.context.storage.clock, async () => {
      const begunAt = this.#begin(verb, path)
      try {
        return this.#done(message, begunAt, await work(), outcome)
      } catch (error) {
        throw this.#failed(error, verb, path)
      } finally {
        this.#end()
      }
    })
  }

  #done<Result, Given>(
    message: Filled<HandleCallMessage>,
    begunAt: number,
    result: Result,
    outcome: Outcome<Result, Given> | undefined,
  ): Given {
    message.bytes = outcome?.bytes(result)
    this.context.meter.callDone(message.verb, begunAt, message.bytes ?? 0)
    return outcome === undefined ? (result as unknown as Given) : outcome.given(result)
  }

  #failed(error: unknown, verb: string, path: string | URL): unknown {
    this.context.meter.callFailed(verb)
    return told(error, verb, path)
  }

  /** Makes something to iterate over: each iteration is a call. */
  protected iterate<Item>(verb: string, path: string | URL, start: () => Pieces<Item>): Scan<Item> {
    return new Scan(() => {
      const pieces = start()
      this.#begin(verb, path)
      return { pieces, told: (error) => told(error, verb, path), end: () => this.#end() }
    })
  }

  /** Returns when that was. */
  #begin(verb: string, path: string | URL): number {
    if (this.#isClosed) throw new FsysError('ERR_FSYS_CLOSED', `cannot ${verb} ${shown(path)}: the handle is closed`)
    this.#unfinished += 1
    return this.context.meter.now()
  }

  #end(): void {
    this.#unfinished -= 1
    if (this.#isClosed && this.#unfinished === 0) this.context.scope.close()
  }
}

function messageOf(verb: string, path: string | URL): Filled<HandleCallMessage> {
  return { path: String(path), verb, bytes: undefined, durationMs: undefined }
}

/** Gives an error its meaning, and says what was being done. */
export function told(error: unknown, verb: string, path: string | URL): unknown {
  if (error instanceof TheirFailure) return error.cause
  return storageFailure(error, `cannot ${verb} ${shown(path)}`, { path: String(path) })
}

function shown(path: string | URL): string {
  return JSON.stringify(String(path))
}
