import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

import { unavailable } from './unavailable.js'

export type DiskFileSystem = 'ext4' | 'xfs' | 'btrfs'

/** What mkfs does not do for less. */
const MEBIBYTES: Readonly<Record<DiskFileSystem, number>> = { ext4: 64, xfs: 320, btrfs: 128 }

export interface LoopDiskOptions {
  readonly makeWords?: readonly string[]
  readonly mountOptions?: readonly string[]
  /** Of the device. Default: what the system gives it. */
  readonly sectorBytes?: number
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
  readonly #mountOptions: readonly string[]
  readonly #sectorBytes: number | undefined
  #isMounted = false

  /** In a directory of the caller's, who removes it. */
  constructor(directory: string, fileSystem: DiskFileSystem, options: LoopDiskOptions = {}) {
    const { makeWords = [], mountOptions = [], sectorBytes } = options
    if (process.getuid?.() !== 0) throw new Error('that takes a superuser on Linux')
    this.fileSystem = fileSystem
    this.imagePath = join(directory, 'image')
    this.path = join(directory, 'mounted')
    this.#mountOptions = mountOptions
    this.#sectorBytes = sectorBytes
    mkdirSync(this.path)
    command('truncate', '-s', `${MEBIBYTES[fileSystem]}M`, this.imagePath)
    command(`mkfs.${fileSystem}`, '-q', ...makeWords, this.imagePath)
  }

  mount(): void {
    if (this.#sectorBytes === undefined) return this.#mount(this.imagePath, ['loop', ...this.#mountOptions])
    const size = `--sector-size=${this.#sectorBytes}`
    const device = command('losetup', '--find', '--show', size, this.imagePath).trim()
    try {
      this.#mount(device, ['rw', ...this.#mountOptions])
    } finally {
      // It goes away when nothing is mounted from it any more.
      command('losetup', '--detach', device)
    }
  }

  #mount(source: string, options: readonly string[]): void {
    command('mount', '-t', this.fileSystem, '-o', options.join(','), source, this.path)
    this.#isMounted = true
  }

  /** What io_uring has taken outlives the process that is killed, and holds its files open that long. */
  unmount(): void {
    for (let tries = 1; this.#isMounted; tries++) {
      try {
        command('umount', this.path)
        this.#isMounted = false
      } catch (error) {
        if (tries === UNMOUNT_TRIES_MAX || !String(error).includes('busy')) throw error
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
      }
    }
  }

  /** What is in the page cache only is gone, and the disk is there again. */
  remount(): void {
    this.unmount()
    this.mount()
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
    return command('losetup', '--noheadings', '--output', 'NAME', '--associated', this.imagePath)
      .trim()
      .replace('/dev/', '')
  }

  /** Takes up all but so much. Returns where. */
  fill(mebibytesLeft: number): string {
    const ballast = join(this.path, 'ballast')
    const { bavail, bsize } = statfsSync(this.path)
    command('fallocate', '-l', String(bavail * bsize - mebibytesLeft * 2 ** 20), ballast)
    this.sync()
    return ballast
  }

  /** Whatever has happened. */
  dispose(): void {
    if (this.#isMounted) command('umount', '--lazy', this.path)
    this.#isMounted = false
  }
}

/** A disk for one test, mounted, and gone when that is over. Skips the test, and says why, where there can be none. */
export function provideDisk(
  context: TestContext,
  fileSystem: DiskFileSystem,
  options: LoopDiskOptions = {},
): LoopDisk | undefined {
  return provide(context, fileSystem, (directory) => {
    const disk = new LoopDisk(directory, fileSystem, options)
    context.after(() => disk.dispose())
    disk.mount()
    return disk
  })
}

/**
 * As `provideDisk`, but the disk is smaller than it says: a thin one, whose image is in a memory of limited size. What the
 * file system has for itself has its place; behind that there is room for so much data, and then the device itself fails.
 */
export function provideThinDisk(
  context: TestContext,
  fileSystem: DiskFileSystem,
  mebibytesLeft: number,
): { readonly disk: LoopDisk; readonly enlarge: () => void } | undefined {
  return provide(context, fileSystem, (directory) => {
    if (process.getuid?.() !== 0) throw new Error('that takes a superuser on Linux')
    command('mount', '-t', 'tmpfs', '-o', 'size=1g', 'tmpfs', directory)
    // With all that is mounted in it.
    context.after(() => command('umount', '--lazy', directory))
    const disk = new LoopDisk(directory, fileSystem, fileSystem === 'ext4' ? { makeWords: ['-b', '4096'] } : {})
    // Everything gets a place, and then gives it up where the file system has nothing.
    command('dd', 'status=none', 'conv=notrunc', 'bs=1M', `if=${disk.imagePath}`, `of=${disk.imagePath}`)
    disk.mount()
    command('fstrim', disk.path)
    // A page at a time: the loop driver takes a write that was short, because the memory was full, for a whole one.
    writeFileSync(`/sys/block/${disk.device}/queue/max_sectors_kb`, '4')
    const { blocks, bfree, bsize } = statfsSync(directory)
    const resize = (bytes: number): string => command('mount', '-o', `remount,size=${bytes}`, directory)
    resize((blocks - bfree) * bsize + mebibytesLeft * 2 ** 20)
    return { disk, enlarge: () => resize(2 ** 30) }
  })
}

/**
 * An ext4 that takes what is written and then finds no place for it, because its block bitmaps are damaged: writes succeed, and
 * whoever has the data written out is the one who is told that it is lost.
 */
export function provideDiskWithoutPlaces(context: TestContext): LoopDisk | undefined {
  const makeWords = ['-b', '4096', '-g', '8192', '-O', '^flex_bg,metadata_csum']
  const disk = provideDisk(context, 'ext4', { makeWords, mountOptions: ['errors=continue'] })
  if (disk === undefined) return undefined
  // The bitmap of a group that was never used is not looked at.
  rmSync(disk.fill(1))
  disk.unmount()
  const image = openSync(disk.imagePath, 'r+')
  for (const [, block] of command('dumpe2fs', disk.imagePath).matchAll(/Block bitmap at (\d+)/gu))
    writeSync(image, Buffer.alloc(4096, 0x5a), 0, 4096, Number(block) * 4096)
  closeSync(image)
  disk.mount()
  return disk
}

function provide<Provided>(
  context: TestContext,
  fileSystem: DiskFileSystem,
  make: (directory: string) => Provided,
): Provided | undefined {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'fsys-test-')))
  try {
    return make(directory)
  } catch (error) {
    unavailable(context, `no ${fileSystem} on a loop device here: ${(error as Error).message.split('\n', 2).join(' ')}`)
    return undefined
  } finally {
    // What was mounted there before is unmounted by then.
    context.after(() => rmSync(directory, { recursive: true, force: true }))
  }
}

/** Ten seconds of them; seen were 240 ms. */
const UNMOUNT_TRIES_MAX = 200

/** Expert commands of xfs_io on this file, on whatever file system it is. */
export function xfsIo(path: string, ...commands: readonly string[]): string {
  return command('xfs_io', '-r', '-x', ...commands.flatMap((words) => ['-c', words]), path)
}

export function command(name: string, ...words: readonly string[]): string {
  return execFileSync(name, words, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000, encoding: 'utf8' })
}
