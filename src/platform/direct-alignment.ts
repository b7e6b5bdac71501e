import { readFileSync } from 'node:fs'

import { mountAt } from './file-system-at.js'
import type { Mount } from './probe/mount-info.js'

/**
 * What positions and lengths of writes past the page cache must be multiples of, in bytes, for files at a path: as much as
 * can be known without waiting and without such a file. Undefined where that is nothing. Never throws.
 */
export function directAlignmentAt(path: string): number | undefined {
  const mount = mountAt(path)
  return mount && directAlignmentOn(mount, readText)
}

/** `text`: what is in a file of the system; undefined if it is not to be had. */
export function directAlignmentOn(
  { type, device }: Pick<Mount, 'type' | 'device'>,
  text: (path: string) => string | undefined,
): number | undefined {
  if (!ALIGNED_AS_DEVICES.has(type)) return undefined
  // A partition has no queue of its own, but is in the directory of its disk.
  const [own, disk] = ['queue', '../queue'].map((queue) => `/sys/dev/block/${device}/${queue}/logical_block_size`)
  const found = text(own as string) ?? text(disk as string)
  return found !== undefined && /^\d{3,7}\s*$/u.test(found) ? Number(found) : undefined
}

/**
 * These ask for what their device asks for, and say so by statx (`ext4_getattr` and `xfs_vn_getattr` of Linux). Others ask for
 * their own blocks, btrfs for one.
 */
const ALIGNED_AS_DEVICES: ReadonlySet<string> = new Set(['ext4', 'xfs'])

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
