import type { AttributeKind } from '../storage.js'
import type { Fate } from './fate.js'
import { type Identity, timeAt } from './inode-table.js'

/** What is said of a file or a directory besides its content. Times in nanoseconds since 1970, in whole microseconds. */
export interface Attributes {
  readonly permissions: number
  readonly user: number
  readonly group: number
  readonly accessTime: bigint
  readonly modificationTime: bigint
  /** Of any change, and set by nobody. */
  readonly changeTime: bigint
  /** Extended ones by their names. An access control list is one of them, and nothing more: nobody is kept out by it. */
  readonly extended: ReadonlyMap<string, string>
}

/** As Linux calls them: the list of a file, and the one that what is made in a directory gets. */
export const ACCESS_LIST = 'system.posix_acl_access'
export const DEFAULT_LIST = 'system.posix_acl_default'

const NONE: ReadonlyMap<string, string> = new Map()

/** Who the processes of a simulated machine run as. */
export const SIM_USER = 1000
export const SIM_GROUP = 1000

export function initialAttributes(permissions: number, { madeAt }: Identity): Attributes {
  return {
    permissions,
    user: SIM_USER,
    group: SIM_GROUP,
    accessTime: madeAt,
    modificationTime: madeAt,
    changeTime: madeAt,
    extended: NONE,
  }
}

/** What a file that is made in a directory gets of it. */
export function inheritedAttributes(initial: Attributes, directory: Attributes): Attributes {
  const list = directory.extended.get(DEFAULT_LIST)
  return list === undefined ? initial : { ...initial, extended: new Map([[ACCESS_LIST, list]]) }
}

/** The extended ones of a file that is given those of another one, and whether all may be given. */
export function givenAttributes(
  to: Attributes['extended'],
  from: Attributes['extended'],
  kind: AttributeKind,
): { readonly extended: Attributes['extended']; readonly areAll: boolean } {
  const isOfKind = (name: string): boolean => (kind === 'others' ? !name.startsWith('system.') : name === ACCESS_LIST)
  const wanted = kind === 'no-access-list' ? [] : [...from].filter(([name]) => isOfKind(name))
  // There was one when somebody looked.
  if (kind === 'access-list' && wanted.length === 0) return { extended: to, areAll: false }
  // Those are the superuser's, as whom no process here runs.
  const given = wanted.filter(([name]) => !name.startsWith('trusted.'))
  const others = [...to].filter(([name]) => kind === 'others' || !isOfKind(name))
  return { extended: new Map([...others, ...given]), areAll: given.length === wanted.length }
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

  set(changes: Partial<Omit<Attributes, 'changeTime'>>, nowMs: number): void {
    this.#now = { ...this.#now, ...changes, changeTime: timeAt(nowMs) }
    this.#isChanged = true
  }

  /** The content has changed. What a power cut leaves of that time is nobody's concern: it goes with the rest. */
  touch(nowMs: number): void {
    // Spelled out: spreading costs twenty times as much, and every write does this.
    const { permissions, user, group, accessTime, extended } = this.#now
    const now = timeAt(nowMs)
    this.#now = { permissions, user, group, accessTime, modificationTime: now, changeTime: now, extended }
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
