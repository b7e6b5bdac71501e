import { call, type Steps } from '../storage/steps.js'
import type { StorageFile } from '../storage/storage.js'
import { type ChosenMethod, type Method, chooseMethod } from './method.js'

/** How a handle makes files durable: what runs, after all fallbacks. */
export class Durability {
  #chosen: ChosenMethod

  constructor(wanted: Method | 'auto', platform: NodeJS.Platform = process.platform) {
    this.#chosen = chooseMethod({ platform, hasDirect: platform === 'linux' }, wanted)
  }

  get chosen(): ChosenMethod {
    return this.#chosen
  }

  /**
   * Makes what was written durable. Attributes (permission bits, owner, times) are covered by a full sync only: who has set
   * any must say so.
   */
  *sync(file: StorageFile, hasNewAttributes: boolean): Steps<void> {
    yield* call(file, this.#chosen.method === 'sync' || hasNewAttributes ? 'sync' : 'dataSync')
  }
}
