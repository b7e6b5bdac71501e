import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs'

let areShown: boolean | undefined

/** Whether `/proc/self/fd` leads on from what is open. */
export function descriptorsHavePaths(): boolean {
  return (areShown ??= process.platform === 'linux' && shows())
}

function shows(): boolean {
  try {
    const fd = openSync('/', constants.O_RDONLY | constants.O_DIRECTORY)
    try {
      return statSync(`/proc/self/fd/${fd}/.`).ino === fstatSync(fd).ino
    } finally {
      closeSync(fd)
    }
  } catch {
    return false
  }
}
