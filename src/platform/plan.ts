import type { FileSystemFacts, PlatformFacts } from './facts.js'

/**
 * How a file is made durable. 'sync': all of it, with all that is known of it. 'data': its bytes, and what it takes to find
 * them again (the size, the blocks), but not, for instance, its times. 'direct': as 'data', and past the page cache.
 * After each of them, what was written survives power loss.
 */
export type DurabilityMethod = 'sync' | 'data' | 'direct'

/** What the system is asked for to that end. */
export type DurabilityPrimitive = 'fsync' | 'fdatasync' | 'O_DIRECT+fdatasync' | 'F_FULLFSYNC' | 'FlushFileBuffers'

export interface MethodChoice {
  readonly method: DurabilityMethod
  readonly primitive: DurabilityPrimitive
  /** Why it is this one; where another was wanted, why it is not that. */
  readonly reason: string
}

/** What the choice depends on. */
export type MethodFacts = Pick<PlatformFacts, 'platform' | 'directIo'> & {
  readonly fileSystem: Pick<FileSystemFacts, 'type' | 'class'>
}

/**
 * Decides how files are made durable in a place. Pure; docs/methods.md has it as a table. A method that cannot be had there
 * is replaced by what 'auto' would choose, which is never a weaker one, and `reason` says so.
 *
 * Direct I/O of which it is not known whether it can be had is chosen if it is wanted: whoever then finds out that it cannot
 * asks again, with that in the facts.
 */
export function chooseMethod(facts: MethodFacts, wanted: DurabilityMethod | 'auto'): MethodChoice {
  const refusal = wanted === 'auto' ? undefined : refusalOf(facts, wanted)
  if (wanted === 'auto' || refusal !== undefined) {
    const { method, reason } = chooseByFacts(facts)
    return choice(facts, method, refusal === undefined ? reason : `no '${wanted}': ${refusal}`)
  }
  return choice(facts, wanted, 'asked for')
}

/**
 * What Node's `fs.fdatasync` does in each case is libuv's choice (`uv__fs_fdatasync` in src/unix/fs.c): fdatasync(2) on
 * these, on macOS and on Windows the same as `fs.fsync`, elsewhere fsync(2).
 */
const FDATASYNC_PLATFORMS: ReadonlySet<NodeJS.Platform> = new Set(['linux', 'android', 'sunos', 'netbsd'])

/** Apple's fsync(2) leaves the data in the drive's cache, so libuv asks for more. */
const SYNC_PRIMITIVES: Partial<Record<NodeJS.Platform, DurabilityPrimitive>> = {
  darwin: 'F_FULLFSYNC',
  win32: 'FlushFileBuffers',
}

function choice({ platform }: MethodFacts, method: DurabilityMethod, reason: string): MethodChoice {
  switch (method) {
    case 'sync':
      return { method, primitive: SYNC_PRIMITIVES[platform] ?? 'fsync', reason }
    case 'data':
      return { method, primitive: 'fdatasync', reason }
    case 'direct':
      return { method, primitive: 'O_DIRECT+fdatasync', reason }
  }
}

/** Why a method cannot be had, if it cannot. */
function refusalOf({ platform, directIo }: MethodFacts, wanted: DurabilityMethod): string | undefined {
  if (wanted === 'sync') return undefined
  if (!FDATASYNC_PLATFORMS.has(platform)) return `${platform} has one kind of sync only`
  if (wanted === 'data') return undefined
  if (platform !== 'linux') return `direct I/O is for Linux only`
  return directIo.isAvailable === false ? (directIo.reason ?? 'the file system does not have it') : undefined
}

/**
 * Where it is known that `fdatasync` covers all that is needed to read the file again, it is as good as `fsync` and often
 * spares a write. Anywhere else, all that can be asked for is asked for. Direct I/O is never chosen here: it is not faster
 * in a way that could be relied on, and whether a file is to stay out of the page cache is no fact of the place.
 */
function chooseByFacts({ platform, fileSystem }: MethodFacts): { method: DurabilityMethod; reason: string } {
  if (!FDATASYNC_PLATFORMS.has(platform)) return { method: 'sync', reason: `${platform} has one kind of sync only` }
  if (platform !== 'linux') return { method: 'sync', reason: `what fdatasync covers on ${platform} is not tested` }
  const { type, class: kind } = fileSystem
  switch (kind) {
    case 'disk':
    case 'overlay':
      return { method: 'data', reason: `fdatasync on ${type} covers the data, the size and the blocks` }
    case 'memory':
      return { method: 'sync', reason: `${type} is memory: nothing in it survives power loss, however it is synced` }
    case 'network':
    case 'host':
    case 'fuse':
      return { method: 'sync', reason: `${type}: somebody else decides what a sync does, so all is asked for` }
    case 'unknown':
      return { method: 'sync', reason: 'the file system is not known, so all is asked for' }
  }
}
