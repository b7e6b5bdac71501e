import { NodeStorage } from '#src/storage/node-storage.js'
import type { Storage, StorageFile } from '#src/storage/storage.js'

/** One call on the storage, or on a file of it, whichever twin it is. */
export interface StorageCall {
  /** `link`, or `file.write` for a file's. */
  readonly name: string
  /** The path that it is about; for a file's calls, the one that it was opened under. */
  readonly path: string
  readonly isSync: boolean
  readonly values: readonly unknown[]
}

/** What stands between a caller and the disk. It may throw, or wait; what it returns but a promise is ignored. */
export type Interposer = (call: StorageCall) => unknown

/** Node's storage, with somebody who hears of each call before it is made and can let it fail. */
export function interposed(before: Interposer): Storage {
  return wrap<Storage>(new NodeStorage(), '', undefined, before)
}

function wrap<Target extends object>(
  target: Target,
  prefix: string,
  path: string | undefined,
  before: Interposer,
): Target {
  const methods = new Map<PropertyKey, unknown>()
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function' || typeof key !== 'string') return value
      const known = methods.get(key)
      if (known !== undefined) return known
      const isSync = key.endsWith('Sync') && key.slice(0, -'Sync'.length) in target
      const name = prefix + (isSync ? key.slice(0, -'Sync'.length) : key)
      const finish = (result: unknown, values: readonly unknown[]): unknown =>
        name === 'open' ? wrap(result as StorageFile, 'file.', String(values[0]), before) : result
      const method = (...values: unknown[]): unknown => {
        const made = { name, path: path ?? String(values[0]), isSync, values }
        if (isSync) {
          before(made)
          return finish(value.apply(target, values), values)
        }
        return (async () => {
          await before(made)
          return finish(await value.apply(target, values), values)
        })()
      }
      methods.set(key, method)
      return method
    },
  })
}

/** An error as Node's file system reports it. */
export function systemError(code: string, errno = -5): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made up`), { code, errno, syscall: 'test' })
}
