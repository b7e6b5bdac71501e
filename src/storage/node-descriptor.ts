import * as fs from 'node:fs'

import { descriptorsHavePaths } from '../platform/descriptor-paths.js'
import type { NativeAddon } from '../platform/native-addon.js'

/** What a directory is open by. */
export interface Descriptor {
  readonly fd: number
  /** It leads to names, and can be neither read nor synced: the directory's permissions do not allow it. */
  readonly isPathOnly: boolean
  /** There if the addon has opened it. */
  readonly addon?: NativeAddon
}

// Windows does not have it, whatever the types say.
// oxlint-disable-next-line typescript/no-useless-default-assignment
const { O_RDONLY, O_DIRECTORY = 0 } = fs.constants

/** Linux's, the same on all processors that Node runs on; Node does not name it. */
export const O_PATH = 0o10000000

export const DIRECTORY_FLAGS: number = O_RDONLY | O_DIRECTORY

/** Undefined where directories cannot be opened. `flags` are more of those of open(2). */
export async function openDescriptor(path: string, flags: number): Promise<Descriptor | undefined> {
  const open = (more: number): Promise<number> =>
    new Promise((resolve, reject) => {
      fs.open(path, DIRECTORY_FLAGS | flags | more, (error, fd) => (error ? reject(error) : resolve(fd)))
    })
  try {
    return { fd: await open(0), isPathOnly: false }
  } catch (error) {
    if (canBePathOnly(error)) return { fd: await open(O_PATH), isPathOnly: true }
    return refusesOpening(error)
  }
}

export function openDescriptorSync(path: string, flags: number): Descriptor | undefined {
  const open = (more: number): number => fs.openSync(path, DIRECTORY_FLAGS | flags | more)
  try {
    return { fd: open(0), isPathOnly: false }
  } catch (error) {
    if (canBePathOnly(error)) return { fd: open(O_PATH), isPathOnly: true }
    return refusesOpening(error)
  }
}

function canBePathOnly(error: unknown): boolean {
  return codeOf(error) === 'EACCES' && descriptorsHavePaths()
}

/** Undefined where the platform cannot open directories; throws what is a real failure. */
function refusesOpening(error: unknown): undefined {
  if (isWindowsRefusal(error)) return undefined
  throw error
}

/** How Windows says that a directory is none of its files. */
export function isWindowsRefusal(error: unknown): boolean {
  return process.platform === 'win32' && WINDOWS_REFUSALS.has(codeOf(error))
}

const WINDOWS_REFUSALS: ReadonlySet<unknown> = new Set(['EPERM', 'EISDIR', 'EACCES'])

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code
}
