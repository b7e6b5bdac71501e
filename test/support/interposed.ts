import { defaultStorage } from '#src/storage/default-storage.js'
import { run, runSync } from '#src/storage/steps.js'
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
  const heldCalls = new Set<HeldCall>()
  const refused = new Refused()
  return new Proxy(target, {
    get(_, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function' || typeof key !== 'string') return value
      const known = methods.get(key)
      if (known !== undefined) return known
      if (key === 'writeAndSync' || key === 'writeAndSyncSync') {
        const trip = new HeardTrip(target as StorageFile, path ?? '', hearers, refused)
        const method = key === 'writeAndSync' ? trip.make.bind(trip) : trip.makeSync.bind(trip)
        methods.set(key, method)
        return method
      }
      const isSync = key.endsWith('Sync') && key !== 'dataSync'
      const name = prefix + (isSync ? key.slice(0, -'Sync'.length) : key)
      const finish = (call: StorageCall, result: unknown): unknown => {
        hearers.after(call)
        return name === 'open' ? wrap(result as StorageFile, 'file.', call.path, hearers) : result
      }
      const method = (...values: unknown[]): unknown => {
        const call = { name, path: path ?? String(values[0]), isSync, isTrip: false, values }
        if (isSync) {
          hearers.before(call)
          if (name === 'file.finish') for (const each of heldCalls) void each.begin()
          const result = finish(call, value.apply(target, values))
          if (name === 'file.finish') refused.tell()
          return result
        }
        return (async () => {
          if (name === 'file.write') refused.forget()
          const held = refused.hear(() => hearers.before(call))
          const make = (): Promise<unknown> => value.apply(target, values) as Promise<unknown>
          return finish(
            call,
            await (held instanceof Promise ? new HeldCall(held, make, heldCalls, refused).result : make()),
          )
        })()
      }
      methods.set(key, method)
      return method
    },
  })
}

/** What a file's hearers have let fail. Who blocks until unfinished writes have ended is told of it, as files tell. */
class Refused {
  #error: unknown

  hear<Result>(hearing: () => Result): Result {
    try {
      return hearing()
    } catch (error) {
      throw this.note(error)
    }
  }

  note(error: unknown): unknown {
    this.#error ??= error
    return error
  }

  /** When the next write begins. */
  forget(): void {
    this.#error = undefined
  }

  tell(): void {
    if (this.#error !== undefined) throw this.#error
  }
}

/** A call that begins when its hearer allows it, or when somebody blocks until it has ended. */
class HeldCall {
  readonly result: Promise<unknown>
  #made: Promise<unknown> | undefined
  readonly #make: () => Promise<unknown>
  readonly #all: Set<HeldCall>
  readonly #refused: Refused

  constructor(held: Promise<unknown>, make: () => Promise<unknown>, all: Set<HeldCall>, refused: Refused) {
    this.#make = make
    this.#all = all
    this.#refused = refused
    all.add(this)
    this.result = held.then(
      () => this.begin(),
      (error: unknown) => this.#refuse(error),
    )
  }

  begin(): Promise<unknown> {
    this.#all.delete(this)
    this.#made ??= this.#make()
    return this.#made
  }

  /** What has begun can no longer fail for it. */
  #refuse(error: unknown): Promise<unknown> {
    this.#all.delete(this)
    return this.#made ?? Promise.reject(this.#refused.note(error))
  }
}

/** A trip is heard as two calls, before it begins. If the second is to fail, the first is made all the same. */
class HeardTrip {
  readonly #file: StorageFile
  readonly #path: string
  readonly #hearers: Hearers
  readonly #refused: Refused

  constructor(file: StorageFile, path: string, hearers: Hearers, refused: Refused) {
    this.#file = file
    this.#path = path
    this.#hearers = hearers
    this.#refused = refused
  }

  async make(source: Uint8Array, position: number): Promise<void> {
    const [write, sync] = this.#calls(false, source, position)
    this.#refused.forget()
    const heldWrite = this.#refused.hear(() => this.#hearers.before(write))
    if (heldWrite instanceof Promise) await heldWrite
    try {
      const heldSync = this.#hearers.before(sync)
      if (heldSync instanceof Promise) await heldSync
    } catch (error) {
      await run(writeWhole(this.#file, source, position))
      throw this.#refused.note(ofSync(error))
    }
    await this.#file.writeAndSync?.(source, position)
    this.#hearers.after(write)
    this.#hearers.after(sync)
  }

  makeSync(source: Uint8Array, position: number): void {
    const [write, sync] = this.#calls(true, source, position)
    this.#hearers.before(write)
    try {
      this.#hearers.before(sync)
    } catch (error) {
      runSync(writeWhole(this.#file, source, position))
      throw ofSync(error)
    }
    this.#file.writeAndSyncSync?.(source, position)
    this.#hearers.after(write)
    this.#hearers.after(sync)
  }

  #calls(isSync: boolean, ...values: readonly unknown[]): [write: StorageCall, sync: StorageCall] {
    const call = { path: this.#path, isSync, isTrip: true }
    return [
      { ...call, name: 'file.write', values },
      { ...call, name: 'file.dataSync', values: [] },
    ]
  }
}

/** By this the journal tells which part of a trip has failed. */
function ofSync(error: unknown): Error {
  return Object.assign(error as Error, { syscall: 'fdatasync' })
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
