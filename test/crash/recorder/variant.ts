import { engineStorage } from '../../support/engines.js'

/** Which engine makes the calls, and whether past the page cache. Those of io_uring are no calls. */
export interface Variant {
  readonly engine: 'portable' | 'pool'
  readonly mode: 'cached' | 'direct'
}

/** All that are here, one after the other from seed to seed. */
export const VARIANTS: readonly Variant[] = (['portable', 'pool'] as const).flatMap((engine) =>
  typeof engineStorage(engine) === 'string' ? [] : (['cached', 'direct'] as const).map((mode) => ({ engine, mode })),
)

export function variantOf(seed: number): Variant {
  return VARIANTS[seed % VARIANTS.length] as Variant
}

export function nameOf({ engine, mode }: Variant): string {
  return `${engine}, ${mode}`
}
