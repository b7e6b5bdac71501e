import { basename } from 'node:path'
import { inspect } from 'node:util'

import { type ErrorCode, FsysError } from 'fsys'

import { errnoOf } from '#src/errors.js'

import { must } from '../../sim/model.js'
import { JOURNAL } from './check-state.js'
import type { Fault } from './faults.js'
import type { Call } from './log.js'

/**
 * Whether a life under a fault ended as it should: what the journal cannot do without is told, with its code; what it can do
 * without, or what can be made good, need not be.
 */
export function judge(fault: Fault, calls: readonly Call[], failure: unknown): void {
  must(!calls.some((call) => call.hasMemoryChanged), 'D4b', () => 'the memory of an unfinished write changed')
  const first = calls.find((call) => call.isInjected) as Call
  if (failure === undefined) {
    must(mayBeBorne(fault, first), 'D5', () => `nobody heard of ${fault.name} at ${first.kind} ${first.path}`)
    return
  }
  const { errno } = fault
  // A failure of the workload's own calls.
  if (!(failure instanceof FsysError)) {
    must(errnoOf(failure) === errno, 'D5', () => `it is not the fault that failed it: ${inspect(failure)}`)
    return
  }
  // The lock of the life before could not be released.
  if (failure.code === 'ERR_FSYS_LOCKED' && calls.some((call) => call.isInjected && namesLock(call))) return
  must(errno !== undefined, 'D5', () => `nothing failed, but it is said that ${failure.message}`)
  const codes: readonly ErrorCode[] = [
    'ERR_FSYS_TAIL_NOT_SAVED',
    errno === 'EIO' || errno === 'EINTR' ? 'ERR_FSYS_IO' : 'ERR_FSYS_NO_SPACE',
  ]
  must(
    failure.errno === errno && codes.includes(failure.code),
    'D5',
    () => `${errno} was reported as ${failure.code}, ${failure.errno}: ${failure.message}`,
  )
}

function mayBeBorne(fault: Fault, { kind, path }: Call): boolean {
  const { action, errno, times } = fault
  // libuv asks again after EINTR; whoever gets a short count does.
  if (errno === 'EINTR' || action === 'cutShort' || (action === 'tear' && times === 2)) return true
  const name = basename(path)
  // A descriptor that will not close, and a name that stays, take nothing back. The mark may lag; the lock may stay.
  if (kind === 'close' || kind === 'unlink') return true
  return (
    (name === `${JOURNAL}.mark` && kind === 'write') || (name === `${JOURNAL}.lock` && ['open', 'read'].includes(kind))
  )
}

/** Whether a call is about the lock. */
export function namesLock({ path }: Call): boolean {
  return basename(path).startsWith(`${JOURNAL}.lock`)
}
