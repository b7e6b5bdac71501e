import { readdir, readFile, realpath, stat } from 'node:fs/promises'

/** How what the system tells about itself in files is read; tests have recorded files in its place. Nothing here fails. */
export interface SystemFiles {
  /** What is in a file, without the white space around it; undefined if it is not to be had. */
  text(path: string): Promise<string | undefined>
  /** The names in a directory, unsorted; none if it is not to be had. */
  names(path: string): Promise<readonly string[]>
  /** The path without symbolic links; undefined if nothing is there. */
  real(path: string): Promise<string | undefined>
  /** On which device the file at this path is, as '254:1'; undefined if nothing is there. */
  device(path: string): Promise<string | undefined>
}

export const systemFiles: SystemFiles = {
  text: async (path) => (await orUndefined(readFile(path, 'utf8')))?.trim(),
  names: async (path) => (await orUndefined(readdir(path))) ?? [],
  real: (path) => orUndefined(realpath(path)),
  async device(path) {
    const stats = await orUndefined(stat(path, { bigint: true }))
    return stats === undefined ? undefined : deviceName(stats.dev)
  },
}

/** As Linux writes the number of a device in sysfs and in mountinfo; see makedev(3) for which bits are whose. */
export function deviceName(device: bigint): string {
  const major = ((device >> 32n) & 0xffff_f000n) | ((device >> 8n) & 0xfffn)
  const minor = ((device >> 12n) & 0xffff_ff00n) | (device & 0xffn)
  return `${major}:${minor}`
}

async function orUndefined<Value>(promise: Promise<Value>): Promise<Value | undefined> {
  try {
    return await promise
  } catch {
    return undefined
  }
}
