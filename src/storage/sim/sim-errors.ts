import { getSystemErrorMap } from 'node:util'

/** The power was cut: what was opened before is gone for good. */
export class PowerLossError extends Error {
  override readonly name: string = 'PowerLossError'
  readonly code: string = 'SIM_POWER_LOSS'
}

/** The process that called was killed, and does not exist any more. */
export class ProcessDeathError extends Error {
  override readonly name: string = 'ProcessDeathError'
  readonly code: string = 'SIM_PROCESS_DEATH'
}

/** What a disk or a system does to a program, and a program cannot bring about by mistake. */
const WORLD_CODES: ReadonlySet<unknown> = new Set(['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE', 'EFBIG', 'EINTR'])

const simulated = new WeakSet<Error>()

export function markSimulated(error: Error): Error {
  simulated.add(error)
  return error
}

/**
 * Whether an error is the doing of a simulated disk: a crash, a failure from a fault hook, or one of those that only the
 * world brings about (ENOSPC, EIO, EDQUOT, EROFS, EMFILE, EFBIG, EINTR). Looks through `cause`, and into an AggregateError.
 */
export function isSimulated(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof PowerLossError || error instanceof ProcessDeathError || simulated.has(error)) return true
  if (error instanceof AggregateError && error.errors.some((inner) => isSimulated(inner))) return true
  return isSimulated(error.cause)
}

/** An error as Node's file system calls throw it. */
export function systemError(code: string, syscall: string, path?: string, to?: string): NodeJS.ErrnoException {
  const { errno, text } = describe(code)
  const target = to === undefined ? '' : ` -> '${to}'`
  const message = `${code}: ${text}, ${syscall}${path === undefined ? '' : ` '${path}'${target}`}`
  const error: NodeJS.ErrnoException = withoutStack(() => new Error(message))
  error.errno = errno
  error.code = code
  error.syscall = syscall
  if (path !== undefined) error.path = path
  if (to !== undefined) Object.assign(error, { dest: to })
  if (WORLD_CODES.has(code)) markSimulated(error)
  return error
}

/**
 * Makes an error ten times as fast. Opening a journal meets five errors that are none, and simulations open thousands;
 * disks with a trace give errors a stack afterwards.
 */
export function withoutStack<Failure extends Error>(make: () => Failure): Failure {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

interface Description {
  readonly errno: number
  readonly text: string
}

let descriptions: Map<string, Description> | undefined

function describe(code: string): Description {
  descriptions ??= new Map(Array.from(getSystemErrorMap(), ([errno, [name, text]]) => [name, { errno, text }]))
  // Node has no name for the quota error and shows its number instead; 122 is that of Linux.
  return descriptions.get(code) ?? { errno: code === 'EDQUOT' ? -122 : -1, text: 'unknown error' }
}
