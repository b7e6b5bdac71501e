export { nodeStorage } from './storage/node-storage.js'
export type {
  AttributeKind,
  Clock,
  DirectoryEntry,
  FileFacts,
  Listing,
  OpenMode,
  Owner,
  Owners,
  Storage,
  StorageDirectory,
  StorageFile,
} from './storage/storage.js'
export type { SimStorage } from './storage/sim-storage.js'
export type { Choices } from './storage/sim/choices.js'
export type { DiskRules, Survival } from './storage/sim/disk-rules.js'
export {
  type Crash,
  type Fault,
  type FaultHook,
  type Moment,
  anyFault,
  faultAt,
  faultByChance,
  faultFromNth,
  faultOnNth,
  shortTransfers,
  writeBudget,
} from './storage/sim/faults.js'
export type { OperationFacts, OperationKind } from './storage/sim/operation.js'
export { SimDisk, type SimDiskOptions } from './storage/sim/sim-disk.js'
export { PowerLossError, ProcessDeathError, isSimulated } from './storage/sim/sim-errors.js'
export type { Explored, Program, WorldDiskOptions } from './testing/attempt.js'
export { type ExploreOptions, explore } from './testing/explore.js'
export { type ExploreEveryCrashOptions, exploreEveryCrash } from './testing/explore-every-crash.js'
export type { FaultName } from './testing/plan.js'
export { ScheduleError } from './testing/schedule-error.js'
export type { Ending, ProcessBody, World } from './testing/world.js'
