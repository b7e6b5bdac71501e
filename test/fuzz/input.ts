/** Everything that one case depends on: what stands on the disk, and the seed of what is done with it. */
export interface Input {
  /** The journal; for the input of `fsys append`, that. */
  readonly journal: Buffer
  /** What stands beside it, by what its name has more than the journal's: `.mark`, `.lock`, `.corrupt-15`. */
  readonly beside: Readonly<Record<string, Buffer>>
  /** Seeds the choices of the check: options, sizes of buffers, the order of the calls. */
  readonly choices: number
}

/** The journal file of all cases, for marks that are bound to it. */
export const JOURNAL_INODE = 4711n
export const JOURNAL_BIRTH_TIME = 1_700_000_000_123_456_789n
