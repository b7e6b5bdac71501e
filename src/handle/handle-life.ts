import { FsysError, storageFailure } from '../errors.js'
import { run, runSync, type Steps } from '../storage/steps.js'
import { type Filled, traceBlocking, traceWaiting } from '../tracing.js'
import type { HandleContext } from './context.js'
import { callChannel, type HandleCallMessage } from './handle-channel.js'
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

  /** The path, fit to be walked. Throws for one that leads outside whatever is on the disk. */
  protected settle(path: string | URL): string {
    return this.context.scope.settle(path)
  }

  /** Makes a call that waits. The verb is for messages: 'cannot write "a"'. */
  protected wait<Result>(verb: string, path: string | URL, steps: Steps<Result>): Promise<Result> {
    return traceWaiting(callChannel, messageOf(verb, path), this.context.storage.clock, async () => {
      this.#begin(verb, path)
      try {
        return await run(steps)
      } catch (error) {
        throw told(error, verb, path)
      } finally {
        this.#end()
      }
    })
  }

  /** Makes a call that blocks. */
  protected block<Result>(verb: string, path: string | URL, steps: Steps<Result>): Result {
    return traceBlocking(callChannel, messageOf(verb, path), this.context.storage.clock, () => {
      this.#begin(verb, path)
      try {
        return runSync(steps)
      } catch (error) {
        throw told(error, verb, path)
      } finally {
        this.#end()
      }
    })
  }

  /** Makes a call that is many steps of work at the same time. */
  protected async during<Result>(verb: string, path: string | URL, work: () => Promise<Result>): Promise<Result> {
    this.#begin(verb, path)
    try {
      return await work()
    } finally {
      this.#end()
    }
  }

  /** Makes something to iterate over: each iteration is a call. */
  protected iterate<Item>(verb: string, path: string | URL, start: () => Pieces<Item>): Scan<Item> {
    return new Scan(() => {
      const pieces = start()
      this.#begin(verb, path)
      return { pieces, told: (error) => told(error, verb, path), end: () => this.#end() }
    })
  }

  #begin(verb: string, path: string | URL): void {
    if (this.#isClosed) throw new FsysError('ERR_FSYS_CLOSED', `cannot ${verb} ${shown(path)}: the handle is closed`)
    this.#unfinished += 1
  }

  #end(): void {
    this.#unfinished -= 1
    if (this.#isClosed && this.#unfinished === 0) this.context.scope.close()
  }
}

function messageOf(verb: string, path: string | URL): Filled<HandleCallMessage> {
  return { path: String(path), verb, durationMs: undefined }
}

/** Gives an error its meaning, and says what was being done. */
export function told(error: unknown, verb: string, path: string | URL): unknown {
  if (error instanceof TheirFailure) return error.cause
  return storageFailure(error, `cannot ${verb} ${shown(path)}`, { path: String(path) })
}

function shown(path: string | URL): string {
  return JSON.stringify(String(path))
}
