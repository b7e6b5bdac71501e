import { constants } from 'node:fs'

import type { OpenMode } from './storage.js'

const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_DIRECT, O_DSYNC } = constants

const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  write: O_RDWR,
  create: O_RDWR | O_CREAT | O_EXCL,
  replace: O_RDWR | O_CREAT | O_TRUNC,
  append: O_RDWR | O_APPEND,
  direct: O_RDWR | O_DIRECT,
  'direct-through': O_RDWR | O_DIRECT | O_DSYNC,
}

/** Only where it is Linux's: other platforms have no such flag, or another way (macOS: F_NOCACHE). */
const hasDirect: boolean = process.platform === 'linux' && typeof O_DIRECT === 'number' && typeof O_DSYNC === 'number'

/** What open(2) is to be told. Throws ENOTSUP where there is no such mode. */
export function flagsOf(path: string, mode: OpenMode): number {
  if (!mode.startsWith('direct') || hasDirect) return FLAGS[mode]
  const message = `ENOTSUP: this platform has no direct I/O, open '${path}'`
  throw Object.assign(new Error(message), { code: 'ENOTSUP', syscall: 'open', path })
}
