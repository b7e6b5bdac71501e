import { readFileSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'

import type { FileSystemFacts } from './facts.js'
import { describeFileSystem } from './probe/file-systems.js'
import { findMount, type Mount, parseMountInfo } from './probe/mount-info.js'

/**
 * On which file system a path is, or will be once it exists: as much of what `probe` tells as can be known without waiting
 * and without trying anything. Never throws.
 */
export function fileSystemAt(path: string): FileSystemFacts {
  return describeFileSystem(mountAt(path), undefined, 'unknown')
}

/** The mount that a path is on; undefined where the system does not tell. Never throws. */
export function mountAt(path: string): Mount | undefined {
  return findMount(parseMountInfo(readMountInfo()), undefined, realPathOf(resolve(path)))
}

function readMountInfo(): string {
  try {
    return readFileSync('/proc/self/mountinfo', 'utf8')
  } catch {
    return ''
  }
}

/** Of what does not exist, that of the nearest directory above it. */
function realPathOf(path: string): string {
  try {
    return realpathSync.native(path)
  } catch {
    return dirname(path) === path ? path : realPathOf(dirname(path))
  }
}
