/** How a handle makes what it writes durable. Which one is a matter of speed: all of them are durable on return. */
export type DurabilityMethod = 'sync' | 'data' | 'direct'

/**
 * What makes data durable: `fsync`, `fdatasync`; on macOS `F_FULLFSYNC`, and on Windows `FlushFileBuffers`, for both;
 * `O_DIRECT+fdatasync`: past the page cache, then the size and what leads to the data.
 */
export type DurabilityPrimitive = 'fsync' | 'fdatasync' | 'F_FULLFSYNC' | 'FlushFileBuffers' | 'O_DIRECT+fdatasync'

/** What runs, and why. */
export interface MethodChoice {
  readonly method: DurabilityMethod
  readonly primitive: DurabilityPrimitive
  readonly reason: string
}

/** What the choice goes by. */
export interface MethodFacts {
  readonly platform: NodeJS.Platform
  /** Whether files can be written past the page cache there, and why not. What is not known is tried. */
  readonly directIo: { readonly isAvailable: boolean | 'unknown'; readonly reason?: string }
}

/** The method that is used where `wanted` was asked for: a pure function. */
export function chooseMethod({ platform, directIo }: MethodFacts, wanted: DurabilityMethod | 'auto'): MethodChoice {
  if (platform === 'darwin') return { method: 'sync', primitive: 'F_FULLFSYNC', reason: 'macOS has one kind of sync' }
  if (platform === 'win32')
    return { method: 'sync', primitive: 'FlushFileBuffers', reason: 'Windows has one kind of sync' }
  if (wanted === 'sync') return { method: 'sync', primitive: 'fsync', reason: 'asked for' }
  if (wanted === 'data') return { method: 'data', primitive: 'fdatasync', reason: 'asked for' }
  if (wanted === 'auto') {
    return { method: 'data', primitive: 'fdatasync', reason: 'it covers the data and the size, and nothing else' }
  }
  if (platform === 'linux' && directIo.isAvailable !== false) {
    return { method: 'direct', primitive: 'O_DIRECT+fdatasync', reason: 'asked for' }
  }
  return { method: 'data', primitive: 'fdatasync', reason: `no 'direct': ${directIo.reason ?? 'it is not to be had'}` }
}
