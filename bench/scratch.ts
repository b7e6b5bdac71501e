import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Where the bench writes: a directory of its own below the one that is given. */
export class Scratch {
  readonly directory: string
  #count = 0

  constructor(below: string) {
    this.directory = mkdtempSync(join(below, 'fsys-bench-'))
  }

  /** A path where nothing is yet. */
  fresh(): string {
    return join(this.directory, `${++this.#count}`)
  }

  /** Removes what stands at a path that `fresh` gave, and what stands beside it. */
  discard(path: string): void {
    for (const suffix of ['', '.mark', '.lock']) rmSync(`${path}${suffix}`, { force: true })
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}
