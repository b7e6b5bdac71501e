import { checkNames, oneOf, truth, wholeNumber } from '../checks.js'
import { invalidArgument } from '../errors.js'
import type { DirectoryEntry } from '../storage/storage.js'

/** How to make directories. */
export interface MkdirOptions {
  /** The permissions of those that are made, before the process's umask. Default 0o777. */
  readonly mode?: number
}

export function settleMkdirOptions(caller: string, options: MkdirOptions = {}): number {
  checkNames(caller, options, ['mode'])
  return wholeNumber('mode', options.mode ?? 0o777, 0, 0o777)
}

/** How to go through a directory. */
export interface ScanOptions {
  /** Only entries of this kind. */
  readonly kind?: DirectoryEntry['kind']
  /** Ends the iteration: what asks for more then gets the signal's reason. */
  readonly signal?: AbortSignal
}

/** How to look for a pattern. */
export interface FindOptions extends ScanOptions {
  /** Let wildcards match names that begin with a dot too. Default false: such a name is found where the pattern has its dot. */
  readonly dot?: boolean
  /** Take capital and small letters for the same, on every platform. Default false. */
  readonly ignoreCase?: boolean
}

export interface SettledScanOptions {
  readonly kind: DirectoryEntry['kind'] | undefined
  readonly signal: AbortSignal | undefined
}

export function settleScanOptions(
  caller: string,
  options: ScanOptions = {},
  more: readonly string[] = [],
): SettledScanOptions {
  checkNames(caller, options, ['kind', 'signal', ...more])
  const { kind, signal } = options
  if (kind !== undefined) oneOf('kind', kind, ['file', 'directory', 'link', 'other'])
  return { kind, signal: settleSignal(signal) }
}

export function settleFindOptions(
  options: FindOptions = {},
): SettledScanOptions & { readonly dot: boolean; readonly ignoreCase: boolean } {
  const settled = settleScanOptions('find', options, ['dot', 'ignoreCase'])
  return {
    ...settled,
    dot: truth('dot', options.dot ?? false),
    ignoreCase: truth('ignoreCase', options.ignoreCase ?? false),
  }
}

export function settleSignal(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidArgument('signal must be an AbortSignal')
  return signal
}
