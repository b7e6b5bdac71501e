import { errnoOf } from '../errors.js'
import type { MethodChoice, MethodFacts } from '../platform/plan.js'
import { call, type Steps } from '../storage/steps.js'
import type { FileFacts, StorageDirectory, StorageFile } from '../storage/storage.js'
import type { DirectFile } from './content.js'
import type { HandleMeter } from './handle-meter.js'

/** Chooses for the file system that a path is on. */
export type ChooseMethod = (path: string, directIo: MethodFacts['directIo']) => MethodChoice

/** How a handle makes files durable: what runs where, after all fallbacks. */
export class Durability {
  readonly #choose: ChooseMethod
  readonly #meter: HandleMeter
  readonly #onFallback: (reason: string) => void
  readonly #byDevice = new Map<bigint, MethodChoice>()
  /** What direct writes must be aligned to, where the system has said so. */
  readonly #alignments = new Map<bigint, number | undefined>()
  #chosen: MethodChoice
  #directAlignment: number | undefined
  #syncsDirectories = true

  /**
   * `path` is where the handle works if nothing else is said. `onFallback` is called when something that was asked for turns
   * out not to be had.
   */
  constructor(choose: ChooseMethod, path: string, meter: HandleMeter, onFallback: (reason: string) => void) {
    this.#choose = choose
    this.#meter = meter
    this.#onFallback = onFallback
    this.#chosen = choose(path, { isAvailable: 'unknown' })
  }

  /** What was used last; before that, what is to be used. */
  get chosen(): MethodChoice {
    return this.#chosen
  }

  /** False where names cannot be made durable: on Windows, and on some network file systems. */
  get syncsDirectories(): boolean {
    return this.#syncsDirectories
  }

  /** What direct writes must be aligned to, as the system has said of the file that was last opened for them. */
  get directAlignment(): number | undefined {
    return this.#directAlignment
  }

  /** What is used for a file in a directory; the choice is made once a file system. */
  choiceFor(directory: StorageDirectory, { device }: FileFacts): MethodChoice {
    let choice = this.#byDevice.get(device)
    if (choice === undefined) {
      choice = this.#choose(directory.path, { isAvailable: 'unknown' })
      remember(this.#byDevice, device, choice)
    }
    this.#chosen = choice
    return choice
  }

  /** Opens a file past the page cache, if that is the method there and it can be done. */
  *openDirect(directory: StorageDirectory, name: string, facts: FileFacts): Steps<DirectFile | undefined> {
    if (this.choiceFor(directory, facts).method !== 'direct') return undefined
    try {
      const file = yield* call(directory, 'open', name, 'direct')
      return { file, alignmentBytes: this.#alignmentOf(file, facts) ?? DIRECT_ALIGNMENT_BYTES }
    } catch (error) {
      const errno = errnoOf(error)
      // The draft of a file that its owner may not write to.
      if (errno === 'EACCES') return undefined
      if (errno !== 'EINVAL' && errno !== 'ENOTSUP') throw error
      this.fallBack(directory, facts, (error as Error).message)
      return undefined
    }
  }

  /** Asked once a file system: one of a server would be asked each time. */
  #alignmentOf(file: StorageFile, { device }: FileFacts): number | undefined {
    if (!this.#alignments.has(device)) remember(this.#alignments, device, file.directAlignment?.())
    this.#directAlignment = this.#alignments.get(device)
    return this.#directAlignment
  }

  /** From now on, the page cache serves there. */
  fallBack(directory: StorageDirectory, { device }: FileFacts, reason: string): void {
    const choice = this.#choose(directory.path, { isAvailable: false, reason })
    this.#byDevice.set(device, choice)
    this.#chosen = choice
    this.#onFallback(`direct I/O is not to be had in ${directory.path}, ${choice.primitive} serves: ${reason}`)
  }

  /** Makes the names in a directory durable, where that can be done. */
  *syncNames(directory: StorageDirectory): Steps<void> {
    if (yield* this.#meter.sync('directory', directory.path, call(directory, 'sync'))) return
    if (this.#syncsDirectories)
      this.#onFallback('directories cannot be synced here: a power cut may undo the last renames')
    this.#syncsDirectories = false
  }

  /**
   * Makes what was written durable. Attributes (permission bits, owner, times) are covered by a full sync only: who has set
   * any must say so.
   */
  *sync(file: StorageFile, directory: StorageDirectory, facts: FileFacts, hasNewAttributes = false): Steps<void> {
    const { method } = this.choiceFor(directory, facts)
    const kind = method === 'sync' || hasNewAttributes ? 'sync' : 'dataSync'
    yield* this.#meter.sync('file', directory.path, call(file, kind))
  }
}

/** Of writes past the page cache, where nobody tells: the sectors of every device divide it. */
export const DIRECT_ALIGNMENT_BYTES = 4096

/** What a handle remembers is bounded. */
const DEVICES_MAX = 1000

function remember<Value>(values: Map<bigint, Value>, device: bigint, value: Value): void {
  if (values.size >= DEVICES_MAX) values.clear()
  values.set(device, value)
}
