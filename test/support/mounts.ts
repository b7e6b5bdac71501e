import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

import { unavailable } from './unavailable.js'

export type FileSystem = 'tmpfs' | 'ext4' | 'ext4 without birth times' | 'xfs'

/**
 * A small file system of the test's own, unmounted when the test is over. Skips the test, and says why, where there can be
 * none: that takes a superuser who may mount.
 */
export function mountSmall(context: TestContext, kind: FileSystem, mebibytes: number): string | undefined {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'fsys-test-')))
  const path = join(directory, 'mounted')
  mkdirSync(path)
  let isMounted = false
  context.after(() => {
    if (isMounted) command('umount', '--lazy', path)
    rmSync(directory, { recursive: true, force: true })
  })
  try {
    if (process.getuid?.() !== 0) throw new Error('not the superuser')
    if (kind === 'tmpfs') {
      command('mount', '-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', path)
    } else {
      const image = join(directory, 'image')
      command('truncate', '-s', `${mebibytes}M`, image)
      // Small inodes have no room for a time of birth.
      const inodeBytes = kind === 'ext4' ? '256' : '128'
      if (kind === 'xfs') command('mkfs.xfs', '-q', '-m', 'reflink=1', image)
      else command('mkfs.ext4', '-q', '-m', '0', '-O', '^has_journal', '-I', inodeBytes, image)
      command('mount', '-o', 'loop', image, path)
    }
  } catch (error) {
    unavailable(context, `cannot mount a small ${kind} here: ${(error as Error).message.split('\n', 1)[0]}`)
    return undefined
  }
  isMounted = true
  return path
}

export function remountReadOnly(path: string): void {
  command('mount', '-o', 'remount,ro', path)
}

function command(name: string, ...words: readonly string[]): void {
  execFileSync(name, words, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 })
}
