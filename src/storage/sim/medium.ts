import type { Choices } from './choices.js'
import type { DiskRules } from './disk-rules.js'

/** What every file of a disk shares. */
export interface Medium {
  readonly rules: DiskRules
  /** Room for so many bytes, taken in pages. */
  capacityBytes: number
  usedBytes: number
  isReadOnly: boolean
  readonly choices: Choices
  now(): number
}
