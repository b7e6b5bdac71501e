import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Where the bench writes: a directory of its own below the one that is given. */
export class Scratch {
  readonly directory: string
  #count = 0

  constructor(below: string) {
    this.directory = mkdtempSync(join(below, 'fsys-bench-'))
    spreadFolders(this.directory)
  }

  /** A path where nothing is yet, in a folder of its own: programs put files beside it. */
  fresh(): string {
    const folder = join(this.directory, `${++this.#count}`)
    mkdirSync(folder)
    return join(folder, 'log')
  }

  /** Removes what stands at a path that `fresh` gave, and what stands beside it. */
  discard(path: string): void {
    rmSync(join(path, '..'), { recursive: true, force: true })
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/**
 * Asks ext4 to give each folder a place of its own on the disk. It passes over inodes that were deleted in the last minutes, one
 * by one: among those of the programs before it, a program that makes files pays for them. Other file systems know no such
 * wish, and do not need it.
 */
function spreadFolders(directory: string): void {
  try {
    execFileSync('chattr', ['+T', directory], { stdio: 'ignore' })
  } catch {
    // No such command, or no such attribute.
  }
}
