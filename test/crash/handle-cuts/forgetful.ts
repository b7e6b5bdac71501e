import type { Storage } from '#src/storage/storage.js'

import type { CutFault } from './plan.js'

/** A storage that leaves a sync out while it forgets, and says that it was made. */
export function forgetful(storage: Storage, leavesOut: CutFault['leavesOut'], forgets: () => boolean): Storage {
  const omitted = { 'directory-sync': DIRECTORY_SYNCS, 'file-sync': FILE_SYNCS }[leavesOut]
  const reals = new WeakMap<object, object>()
  const wrap = (target: unknown): unknown => {
    if (typeof target !== 'object' || target === null) return target
    const isOurs = leavesOut === 'file-sync' ? 'dataSync' in target : 'openDirectory' in target
    const proxy = new Proxy(target, {
      get(real, name) {
        if (isOurs && forgets() && omitted.has(String(name))) return omitted.get(String(name))
        const value: unknown = Reflect.get(real, name, real)
        if (typeof value !== 'function') return value
        const method = (...words: readonly unknown[]): unknown =>
          Reflect.apply(
            value,
            real,
            words.map((word) => reals.get(word as object) ?? word),
          )
        if (!OPENING.has(String(name).replace(/Sync$/u, ''))) return method
        return String(name).endsWith('Sync')
          ? (...words: readonly unknown[]) => wrap(method(...words))
          : async (...words: readonly unknown[]) => wrap(await method(...words))
      },
    })
    reals.set(proxy, target)
    return proxy
  }
  return Object.assign(Object.create(storage) as Storage, {
    openDirectorySync: (path: string) => wrap(storage.openDirectorySync(path)),
  })
}

const blocking = (): boolean => true
const waiting = (): Promise<boolean> => Promise.resolve(true)

type Omitted = ReadonlyMap<string, () => unknown>
const DIRECTORY_SYNCS: Omitted = new Map<string, () => unknown>([
  ['sync', waiting],
  ['syncSync', blocking],
])
const FILE_SYNCS: Omitted = new Map<string, () => unknown>([
  ...DIRECTORY_SYNCS,
  ['dataSync', waiting],
  ['dataSyncSync', blocking],
])

/** What returns a file or a directory. */
const OPENING = new Set(['open', 'openBeneath', 'openDirectory'])
