import { type BigIntStats, statSync } from 'node:fs'

/** When a file was made, in nanoseconds since 1970, or 0 where the file system keeps no birth time. */
export function birthTimeOf(stats: BigIntStats): bigint {
  return areReal() ? stats.birthtimeNs : 0n
}

let isKnownReal: boolean | undefined

/**
 * Where `statx` is forbidden (old container profiles), libuv passes off the time of the last change as the time of birth.
 * The process file system has no birth times, so that showing one gives this away.
 */
function areReal(): boolean {
  return (isKnownReal ??=
    process.platform !== 'linux' ||
    (statSync('/proc/self/stat', { bigint: true, throwIfNoEntry: false })?.birthtimeNs ?? 0n) === 0n)
}
