import * as fs from 'node:fs/promises'
import { dirname } from 'node:path'

import { deviceName } from './system-files.js'

/** As much of a path as exists. */
export interface ExistingPlace {
  /** Without symbolic links. A directory; or a file, where one is on a device of its own. */
  readonly path: string
  readonly isDirectory: boolean
  readonly device: string
}

/**
 * The directory that a path leads to, or that the file is in that it leads to; of a path that does not exist, the nearest
 * one above that can be reached. Undefined if there is none.
 */
export async function findPlace(path: string): Promise<ExistingPlace | undefined> {
  for (let candidate = path; ; candidate = dirname(candidate)) {
    // One level up after the other is the point.
    // oxlint-disable-next-line no-await-in-loop
    const place = await look(candidate).catch(() => undefined)
    if (place !== undefined) return place
    if (dirname(candidate) === candidate) return undefined
  }
}

async function look(path: string): Promise<ExistingPlace> {
  const real = await fs.realpath(path)
  const stats = await fs.stat(real, { bigint: true })
  const own = { path: real, isDirectory: stats.isDirectory(), device: deviceName(stats.dev) }
  if (own.isDirectory) return own
  const directory = dirname(real)
  const { dev } = await fs.stat(directory, { bigint: true })
  return dev === stats.dev ? { path: directory, isDirectory: true, device: own.device } : own
}
