import { AsyncResource } from 'node:async_hooks'

import { run, runSync } from '../storage/steps.js'
import { traceBlocking, traceWaiting } from '../tracing.js'
import { openChannel } from './journal-channels.js'
import { Journal } from './journal.js'
import { LogMemory } from './log-memory.js'
import { open } from './open.js'
import { type JournalOptions, settleJournalOptions, settlePath } from './options.js'

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
  const name = settlePath(path)
  // Before anybody is told: what a subscriber binds to the opening does not go on in what the journal does later.
  const context = new AsyncResource('FSYSJOURNAL')
  return traceWaiting(openChannel, { path: name, durationMs: undefined }, settled.storage.clock, async () => {
    const memory = new LogMemory(settled)
    try {
      return new Journal(await run(open(name, FIRST_LSN, settled)), settled, memory, context)
    } catch (error) {
      memory.release()
      throw error
    }
  })
}

/** As `openJournal`, without letting anything else run in this thread. */
export function openJournalSync(path: string | URL, options?: Omit<JournalOptions, 'signal'>): Journal {
  const settled = settleJournalOptions(options, 'openJournalSync')
  const name = settlePath(path)
  const context = new AsyncResource('FSYSJOURNAL')
  return traceBlocking(openChannel, { path: name, durationMs: undefined }, settled.storage.clock, () => {
    const memory = new LogMemory(settled)
    try {
      return new Journal(runSync(open(name, FIRST_LSN, settled)), settled, memory, context)
    } catch (error) {
      memory.release()
      throw error
    }
  })
}

/** A journal's first frame begins at the first byte of its file. */
const FIRST_LSN = 0
