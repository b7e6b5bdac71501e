import { FsysError, invalidArgument, outOfRange } from '../errors.js'

// What a journal answers to calls that it cannot follow. `attempt` is what was tried: 'append to'.

/** Why it takes no more work: it is closed, or what poisoned it. */
export function refusalOf(path: string, attempt: string, failure: unknown): FsysError {
  const what = `cannot ${attempt} journal ${JSON.stringify(path)}`
  if (failure === undefined) return new FsysError('ERR_FSYS_CLOSED', `${what}: it is closed`, { path })
  const message = `${what}: it was given up when ${(failure as Error).message}`
  return new FsysError('ERR_FSYS_POISONED', message, { path, cause: failure })
}

/** In direct mode only: the records that are staged share a sector with the write that is under way. */
export function busy(path: string, attempt: string): FsysError {
  const what = `cannot ${attempt} journal ${JSON.stringify(path)} without waiting: a write of it is under way`
  return new FsysError('ERR_FSYS_BUSY', what, { path })
}

export function recordTooLarge(path: string, length: number, lengthMax: number): RangeError {
  return outOfRange(
    `cannot append to journal ${JSON.stringify(path)}: a record of ${length} bytes is over the limit of ${lengthMax}`,
    'ERR_FSYS_RECORD_TOO_LARGE',
  )
}

export function journalTooLarge(path: string): RangeError {
  return outOfRange(
    `cannot append to journal ${JSON.stringify(path)}: it would grow past 2^53 - 1 bytes`,
    'ERR_FSYS_LSN_LIMIT',
  )
}

/** What is wrong with an LSN that a journal which ends at `nextLsn` is to be synced through. */
export function wrongLsn(path: string, lsn: number, nextLsn: number): Error | undefined {
  if (!Number.isSafeInteger(lsn) || lsn < 0) {
    return invalidArgument(`an LSN is a whole number from 0 to 2^53 - 1, not ${String(lsn)}`)
  }
  if (lsn <= nextLsn) return undefined
  return outOfRange(
    `cannot sync journal ${JSON.stringify(path)} through LSN ${lsn}: it ends at ${nextLsn}`,
    'ERR_FSYS_LSN_UNKNOWN',
  )
}
