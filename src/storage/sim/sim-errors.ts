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

/** An error as Node's file system calls throw it. */
export function systemError(code: string, syscall: string, path?: string, to?: string): NodeJS.ErrnoException {
  const { errno, text } = describe(code)
  const target = to === undefined ? '' : ` -> '${to}'`
  const error: NodeJS.ErrnoException = new Error(
    `${code}: ${text}, ${syscall}${path === undefined ? '' : ` '${path}'${target}`}`,
  )
  error.errno = errno
  error.code = code
  error.syscall = syscall
  if (path !== undefined) error.path = path
  if (to !== undefined) Object.assign(error, { dest: to })
  return error
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
