import { commitMutants } from './commit-mutants.js'
import { handleMutants } from './handle-mutants.js'
import { lockMutants } from './lock-mutants.js'
import type { Mutant } from './mutant.js'
import { nativeMutants } from './native-mutants.js'
import { openingMutants } from './opening-mutants.js'
import { platformMutants } from './platform-mutants.js'
import { readingMutants } from './reading-mutants.js'
import { scopeMutants } from './scope-mutants.js'

/** Every deliberate fault. */
export const mutants: readonly Mutant[] = [
  ...commitMutants,
  ...openingMutants,
  ...lockMutants,
  ...readingMutants,
  ...handleMutants,
  ...scopeMutants,
  ...platformMutants,
  ...nativeMutants,
]
