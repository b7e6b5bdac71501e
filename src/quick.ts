import { createHandle, type Handle } from './handle/handle.js'
import type { WriteOptions } from './handle/options.js'
import type { Data, StreamedData } from './handle/source.js'

/** One-shot calls on a handle that this thread shares: as `createHandle()` makes it, without a root. */
export const quick: Quick = {
  write: async (path, data, options) => await shared().write(path, data, options),
  writeSync: (path, data, options) => shared().writeSync(path, data, options),
  read: async (path) => await shared().read(path),
  readSync: (path) => shared().readSync(path),
  append: async (path, data, options) => await shared().append(path, data, options),
  appendSync: (path, data, options) => shared().appendSync(path, data, options),
}

/** See the methods of the same names of `Handle`. */
export interface Quick {
  write(path: string | URL, data: Data | StreamedData, options?: WriteOptions): Promise<void>
  writeSync(path: string | URL, data: Data | Iterable<Data>, options?: WriteOptions): void
  read(path: string | URL): Promise<Buffer>
  readSync(path: string | URL): Buffer
  append(path: string | URL, data: Data, options?: Pick<WriteOptions, 'mode'>): Promise<void>
  appendSync(path: string | URL, data: Data, options?: Pick<WriteOptions, 'mode'>): void
}

let handle: Handle | undefined

function shared(): Handle {
  return (handle ??= createHandle())
}
