import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

export type DiskFileSystem = 'ext4' | 'xfs' | 'btrfs'

/** What mkfs does not do for less. */
const MEBIBYTES_LEAST: Readonly<Record<DiskFileSystem, number>> = { ext4: 64, xfs: 320, btrfs: 128 }

export interface LoopDiskOptions {
  /** How large the disk is to be, at least. Its image is sparse. */
  readonly mebibytes?: number
  readonly makeWords?: readonly string[]
  readonly mountOptions?: readonly string[]
}

/**
 * A disk of a test's own: an image file with a real file system on it, mounted over a loop device. The device goes away by
 * itself when nothing is mounted from it any more. Making one takes a superuser; it throws where there can be none.
 */
export class LoopDisk {
  readonly fileSystem: DiskFileSystem
  readonly imagePath: string
  /** Where it is mounted. */
  readonly path: string
  readonly #mountOptions: string
  #isMounted = false

  /** In a directory of the caller's, who removes it. */
  constructor(directory: string, fileSystem: DiskFileSystem, options: LoopDiskOptions = {}) {
    const { mebibytes = 0, makeWords = [], mountOptions = [] } = options
    this.fileSystem = fileSystem
    this.imagePath = join(directory, 'image')
    this.path = join(directory, 'mounted')
    this.#mountOptions = ['loop', ...mountOptions].join(',')
    mkdirSync(this.path)
    command('truncate', '-s', `${Math.max(mebibytes, MEBIBYTES_LEAST[fileSystem])}M`, this.imagePath)
    command(`mkfs.${fileSystem}`, '-q', ...makeWords, this.imagePath)
  }

  mount(): void {
    command('mount', '-t', this.fileSystem, '-o', this.#mountOptions, this.imagePath, this.path)
    this.#isMounted = true
  }

  unmount(): void {
    command('umount', this.path)
    this.#isMounted = false
  }

  /**
   * The power goes: from now on nothing reaches the disk, and what had not is lost with the next `unmount`. The file
   * system's log goes with it, or is written out just before, as if the power had gone a little later for it. What is to be
   * done `before` are commands of xfs_io on the file at this path.
   */
  cut(log: 'lost' | 'written', path: string = this.path, before: readonly string[] = []): void {
    xfsIo(path, ...before, log === 'lost' ? 'shutdown' : 'shutdown -f')
  }

  /** All that the file system holds is on the disk. */
  sync(): void {
    command('sync', '--file-system', this.path)
  }

  /** The name of the loop device: 'loop0'. */
  get device(): string {
    const found = command('losetup', '--noheadings', '--output', 'NAME', '--associated', this.imagePath).trim()
    return found.replace('/dev/', '')
  }

  /** Whatever has happened. */
  dispose(): void {
    if (this.#isMounted) command('umount', '--lazy', this.path)
    this.#isMounted = false
  }
}

/** Expert commands of xfs_io on this file, on whatever file system it is. */
export function xfsIo(path: string, ...commands: readonly string[]): string {
  return command('xfs_io', '-r', '-x', ...commands.flatMap((words) => ['-c', words]), path)
}

export function command(name: string, ...words: readonly string[]): string {
  return execFileSync(name, words, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000, encoding: 'utf8' })
}
