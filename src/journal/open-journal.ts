import { AsyncResource } from 'node:async_hooks'

import { run, runSync, type Steps } from '../storage/steps.js'
import type { Storage } from '../storage/storage.js'
import { traceBlocking, traceWaiting } from '../tracing.js'
import { openChannel, recoveryChannel } from './journal-channels.js'
import { Journal } from './journal.js'
import { LogMemory } from './log-memory.js'
import { open, type OpenedJournal } from './open.js'
import { type JournalOptions, type Settled, settleJournalOptions, settlePath } from './options.js'

/**
 * Opens a journal for writing, or makes one: takes its lock, finds its clean end, saves and cuts off what a crash left
 * behind it, and syncs it all, the directory too. What is below `durableLsn` then survives power loss.
 *
 * Rejects with a FsysError of code ERR_FSYS_LOCKED (somebody writes to it), ERR_FSYS_DAMAGED, ERR_FSYS_AMBIGUOUS_GAP,
 * ERR_FSYS_NOT_A_JOURNAL, ERR_FSYS_TAIL_NOT_SAVED, ERR_FSYS_NOT_FOUND, ERR_FSYS_NOT_A_FILE, ERR_FSYS_ACCESS,
 * ERR_FSYS_READ_ONLY, each with the file untouched; ERR_FSYS_NO_SPACE or ERR_FSYS_IO, by when what a crash left may have been
 * saved and cut off, but no valid record; ERR_FSYS_CHANGED when its records were whole only in the page cache; with a TypeError or RangeError for bad options; with the signal's reason.
 */
export async function openJournal(path: string | URL, options?: JournalOptions): Promise<Journal> {
  const settled = settleJournalOptions(options)
  return await openJournalAt(anywhere(path, settled), settled)
}

/** As `openJournal`, without letting anything else run in this thread. */
export function openJournalSync(path: string | URL, options?: Omit<JournalOptions, 'signal'>): Journal {
  const settled = settleJournalOptions(options, 'openJournalSync')
  return openJournalAtSync(anywhere(path, settled), settled)
}

/** Where a journal is. */
export interface JournalPlace {
  readonly path: string
  /** What leads there, and to all that is beside it. */
  readonly storage: Storage
  /**
   * Called when the journal needs nothing of the storage any more, or could not be opened. A second call does nothing; none
   * throws.
   */
  readonly letGo: () => void
}

function anywhere(path: string | URL, { storage }: Settled<JournalOptions>): JournalPlace {
  return { path: settlePath(path), storage, letGo: () => undefined }
}

/** As `openJournal`, at a place that somebody else has found, of whose storage it makes use instead of that of the options. */
export async function openJournalAt(place: JournalPlace, options: Settled<JournalOptions>): Promise<Journal> {
  const settled = settledAt(place, options)
  const context = openingContext()
  return await traceWaiting(openChannel, messageOf(place), settled.storage.clock, () =>
    run(opening(place, settled, context)),
  )
}

export function openJournalAtSync(place: JournalPlace, options: Settled<JournalOptions>): Journal {
  const settled = settledAt(place, options)
  const context = openingContext()
  return traceBlocking(openChannel, messageOf(place), settled.storage.clock, () =>
    runSync(opening(place, settled, context)),
  )
}

function* opening(place: JournalPlace, settled: Settled<JournalOptions>, context: AsyncResource): Steps<Journal> {
  let memory: LogMemory | undefined
  try {
    memory = new LogMemory(settled)
    const opened = yield* open(place.path, FIRST_LSN, settled)
    const journal = new Journal(opened, settled, memory, context, place.letGo)
    tellRecovery(opened)
    return journal
  } catch (error) {
    memory?.release()
    place.letGo()
    throw error
  }
}

/** Made before anybody is told: what a subscriber binds to the opening does not go on in what the journal does later. */
function openingContext(): AsyncResource {
  return new AsyncResource('FSYSJOURNAL')
}

function settledAt({ storage }: JournalPlace, options: Settled<JournalOptions>): Settled<JournalOptions> {
  return storage === options.storage ? options : { ...options, storage }
}

function messageOf({ path }: JournalPlace): { path: string; durationMs: undefined } {
  return { path, durationMs: undefined }
}

function tellRecovery({ path, recovery }: OpenedJournal): void {
  if (!recoveryChannel.hasSubscribers) return
  recoveryChannel.publish({ path, bytesRead: recovery.cleanEnd + recovery.bytesCut, ...recovery })
}

/** A journal's first frame begins at the first byte of its file. */
const FIRST_LSN = 0
