import { constants } from 'node:fs'
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
  if (failure === undefined) {
    const files = new OpenFiles(calls)
    const untold = calls.find((call) => call.isInjected && !mayBeBorne(fault, call) && !files.canDoWithout(call))
    must(untold === undefined, 'D5', () => `nobody heard of ${fault.name} at ${untold?.kind} ${untold?.path}`)
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

function mayBeBorne(fault: Fault, { kind, path, length, result }: Call): boolean {
  const { action, errno, times } = fault
  // A sector that goes past the page cache cannot be written in part, so it was written.
  if (kind === 'write' && result === length) return true
  // libuv asks again after EINTR; whoever gets a short count does.
  if (errno === 'EINTR' || action === 'cutShort' || (action === 'tear' && times === 2)) return true
  const name = basename(path)
  // A descriptor that will not close, and a name that stays, take nothing back. The mark may lag; the lock may stay.
  if (kind === 'close' || kind === 'unlink') return true
  return (
    (name === `${JOURNAL}.mark` && kind === 'write') || (name === `${JOURNAL}.lock` && ['open', 'read'].includes(kind))
  )
}

/** By the descriptions that the journal had open past the page cache: what it can do without in direct mode. */
class OpenFiles {
  /** Calls on the journal, as they began. */
  readonly #calls: readonly Call[]
  readonly #direct = new Set<number>()

  constructor(calls: readonly Call[]) {
    this.#calls = calls.filter(({ path }) => basename(path) === JOURNAL)
    for (const call of this.#calls) if (isDirectOpen(call)) this.#direct.add(call.description)
  }

  canDoWithout(call: Call): boolean {
    return basename(call.path) === JOURNAL && (this.#isTrial(call) || this.#isTrim(call))
  }

  /** Where direct mode cannot be had, a journal does without, and says so: it was open for one write at most. */
  #isTrial(call: Call): boolean {
    const at = this.#calls.indexOf(call)
    const open = this.#calls.slice(0, at + 1).findLast(isDirectOpen)
    if (open === undefined) return false
    if (open.result < 0) return open === call
    const ours = this.#calls.filter(({ description }) => description === open.description)
    const close = ours.find(({ kind }) => kind === 'close')
    const writes = ours.filter(({ kind, result }) => kind === 'write' && result >= 0)
    return close !== undefined && call.begun < close.begun && writes.length <= 1
  }

  /** What is cut off at the end of a life is padding, and may as well stay; so may it come back. */
  #isTrim(call: Call): boolean {
    const cut = call.kind === 'dataSync' ? this.#calls[this.#calls.indexOf(call) - 1] : call
    return cut?.kind === 'truncate' && this.#direct.has(cut.description)
  }
}

function isDirectOpen({ kind, modes }: Call): boolean {
  return kind === 'open' && (modes & constants.O_DIRECT) !== 0
}

/** Whether a call is about the lock. */
export function namesLock({ path }: Call): boolean {
  return basename(path).startsWith(`${JOURNAL}.lock`)
}
