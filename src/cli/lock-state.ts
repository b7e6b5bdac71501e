import { FsysError, storageFailure } from '../errors.js'
import { type LockReading, describeHolder, readLock } from '../journal/lock.js'
import { lockPath } from '../journal/names.js'
import { nodeStorage } from '../storage/node-storage.js'
import { run } from '../storage/steps.js'
import type { Owner } from '../storage/storage.js'
import { quote } from './text.js'

/**
 * Who holds a journal's lock: nobody; somebody who is there; somebody of whom this process cannot tell (on another host, or in another
 * container); somebody who is gone for good; or the file does not say.
 */
export interface LockState {
  readonly state: 'free' | 'alive' | 'unknown' | 'gone' | 'unreadable'
  readonly path: string
  readonly reading: LockReading
}

/** Looks at the lock of the journal at a real path, and leaves it alone. */
export async function inspectLock(journal: string): Promise<LockState> {
  const path = lockPath(journal)
  try {
    const reading = await run(readLock(nodeStorage, path))
    return { path, reading, state: judge(reading) }
  } catch (error) {
    throw storageFailure(error, `cannot read lock ${quote(path)}`, { path })
  }
}

function judge({ isThere, holder }: LockReading): LockState['state'] {
  if (!isThere) return 'free'
  if (holder === undefined) return 'unreadable'
  const { owners } = nodeStorage
  if (owners.isGone(holder.owner)) return 'gone'
  const me = owners.self()
  const isVisible =
    holder.owner.host === me.host && holder.owner.boot === me.boot && holder.owner.pidNamespace === me.pidNamespace
  return isVisible ? 'alive' : 'unknown'
}

/** True if somebody may be writing to the journal. */
export function mayBeHeld({ state }: LockState): boolean {
  return state !== 'free' && state !== 'gone'
}

export function describeLock({ state, reading }: LockState): string {
  const holder = describeHolder(reading.holder)
  switch (state) {
    case 'free':
      return 'free'
    case 'alive':
      return `held by ${holder}`
    case 'unknown':
      return `held by ${holder}, of which this process cannot tell whether it is alive`
    case 'gone':
      return `left behind by ${holder}, which is gone`
    case 'unreadable':
      return 'held by somebody whom its file does not name'
  }
}

/** For --json. */
export function lockFacts({ state, reading }: LockState): { state: LockState['state']; holder?: Partial<Owner> } {
  if (reading.holder === undefined) return { state }
  const { host, pid, thread } = reading.holder.owner
  return { state, holder: { host, pid, thread } }
}

export function lockedError(journal: string, { path, reading }: LockState): FsysError {
  return new FsysError('ERR_FSYS_LOCKED', `${describeHolder(reading.holder)} holds the lock of ${quote(journal)}`, {
    path,
    holder: reading.holder?.owner,
  })
}
