import { defaultStorage } from '#src/storage/default-storage.js'
import { run } from '#src/storage/steps.js'
import type { Storage, StorageFile } from '#src/storage/storage.js'
import { writeWhole } from '#src/storage/whole.js'

/** One call on the storage, or on a file of it, whichever twin it is. */
export interface StorageCall {
  /** `link`, or `file.write` for a file's. */
  readonly name: string
  /** The path that it is about; for a file's calls, the one that it was opened under. */
  readonly path: string
  readonly isSync: boolean
  /** It is one of the two that a trip is heard as, which begins when both have been. */
  readonly isTrip: boolean
  readonly values: readonly unknown[]
}

/** What stands between a caller and the disk. It may throw, or wait; what it returns but a promise is ignored. */
export type Interposer = (call: StorageCall) => unknown

/**
 * The storage of this machine, with the engine that journals in the page cache have, and with somebody who hears of each call
 * before it is made and can let it fail, and of each that has succeeded. A trip is heard as what it stands for, a write and a
 * sync, so that hearers need not know the engine.
 */
export function interposed(before: Interposer, after: (call: StorageCall) => void = () => {}): Storage {
  return wrap<Storage>(defaultStorage(false), '', undefined, { before, after })
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
      if (key === 'writeAndSync') {
        const method = (source: Uint8Array, position: number): Promise<void> =>
          makeTrip(target as StorageFile, path ?? '', source, position, hearers)
        methods.set(key, method)
        return method
      }
      const isSync = key.endsWith('Sync') && key.slice(0, -'Sync'.length) in target
      const name = prefix + (isSync ? key.slice(0, -'Sync'.length) : key)
      const finish = (call: StorageCall, result: unknown): unknown => {
        hearers.after(call)
        return name === 'open' ? wrap(result as StorageFile, 'file.', call.path, hearers) : result
      }
      const method = (...values: unknown[]): unknown => {
        const call = { name, path: path ?? String(values[0]), isSync, isTrip: false, values }
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

/** Both are heard before it begins. If it is the sync that is to fail, the write is made all the same. */
async function makeTrip(
  file: StorageFile,
  path: string,
  source: Uint8Array,
  position: number,
  { before, after }: Hearers,
): Promise<void> {
  const write = { name: 'file.write', path, isSync: false, isTrip: true, values: [source, position] }
  const sync = { name: 'file.dataSync', path, isSync: false, isTrip: true, values: [] }
  await before(write)
  try {
    await before(sync)
  } catch (error) {
    await run(writeWhole(file, source, position))
    throw Object.assign(error as Error, { syscall: 'fdatasync' })
  }
  await file.writeAndSync?.(source, position)
  after(write)
  after(sync)
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
