import type { Storage } from '../storage/storage.js'
import type { AttributeKeeper } from './attributes.js'
import type { Durability } from './durability.js'
import type { HandleMeter } from './handle-meter.js'
import type { Scope } from './scope.js'
import type { Sweeper } from './sweeper.js'

/** What all operations of a handle share. */
export interface HandleContext {
  readonly storage: Storage
  readonly scope: Scope
  readonly sweeper: Sweeper
  readonly durability: Durability
  readonly meter: HandleMeter
  readonly attributes: AttributeKeeper
  readonly batchConcurrency: number
}
