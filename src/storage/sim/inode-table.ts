import type { DirectoryNode } from './directory-node.js'
import type { Medium } from './medium.js'

/** What a file keeps for life, and what no other file has. */
export interface Identity {
  readonly inode: bigint
  /** Nanoseconds since 1970; 0 where the file system does not keep it. */
  readonly birthTime: bigint
  /** The time of the same, also where it does not; not for it alone. */
  readonly madeAt: bigint
}

// Any beginning will do; this one is in 2024.
const EPOCH_US = 1_717_000_000_000_000

/** A moment of simulated time, in nanoseconds since 1970. Microseconds are as far as numbers reach. */
export function timeAt(nowMs: number): bigint {
  return BigInt(microsecondsAt(nowMs)) * 1000n
}

function microsecondsAt(nowMs: number): number {
  return EPOCH_US + Math.floor(nowMs * 1000)
}

// The first numbers belong to the file system itself.
const FIRST_INODE = 11

/** Hands out inode numbers, used ones again, and birth times, which never repeat. */
export class InodeTable {
  readonly #medium: Medium
  #next = FIRST_INODE
  #lastBirthUs = 0
  readonly #free: { readonly inode: bigint; readonly home: DirectoryNode }[] = []

  constructor(medium: Medium) {
    this.#medium = medium
  }

  create(home: DirectoryNode | undefined): Identity {
    this.#lastBirthUs = Math.max(this.#lastBirthUs + 1, microsecondsAt(this.#medium.now()))
    const birthTime = this.#medium.rules.birthTimes ? BigInt(this.#lastBirthUs) * 1000n : 0n
    return { inode: this.#reuse(home) ?? BigInt(this.#next++), birthTime, madeAt: timeAt(this.#medium.now()) }
  }

  /**
   * A number can be used again in the directory that alone had names of the file: there the new name survives power loss
   * only if the removal of the old one does, so that two files never end up with one number.
   */
  release(inode: bigint, home: DirectoryNode): void {
    this.#free.push({ inode, home })
  }

  /** Goes on for the files that a power cut has left; what is free by then is forgotten. */
  survivor(medium: Medium): InodeTable {
    const copy = new InodeTable(medium)
    copy.#next = this.#next
    copy.#lastBirthUs = this.#lastBirthUs
    return copy
  }

  #reuse(home: DirectoryNode | undefined): bigint | undefined {
    if (this.#free.length === 0 || !this.#medium.choices.chance(this.#medium.rules.inodeReuse)) return undefined
    const found = this.#free.findLastIndex((entry) => entry.home === home)
    return found === -1 ? undefined : this.#free.splice(found, 1)[0]?.inode
  }
}
