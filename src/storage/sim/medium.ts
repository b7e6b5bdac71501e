import type { Choices } from './choices.js'

/** What every file of a disk shares. */
export interface Medium {
  /** What the device writes whole or not at all. */
  readonly sectorBytes: number
  /** Room for so many bytes, taken in pages. */
  capacityBytes: number
  usedBytes: number
  isReadOnly: boolean
  /** False for a file system that keeps no birth times. */
  readonly hasBirthTimes: boolean
  /** False for a platform that cannot sync directories. */
  readonly hasDirectorySync: boolean
  /** The chance that a new file gets the inode number of one that is gone. */
  readonly inodeReuse: number
  readonly choices: Choices
  now(): number
}
