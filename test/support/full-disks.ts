import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

import { command, type LoopDisk, provideDisk, provideThinDisk } from './loop-disk.js'

/** A disk with what will go wrong on it. */
export interface Trouble {
  readonly disk: LoopDisk
  /** Brings it about. Without it, it comes by itself. */
  readonly strike?: () => void
  /** The cause is gone. */
  readonly relieve: () => void
}

// The ways in which a file does not fit. Undefined, with the test skipped, where there can be none.

/** With 3 MiB of room. */
export function fullDisk(context: TestContext, kind: 'ext4' | 'xfs'): Trouble | undefined {
  const disk = provideDisk(context, kind)
  if (disk === undefined) return undefined
  const ballast = disk.fill(3)
  return { disk, relieve: () => rmSync(ballast) }
}

/** That is thinner than it says: writing back fails, and so the sync. */
export function thinDisk(context: TestContext, kind: 'ext4' | 'xfs'): Trouble | undefined {
  const thin = provideThinDisk(context, kind, 2)
  return thin && { disk: thin.disk, relieve: thin.enlarge }
}

/** With a quota on btrfs: '3M', say. */
export function quotaDisk(context: TestContext, size: string): Trouble | undefined {
  const disk = provideDisk(context, 'btrfs', { makeWords: ['--mixed'] })
  if (disk === undefined) return undefined
  command('btrfs', 'quota', 'enable', disk.path)
  // To change a limit takes a transaction, whose room counts as that of the subvolume by whose path it is asked for: in the
  // one that is full, it can be refused.
  const aside = join(disk.path, ASIDE)
  command('btrfs', 'subvolume', 'create', aside)
  const limit = (text: string): string => command('btrfs', 'qgroup', 'limit', text, TOP_LEVEL, aside)
  return { disk, strike: () => limit(size), relieve: () => limit('none') }
}

const ASIDE = '.aside'

/** The quota group of what is in no other subvolume. */
const TOP_LEVEL = '0/5'

/** On which this process may not write files of more than 3,000,001 bytes. */
export function limitedFiles(context: TestContext): Trouble | undefined {
  const disk = provideDisk(context, 'xfs')
  if (disk === undefined) return undefined
  const limit = (bytes: string): string => command('prlimit', `--pid=${process.pid}`, `--fsize=${bytes}:`)
  context.after(() => limit('unlimited'))
  return { disk, strike: () => limit('3000001'), relieve: () => limit('unlimited') }
}
