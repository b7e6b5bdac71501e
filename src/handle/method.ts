/** How a handle makes what it writes durable. Which one is a matter of speed: all of them are durable on return. */
export type Method = 'sync' | 'data' | 'direct'

/** What runs, and why. */
export interface ChosenMethod {
  readonly method: Method
  readonly primitive: DurabilityPrimitive
  /** Why this one. */
  readonly reason: string
}

/**
 * What makes data durable: `fsync`, `fdatasync`; on macOS `F_FULLFSYNC`, and on Windows `FlushFileBuffers`, for both;
 * `O_DIRECT and fdatasync`: past the page cache, then the size and what leads to the data.
 */
export type DurabilityPrimitive = 'fsync' | 'fdatasync' | 'F_FULLFSYNC' | 'FlushFileBuffers' | 'O_DIRECT and fdatasync'

/** What the choice goes by. */
export interface MethodFacts {
  readonly platform: NodeJS.Platform
  /** Whether files can be written past the page cache there. */
  readonly hasDirect: boolean
}

/** The method that is used where `wanted` was asked for: a pure function. */
export function chooseMethod({ platform, hasDirect }: MethodFacts, wanted: Method | 'auto'): ChosenMethod {
  if (wanted === 'direct' && hasDirect) {
    return { method: 'direct', primitive: 'O_DIRECT and fdatasync', reason: 'it was asked for' }
  }
  const isAsked = wanted === 'sync' || wanted === 'data'
  const why = isAsked ? 'it was asked for' : wanted === 'direct' ? 'there is no direct I/O here' : undefined
  if (platform === 'darwin') return sync('F_FULLFSYNC', why ?? 'macOS has one sync that reaches the disk')
  if (platform === 'win32') return sync('FlushFileBuffers', why ?? 'Windows has one sync')
  if (wanted === 'sync') return sync('fsync', 'it was asked for')
  return { method: 'data', primitive: 'fdatasync', reason: why ?? 'it covers the data and the size, and nothing else' }
}

function sync(primitive: DurabilityPrimitive, reason: string): ChosenMethod {
  return { method: 'sync', primitive, reason }
}
