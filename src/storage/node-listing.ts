import type * as fs from 'node:fs'

import type { DirectoryEntry, Listing } from './storage.js'

/** What is in a directory, by Node's own calls. */
export class NodeListing implements Listing {
  readonly #directory: fs.Dir
  #isClosed = false

  constructor(directory: fs.Dir) {
    this.#directory = directory
  }

  async next(countMax: number): Promise<DirectoryEntry[]> {
    const entries: DirectoryEntry[] = []
    while (entries.length < countMax) {
      // One after the other is how they come; most are there already.
      // oxlint-disable-next-line no-await-in-loop
      const entry = await this.#directory.read()
      if (entry === null) break
      entries.push(entryOf(entry))
    }
    return entries
  }

  nextSync(countMax: number): DirectoryEntry[] {
    const entries: DirectoryEntry[] = []
    while (entries.length < countMax) {
      const entry = this.#directory.readSync()
      if (entry === null) break
      entries.push(entryOf(entry))
    }
    return entries
  }

  async close(): Promise<void> {
    if (!this.#take()) return
    await this.#directory.close()
  }

  closeSync(): void {
    if (this.#take()) this.#directory.closeSync()
  }

  #take(): boolean {
    const wasOpen = !this.#isClosed
    this.#isClosed = true
    return wasOpen
  }
}

function entryOf(entry: fs.Dirent): DirectoryEntry {
  const { name } = entry
  if (entry.isFile()) return { name, kind: 'file' }
  if (entry.isDirectory()) return { name, kind: 'directory' }
  return { name, kind: entry.isSymbolicLink() ? 'link' : 'other' }
}
