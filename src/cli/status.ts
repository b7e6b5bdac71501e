import type { ErrorCode } from '../errors.js'
import { OutputError } from './output.js'
import { UsageError } from './usage.js'

/** Exit statuses. Each command's help says which of them it uses. */
export const STATUS = {
  done: 0,
  /** It was tried and it failed. */
  failed: 1,
  /** Only `verify`: what a crash left stands behind the last record. */
  torn: 1,
  /** Records may be lost: damage, or an end below what was confirmed. */
  damaged: 2,
  /** Not a journal, or it cannot be read. */
  unreadable: 3,
  /** Wrong usage: EX_USAGE of sysexits(3). */
  usage: 64,
} as const

const STATUS_OF_CODE: Partial<Record<ErrorCode, number>> = {
  ERR_FSYS_DAMAGED: STATUS.damaged,
  ERR_FSYS_AMBIGUOUS_GAP: STATUS.damaged,
  ERR_FSYS_CHANGED: STATUS.damaged,
  ERR_FSYS_NO_RECORD: STATUS.failed,
  ERR_FSYS_NOT_A_JOURNAL: STATUS.unreadable,
  ERR_FSYS_NOT_FOUND: STATUS.unreadable,
  ERR_FSYS_NOT_A_FILE: STATUS.unreadable,
}

/** The status for an error; `otherwise` for one that does not say whose fault it is. */
export function statusOf(error: unknown, otherwise: number): number {
  if (error instanceof UsageError) return STATUS.usage
  if (error instanceof OutputError) return STATUS.failed
  const code = codeOf(error)
  return (code === undefined ? undefined : STATUS_OF_CODE[code]) ?? otherwise
}

/** The stable code of an error, if it is one of the project's. */
export function codeOf(error: unknown): ErrorCode | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && code.startsWith('ERR_FSYS_') ? (code as ErrorCode) : undefined
}
