import { storageFailure } from '../errors.js'
import { Durability } from './durability.js'
import { FileCalls } from './file-calls.js'
import type { DurabilityPrimitive, Method } from './method.js'
import { type HandleOptions, settleHandleOptions } from './options.js'
import { RootedScope } from './rooted-scope.js'
import { WholeScope } from './scope.js'
import { Sweeper } from './sweeper.js'

/**
 * Makes a handle for durable work with files. Blocks for a moment if it has a root, which it opens.
 *
 * Throws a FsysError of code ERR_FSYS_NOT_FOUND or ERR_FSYS_ACCESS if the root cannot be opened; a TypeError for bad options.
 */
export function createHandle(options?: HandleOptions): Handle {
  const { method, root, storage } = settleHandleOptions(options)
  const durability = new Durability(method)
  const sweeper = new Sweeper(storage)
  if (root === undefined) return new Handle({ storage, scope: new WholeScope(storage), sweeper, durability })
  try {
    const scope = new RootedScope(storage, root, storage.openDirectorySync(root))
    return new Handle({ storage, scope, sweeper, durability })
  } catch (error) {
    throw storageFailure(error, `cannot make a handle with the root ${JSON.stringify(root)}`, { path: root })
  }
}

/** Durable work with files. Made by `createHandle`. */
export class Handle extends FileCalls {
  /** How what is written is made durable, after all fallbacks. */
  get activeMethod(): Method {
    return this.context.durability.chosen.method
  }

  /** The call that does it. */
  get durabilityPrimitive(): DurabilityPrimitive {
    return this.context.durability.chosen.primitive
  }

  /** The root as it was given. */
  get root(): string | undefined {
    return this.context.scope.root
  }
}
