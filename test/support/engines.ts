import type { Engine } from '#src/platform/engine.js'
import { nativeAddon, nativeError } from '#src/platform/native-addon.js'
import { NativeFile } from '#src/storage/native-file.js'
import { NodeStorage } from '#src/storage/node-storage.js'
import type { Storage } from '#src/storage/storage.js'

/** The file system by one engine, whatever would be chosen; or why that cannot be. */
export function engineStorage(engine: Engine): Storage | string {
  if (engine === 'portable') return new NodeStorage()
  const found = nativeAddon()
  if (found.addon === undefined) return `the native addon is missing, ${found.reason}`
  const { addon } = found
  const result = engine === 'uring' ? addon.ringOpen() : 0
  if (result < 0) return nativeError(result, 'io_uring_setup').message
  return new NodeStorage({ engine, makeFile: (fd, mode) => new NativeFile(fd, mode, addon, engine) })
}
