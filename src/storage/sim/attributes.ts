import type { Fate } from './fate.js'
import { EPOCH_US, type Identity } from './inode-table.js'

/** What is said of a file or a directory besides its content. Times in microseconds since 1970. */
export interface Attributes {
  readonly permissions: number
  readonly user: number
  readonly group: number
  readonly accessUs: number
  readonly modificationUs: number
}

/** Who the processes of a simulated machine run as. */
export const SIM_USER = 1000
export const SIM_GROUP = 1000

export function initialAttributes(permissions: number, { bornUs }: Identity): Attributes {
  return { permissions, user: SIM_USER, group: SIM_GROUP, accessUs: bornUs, modificationUs: bornUs }
}

/**
 * Attributes as they are, and as they are on stable storage. A sync makes them durable, a data sync does not; until then, a
 * power cut takes all that was set back, or nothing.
 */
export class AttributeStore {
  #now: Attributes
  #durable: Attributes
  #isChanged = false

  constructor(initial: Attributes) {
    this.#now = initial
    this.#durable = initial
  }

  get now(): Attributes {
    return this.#now
  }

  set(changes: Partial<Attributes>): void {
    this.#now = { ...this.#now, ...changes }
    this.#isChanged = true
  }

  /** The content has changed. What a power cut leaves of that time is nobody's concern: it goes with the rest. */
  touch(nowMs: number): void {
    // Spelled out: spreading costs twenty times as much, and every write does this.
    const { permissions, user, group, accessUs } = this.#now
    this.#now = { permissions, user, group, accessUs, modificationUs: EPOCH_US + Math.floor(nowMs * 1000) }
  }

  /** Takes them as they are for durable ones. */
  persist(attributes: Attributes = this.#now): void {
    this.#durable = attributes
    if (attributes === this.#now) this.#isChanged = false
  }

  survivor(fate: Fate): Attributes {
    return this.#isChanged && fate.prefix(1) === 0 ? this.#durable : this.#now
  }

  /** From the beginning, durably. */
  become(attributes: Attributes): void {
    this.#now = attributes
    this.#durable = attributes
    this.#isChanged = false
  }
}
