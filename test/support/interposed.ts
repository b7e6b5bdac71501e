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

/**
 * Node's storage, with somebody who hears of each call before it is made and can let it fail, and of each that has
 * succeeded.
 */
export function interposed(before: Interposer, after: (call: StorageCall) => void = () => {}): Storage {
  return wrap<Storage>(new NodeStorage(), '', undefined, { before, after })
}

interface Hearers {
  readonly before: Interposer
  readonly after: (call: StorageCall) => void
}

function wrap<Target extends object>(
  target: Target,
  prefix: string,
  path: string | undefined,
  hearers: Hearers,
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
      const finish = (call: StorageCall, result: unknown): unknown => {
        hearers.after(call)
        return name === 'open' ? wrap(result as StorageFile, 'file.', call.path, hearers) : result
      }
      const method = (...values: unknown[]): unknown => {
        const call = { name, path: path ?? String(values[0]), isSync, values }
        if (isSync) {
          hearers.before(call)
          return finish(call, value.apply(target, values))
        }
        return (async () => {
          await hearers.before(call)
          return finish(call, await value.apply(target, values))
        })()
      }
      methods.set(key, method)
      return method
    },
  })
}

/** Counts the descriptors that are open: give `count` as the second argument of `interposed`. */
export class OpenFiles {
  open = 0
  readonly count = ({ name }: StorageCall): void => {
    if (name === 'open') this.open++
    if (name === 'file.close') this.open--
  }
}

/** An error as Node's file system reports it. */
export function systemError(code: string, errno = -5): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: made up`), { code, errno, syscall: 'test' })
}
