import { constants } from 'node:os'

import { type Kind, KINDS } from './log.js'

/** What a fault does to the calls that it meets. The order is that of `enum action` in recorder.c, which says more. */
const ACTIONS = ['none', 'kill', 'killAmid', 'fail', 'failAfter', 'cutShort', 'tear'] as const

/** One way in which calls fail. */
export interface Fault {
  readonly name: string
  readonly kinds: readonly Kind[]
  readonly action: (typeof ACTIONS)[number]
  readonly errno?: 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EINTR'
  /** Of a call that is done in part, how many bytes; without it, half. */
  readonly amount?: number
  /** How many calls it meets, one after the other. */
  readonly times: number
}

const ONCE = 1
const FOR_EVER = 2 ** 31

const CHANGES: readonly Kind[] = ['create', 'write', 'dataSync', 'sync', 'truncate', 'rename', 'link', 'unlink']
const ALL: readonly Kind[] = [...CHANGES, 'open', 'read', 'close']
const TAKES_SPACE: readonly Kind[] = CHANGES.filter((kind) => kind !== 'unlink')
const MOVES_BYTES: readonly Kind[] = ['read', 'write']

/** After each of these, the same process must go on once the cause is gone. */
export const FAULTS: readonly Fault[] = [
  { name: 'EIO', kinds: ALL, action: 'fail', errno: 'EIO', times: ONCE },
  { name: 'EIO from then on', kinds: ALL, action: 'fail', errno: 'EIO', times: FOR_EVER },
  { name: 'EIO of what was done', kinds: CHANGES, action: 'failAfter', errno: 'EIO', times: ONCE },
  { name: 'ENOSPC', kinds: TAKES_SPACE, action: 'fail', errno: 'ENOSPC', times: ONCE },
  { name: 'ENOSPC from then on', kinds: TAKES_SPACE, action: 'fail', errno: 'ENOSPC', times: FOR_EVER },
  { name: 'EDQUOT', kinds: TAKES_SPACE, action: 'fail', errno: 'EDQUOT', times: ONCE },
  { name: 'EDQUOT from then on', kinds: TAKES_SPACE, action: 'fail', errno: 'EDQUOT', times: FOR_EVER },
  { name: 'EINTR', kinds: ALL, action: 'fail', errno: 'EINTR', times: ONCE },
  { name: 'EINTR three times', kinds: ALL, action: 'fail', errno: 'EINTR', times: 3 },
  { name: 'one byte only', kinds: MOVES_BYTES, action: 'cutShort', amount: 1, times: ONCE },
  { name: 'half of it only', kinds: MOVES_BYTES, action: 'cutShort', times: ONCE },
  { name: 'half of it only, twenty times', kinds: MOVES_BYTES, action: 'cutShort', times: 20 },
  { name: 'half of it, then ENOSPC once', kinds: ['write'], action: 'tear', errno: 'ENOSPC', times: 2 },
  { name: 'half of it, then ENOSPC', kinds: ['write'], action: 'tear', errno: 'ENOSPC', times: FOR_EVER },
  { name: 'half of it, then EDQUOT', kinds: ['write'], action: 'tear', errno: 'EDQUOT', times: FOR_EVER },
  { name: 'one byte, then EIO', kinds: ['write'], action: 'tear', errno: 'EIO', amount: 1, times: FOR_EVER },
]

/** After these, another process must go on. */
export const DEATHS: readonly Fault[] = [
  { name: 'SIGKILL', kinds: ALL, action: 'kill', times: ONCE },
  { name: 'SIGKILL amid a write', kinds: ['write'], action: 'killAmid', times: ONCE },
]

/** The order to the recorder: from the `first` call of its kinds on, counted from 1. */
export function faultText({ kinds, action, errno, amount = 0, times }: Fault, first: number): string {
  const bits = kinds.reduce((sum, kind) => sum + 2 ** KINDS.indexOf(kind), 0)
  const number = errno === undefined ? 0 : constants.errno[errno]
  return `fault ${bits} ${ACTIONS.indexOf(action)} ${number} ${amount} ${first} ${times}`
}

export const NO_FAULT = 'fault 0 0 0 0 0 0'
