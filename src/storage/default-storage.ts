import { type Engine, chooseEngine } from '../platform/engine.js'
import { NativeFile } from './native-file.js'
import { NodeStorage } from './node-storage.js'
import type { Storage } from './storage.js'

const storages = new Map<Engine, Storage>()

/**
 * The storage of this thread with the best engine there is here. For a journal in the page cache that is the thread pool,
 * past it io_uring: see docs/benchmarks.md. Throws as `chooseEngine` does.
 */
export function defaultStorage(isDirect: boolean): Storage {
  const { engine, reason, addon } = chooseEngine(isDirect ? 'uring' : 'pool')
  let storage = storages.get(engine)
  if (storage === undefined) {
    storage =
      addon === undefined || engine === 'portable'
        ? new NodeStorage({ engineReason: reason })
        : new NodeStorage({
            engine,
            engineReason: reason,
            addon,
            makeFile: (fd, mode) => new NativeFile(fd, mode, addon, engine),
          })
    storages.set(engine, storage)
  }
  return storage
}
