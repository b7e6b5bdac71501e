import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Where the bench writes: a directory of its own below the one that is given. */
export class Scratch {
  readonly directory: string
  #count = 0

  constructor(below: string) {
    this.directory = mkdtempSync(join(below, 'fsys-bench-'))
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
