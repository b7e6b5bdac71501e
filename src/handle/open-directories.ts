import { call, run, type Steps } from '../storage/steps.js'
import type { StorageDirectory } from '../storage/storage.js'
import { confirmNames } from './atomic-write.js'
import type { HandleContext } from './context.js'

/** Directories that many operations share: each stays open, and is synced once if names in it have changed. */
export class OpenDirectories {
  readonly #context: HandleContext
  readonly #opened = new Map<string, StorageDirectory>()
  readonly #changed = new Set<string>()

  constructor(context: HandleContext) {
    this.#context = context
  }

  *open(path: string): Steps<StorageDirectory> {
    const known = this.#opened.get(path)
    if (known !== undefined) return known
    const directory = yield* this.#context.scope.openDirectory(path)
    // Several operations may have begun to open it.
    const other = this.#opened.get(path)
    if (other === undefined) {
      this.#opened.set(path, directory)
      return directory
    }
    yield* call(directory, 'close')
    return other
  }

  /** Names have changed in it: it is open. */
  changed(path: string): void {
    this.#changed.add(path)
  }

  /** Makes what has changed durable. Returns those that could not be synced, and why. Nothing may be under way. */
  async confirm(concurrency: number): Promise<ReadonlyMap<string, unknown>> {
    const failures = new Map<string, unknown>()
    const paths = [...this.#changed].values()
    this.#changed.clear()
    const confirmSome = async (): Promise<void> => {
      for (const path of paths) {
        const directory = this.#opened.get(path) as StorageDirectory
        // As many of these loops run as may sync at the same time.
        // oxlint-disable-next-line no-await-in-loop
        await run(confirmNames(this.#context, directory, path)).catch((error: unknown) => failures.set(path, error))
      }
    }
    await Promise.all(Array.from({ length: concurrency }, confirmSome))
    return failures
  }

  async close(): Promise<void> {
    const opened = [...this.#opened.values()]
    this.#opened.clear()
    await Promise.all(opened.map((directory) => directory.close()))
  }
}
