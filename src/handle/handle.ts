import { checkOptions } from '../checks.js'
import { storageFailure } from '../errors.js'
import type { Journal } from '../journal/journal.js'
import { openJournalAt, openJournalAtSync } from '../journal/open-journal.js'
import { type JournalOptions, settleJournalOptions } from '../journal/options.js'
import { directAlignmentAt } from '../platform/direct-alignment.js'
import { fileSystemAt } from '../platform/file-system-at.js'
import { chooseMethod, type DurabilityMethod, type DurabilityPrimitive, type MethodFacts } from '../platform/plan.js'
import type { Storage, StorageEngine } from '../storage/storage.js'
import { AttributeKeeper } from './attributes.js'
import { BatchCalls } from './batch-calls.js'
import type { HandleContext } from './context.js'
import { type ChooseMethod, DIRECT_ALIGNMENT_BYTES, Durability } from './durability.js'
import { HandleMeter } from './handle-meter.js'
import { type HandleOptions, settleHandleOptions } from './options.js'
import { placeJournal } from './place-journal.js'
import { RootedScope } from './rooted-scope.js'
import { type Scope, WholeScope } from './scope.js'
import { Sweeper } from './sweeper.js'

/**
 * Makes a handle for durable work with files. Blocks for a moment if it has a root, which it opens.
 *
 * Throws a FsysError of code ERR_FSYS_NOT_FOUND, ERR_FSYS_NOT_A_DIRECTORY or ERR_FSYS_ACCESS if the root cannot be opened; a
 * TypeError for bad options.
 */
export function createHandle(options?: HandleOptions): Handle {
  const { method, root, storage, mode, batchConcurrency, slowSyncMs } = settleHandleOptions(options)
  const fileSystem = storage.engine === 'simulated' ? () => SIMULATED : fileSystemAt
  const choose: ChooseMethod = (path, directIo) =>
    chooseMethod({ platform: process.platform, fileSystem: fileSystem(path), directIo }, method)
  const onFallback = mode === 'dev' ? warn : () => undefined
  const meter = new HandleMeter(storage.clock, slowSyncMs)
  const durability = new Durability(choose, root ?? '.', meter, onFallback)
  const attributes = new AttributeKeeper(storage, onFallback)
  const scope = root === undefined ? new WholeScope(storage) : openRoot(storage, root)
  const context = { storage, scope, sweeper: new Sweeper(storage), durability, meter, attributes, batchConcurrency }
  return new Handle(context, mode, options?.storage)
}

/** It is synced as the real ones of this machine are. */
const SIMULATED: MethodFacts['fileSystem'] = { type: 'simulated', class: 'disk' }

function openRoot(storage: Storage, root: string): Scope {
  try {
    return new RootedScope(root, storage.openDirectorySync(root))
  } catch (error) {
    throw storageFailure(error, `cannot make a handle with the root ${JSON.stringify(root)}`, { path: root })
  }
}

function warn(reason: string): void {
  process.emitWarning(reason, { type: 'FsysWarning', code: 'FSYS_FALLBACK' })
}

/** Durable work with files. Made by `createHandle`. */
export class Handle extends BatchCalls {
  /** Whose diagnostics it gives: in 'dev', a warning of the process for each thing that it has to do without. */
  readonly mode: 'dev' | 'prod'
  readonly #givenStorage: Storage | undefined
  #placeAlignment: number | undefined

  constructor(context: HandleContext, mode: 'dev' | 'prod', givenStorage: Storage | undefined) {
    super(context)
    this.mode = mode
    this.#givenStorage = givenStorage
  }

  /** The root as it was given. */
  get root(): string | undefined {
    return this.context.scope.root
  }

  /**
   * How what is written is made durable, after all fallbacks. The choice is made for each file system: this is the one that
   * was used last, and before that, the one for the root, or else the working directory.
   */
  get activeMethod(): DurabilityMethod {
    return this.context.durability.chosen.method
  }

  /** The call that does it. */
  get durabilityPrimitive(): DurabilityPrimitive {
    return this.context.durability.chosen.primitive
  }

  /** Why this method, and not another one. */
  get methodReason(): string {
    return this.context.durability.chosen.reason
  }

  /**
   * What positions and lengths of writes past the page cache must be multiples of, in bytes: as the system says of the file
   * that this handle has last written in that way (with the addon, since Linux 6.1); before that, what is known of the drive
   * and the file system of the root, or else of the working directory. 4096 where nobody tells, which the sectors of every
   * device divide. The handle itself writes whole pages past the cache, or more if this is more.
   */
  get sectorSize(): number {
    const { durability } = this.context
    return durability.directAlignment ?? (this.#placeAlignment ??= this.#lookUpAlignment())
  }

  /** When it is asked for: making a handle does not wait for it. */
  #lookUpAlignment(): number {
    const known = this.engine === 'simulated' ? undefined : directAlignmentAt(this.root ?? '.')
    return known ?? DIRECT_ALIGNMENT_BYTES
  }

  /** What does the work. */
  get engine(): StorageEngine {
    return this.context.storage.engine
  }

  /** Why it is not a better one, if there is one. */
  get engineReason(): string | undefined {
    return this.context.storage.engineReason
  }

  /** False where names cannot be made durable: on Windows, and on some network file systems. Found out by the first write. */
  get syncsDirectories(): boolean {
    return this.context.durability.syncsDirectories
  }

  /**
   * Whether files that are replaced keep their access control lists, and by `writeCopy` all their extended attributes: that
   * takes the native addon (`engineReason` says why it is not there), and no sandbox that forbids to ask, which the first
   * replacement finds out. Where it is false they are lost, and nobody knows
   * whether there were any. Then the bits that a list leaves to the group as its mask become the group's own.
   */
  get keepsAttributes(): boolean {
    return this.context.attributes.keeps
  }

  /**
   * Opens a journal within the root, as `openJournal` does. With the method 'direct', it is opened past the page cache unless
   * the options say otherwise. It outlives the handle.
   *
   * In a root, the directory that the path leads to is opened once, and stays open as long as the journal: its file, its lock,
   * its mark and what it saves are found, made and renamed in there, wherever the directory is moved to and whatever its path
   * leads to by then. What of that is a symbolic link is refused with ERR_FSYS_OUTSIDE_ROOT; one at the end of the given path is
   * followed, within the root. `journal.info.path` is where it was when it was opened: a reader that is opened by that path is
   * not in the root's keeping.
   *
   * Where directories cannot be pinned (see docs/files.md), each file is opened by its path and then verified: what is not
   * beneath the root is closed again, untouched, and the journal is refused with ERR_FSYS_OUTSIDE_ROOT.
   */
  async journal(path: string | URL, options?: JournalOptions): Promise<Journal> {
    const settled = settleJournalOptions(this.#journalOptions('journal', options))
    const place = await this.wait('open the journal', path, placeJournal(this.context.scope, path, settled.storage))
    return await openJournalAt(place, settled)
  }

  journalSync(path: string | URL, options?: Omit<JournalOptions, 'signal'>): Journal {
    const settled = settleJournalOptions(this.#journalOptions('journalSync', options), 'openJournalSync')
    const place = this.block('open the journal', path, placeJournal(this.context.scope, path, settled.storage))
    return openJournalAtSync(place, settled)
  }

  #journalOptions(caller: string, options: JournalOptions = {}): JournalOptions {
    checkOptions(caller, options)
    const storage = this.#givenStorage
    return { direct: this.activeMethod === 'direct', ...(storage && { storage }), ...options }
  }
}
