import { errnoOf } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { StorageDirectory, StorageFile } from '../storage/storage.js'
import { type ChosenMethod, type Method, chooseMethod } from './method.js'

/** How a handle makes files durable: what runs, after all fallbacks. */
export class Durability {
  readonly #platform: NodeJS.Platform
  readonly #wanted: Method | 'auto'
  readonly #onFallback: (reason: string) => void
  #chosen: ChosenMethod
  #syncsDirectories = true

  /** `onFallback` is called when something that was asked for turns out not to be had. */
  constructor(
    wanted: Method | 'auto',
    onFallback: (reason: string) => void = () => undefined,
    platform: NodeJS.Platform = process.platform,
  ) {
    this.#platform = platform
    this.#wanted = wanted
    this.#onFallback = onFallback
    this.#chosen = chooseMethod({ platform, hasDirect: platform === 'linux' }, wanted)
  }

  get chosen(): ChosenMethod {
    return this.#chosen
  }

  /** Opens a file past the page cache, if that is the method and it can be done there. */
  *openDirect(directory: StorageDirectory, name: string): Steps<StorageFile | undefined> {
    if (this.#chosen.method !== 'direct') return undefined
    try {
      return yield* call(directory, 'open', name, 'direct')
    } catch (error) {
      const errno = errnoOf(error)
      // EACCES: the draft of a file that its owner may not write to.
      if (errno !== 'EINVAL' && errno !== 'ENOTSUP' && errno !== 'EACCES') throw error
      if (errno !== 'EACCES') this.fallBack((error as Error).message)
      return undefined
    }
  }

  /** From now on, the page cache serves. */
  fallBack(reason: string): void {
    if (this.#chosen.method !== 'direct') return
    const { method, primitive } = chooseMethod({ platform: this.#platform, hasDirect: false }, this.#wanted)
    this.#chosen = { method, primitive, reason }
    this.#onFallback(`direct I/O is not to be had, ${primitive} serves: ${reason}`)
  }

  /** False where names cannot be made durable: on Windows, and on some network file systems. */
  get syncsDirectories(): boolean {
    return this.#syncsDirectories
  }

  /** Makes the names in a directory durable, where that can be done. */
  *syncNames(directory: StorageDirectory): Steps<void> {
    if (yield* call(directory, 'sync')) return
    if (this.#syncsDirectories)
      this.#onFallback('directories cannot be synced here: a power cut may undo the last renames')
    this.#syncsDirectories = false
  }

  /**
   * Makes what was written durable. Attributes (permission bits, owner, times) are covered by a full sync only: who has set
   * any must say so.
   */
  *sync(file: StorageFile, hasNewAttributes: boolean): Steps<void> {
    yield* call(file, this.#chosen.method === 'sync' || hasNewAttributes ? 'sync' : 'dataSync')
  }
}
