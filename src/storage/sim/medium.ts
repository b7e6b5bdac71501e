import type { Choices } from './choices.js'
import type { DiskRules } from './disk-rules.js'

/** What every file of a disk shares. */
export class Medium {
  readonly rules: DiskRules
  readonly choices: Choices
  readonly #clock: { readonly now: number }
  /** Room for so many bytes, taken in pages. */
  capacityBytes: number
  usedBytes = 0
  isReadOnly: boolean
  /** By how much the clock that times of files come from is ahead of the simulated time. */
  clockLeadMs: number

  /** `before` a power cut it was this one; nothing is on it yet. */
  constructor(rules: DiskRules, choices: Choices, clock: { readonly now: number }, before?: Medium) {
    this.rules = rules
    this.choices = choices
    this.#clock = clock
    this.capacityBytes = before?.capacityBytes ?? Infinity
    this.isReadOnly = before?.isReadOnly ?? false
    this.clockLeadMs = before?.clockLeadMs ?? 0
  }

  now(): number {
    return this.#clock.now + this.clockLeadMs
  }
}
