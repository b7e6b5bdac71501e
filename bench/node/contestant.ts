/** A way to keep records in Node.js, as the measuring loops drive it. It has the parts that it can do. */
export interface Contestant {
  /** Opens it for append and commit. */
  open?(path: string, options: OpenOptions): Promise<Log>
  /** Writes what replay or reopen is to find. */
  prepare?(path: string, record: Buffer, count: number): Promise<void>
  /** Reads all records, looks at each one, and returns how many there were, and of how many bytes together. */
  replay?(path: string, variant: readonly string[]): Replayed | Promise<Replayed>
  /** Makes what was prepared ready for appending, and returns how to let go of it. */
  reopen?(path: string, variant: readonly string[]): Promise<() => void | Promise<void>>
  /** Replaces the files of these names in a directory; each is on stable storage, as far as that goes, when it resolves. */
  replace?(directory: string, names: readonly string[], content: Buffer, variant: readonly string[]): Promise<void>
}

export interface Replayed {
  readonly records: number
  readonly bytes: number
}

export interface OpenOptions {
  readonly variant: readonly string[]
  readonly recordBytes: number
  /** How many records commit at the same time. */
  readonly committers: number
}

export interface Log {
  /** Appends so many, by the loop that is best for it. When it resolves, the system has them all, or will with `sync`. */
  appendAll?(record: Buffer, count: number): void | Promise<void>
  /** Everything appended is on stable storage. */
  sync?(): void | Promise<void>
  /** Resolves when this record is on stable storage. */
  commit?(record: Buffer): Promise<unknown>
  /** Returns when this record is on stable storage. */
  commitSync?(record: Buffer): void
  close(): void | Promise<void>
  /** What served: for the record. */
  readonly served?: string
}
