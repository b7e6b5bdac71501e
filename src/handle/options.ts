import { checkNames, oneOf, settlePath, wholeNumber, withMethod } from '../checks.js'
import { invalidArgument } from '../errors.js'
import type { DurabilityMethod } from '../platform/plan.js'
import { defaultStorage } from '../storage/default-storage.js'
import type { Storage } from '../storage/storage.js'
import { settleConcurrency } from './batch-options.js'

/** How to make a handle. */
export interface HandleOptions {
  /**
   * How what is written is made durable: 'sync', 'data', 'direct', or 'auto' (default), which chooses by what the platform
   * and the file system can do. A matter of speed: each of them is durable on return.
   */
  readonly method?: DurabilityMethod | 'auto'
  /**
   * A directory that paths cannot leave: all of them are relative to it, and neither `..` nor symbolic links lead out of it.
   * Default: none, and relative paths start at the working directory.
   */
  readonly root?: string | URL
  /**
   * Whether diagnostics are for people who develop a program or for one in service; it changes nothing else. 'auto' (default)
   * goes by FSYS_MODE, and without it by NODE_ENV: 'production' is 'prod', and anything else 'dev'.
   */
  readonly mode?: 'dev' | 'prod' | 'auto'
  /** How many operations of a batch may be under way at the same time, where the batch does not say: 1 to 1024, default 64. */
  readonly batchConcurrency?: number
  /** From when on a sync is slow, in milliseconds: it is counted, and told of (docs/observability.md). Default 1000; 0: none. */
  readonly slowSyncMs?: number
  /** The disk. Default: the file system, by the best engine there is here. */
  readonly storage?: Storage
}

export interface SettledHandleOptions {
  readonly method: DurabilityMethod | 'auto'
  readonly root: string | undefined
  readonly mode: 'dev' | 'prod'
  readonly batchConcurrency: number
  readonly slowSyncMs: number
  readonly storage: Storage
}

export function settleHandleOptions(options: HandleOptions = {}): SettledHandleOptions {
  checkNames('createHandle', options, ['method', 'root', 'mode', 'batchConcurrency', 'slowSyncMs', 'storage'])
  return {
    method: oneOf('method', options.method ?? 'auto', ['auto', 'sync', 'data', 'direct']),
    root: options.root === undefined ? undefined : settlePath(options.root, 'a root'),
    mode: settleMode(oneOf('mode', options.mode ?? 'auto', ['auto', 'dev', 'prod'])),
    batchConcurrency: settleConcurrency('batchConcurrency', options.batchConcurrency),
    slowSyncMs: wholeNumber('slowSyncMs', options.slowSyncMs ?? 1000, 0, 3_600_000),
    storage: withMethod('storage', options.storage ?? defaultStorage(false), 'openDirectory'),
  }
}

function settleMode(
  mode: 'dev' | 'prod' | 'auto',
  { FSYS_MODE: own, NODE_ENV: common }: NodeJS.ProcessEnv = process.env,
): 'dev' | 'prod' {
  if (mode !== 'auto') return mode
  if (own !== undefined && own !== '') return oneOf('FSYS_MODE', own as 'dev' | 'prod', ['dev', 'prod'])
  return common === 'production' ? 'prod' : 'dev'
}

/** How to write a file. */
export interface WriteOptions {
  /** The permissions of a file that is made, before the process's umask; one that is replaced keeps its own. Default 0o666. */
  readonly mode?: number
  /** Gives up, as long as the old file is in place. Not for blocking calls. */
  readonly signal?: AbortSignal
}

/** `names`: those that the call has. */
export function settleWriteOptions(
  caller: string,
  options: WriteOptions = {},
  names: readonly (keyof WriteOptions)[] = ['mode', 'signal'],
): { mode: number; signal?: AbortSignal } {
  checkNames(caller, options, names)
  const { signal } = options
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidArgument('signal must be an AbortSignal')
  return { mode: wholeNumber('mode', options.mode ?? 0o666, 0, 0o777), ...(signal && { signal }) }
}
