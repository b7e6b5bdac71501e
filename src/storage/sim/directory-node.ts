import { AttributeStore, type Attributes, initialAttributes } from './attributes.js'
import type { Fate } from './fate.js'
import type { FileNode } from './file-node.js'
import type { Identity } from './inode-table.js'

export type Node = FileNode | DirectoryNode | LinkNode

/** A symbolic link. */
export class LinkNode {
  readonly kind = 'link'
  readonly identity: Identity
  readonly target: string
  links = 0

  constructor(identity: Identity, target: string) {
    this.identity = identity
    this.target = target
  }
}

/** Names that appear (with a node) or disappear, all at once. */
type Entries = readonly (readonly [name: string, node: Node | undefined])[]

interface Move {
  readonly entries: Entries
  /** The other half of it, in another directory: both survive a power cut, or neither. */
  other?: { readonly directory: DirectoryNode; readonly sequence: number }
}

/** What a power cut leaves of names: up to which move of each directory, as far as that is decided. */
export interface Fates {
  readonly fate: Fate
  readonly sequences: Map<DirectoryNode, number>
}

/** A directory: the names as they are, the durable ones, and the moves in between, which survive in their order. */
export class DirectoryNode {
  readonly kind = 'directory'
  readonly identity: Identity
  readonly attributes: AttributeStore
  parent: DirectoryNode | undefined
  /** Removed: nothing more can be made in it. */
  isRemoved = false
  #names: Map<string, Node> = new Map()
  #durable: Map<string, Node> = new Map()
  readonly #moves: Move[] = []
  /** How many moves there were before those that wait. */
  #persisted = 0

  constructor(
    identity: Identity,
    parent: DirectoryNode | undefined,
    attributes: Attributes = initialAttributes(0o700, identity),
  ) {
    this.identity = identity
    this.parent = parent
    this.attributes = new AttributeStore(attributes)
  }

  get size(): number {
    return 4096
  }

  get permissions(): number {
    return this.attributes.now.permissions
  }

  /** The number of the last move. */
  get sequence(): number {
    return this.#persisted + this.#moves.length
  }

  get names(): ReadonlyMap<string, Node> {
    return this.#names
  }

  get(name: string): Node | undefined {
    return this.#names.get(name)
  }

  /** What the name durably means. */
  durable(name: string): Node | undefined {
    return this.#durable.get(name)
  }

  change(entries: Entries): void {
    apply(this.#names, entries)
    this.#moves.push({ entries })
  }

  /** Something moves from one directory to another, in one transaction of the file system. */
  static move(from: DirectoryNode, fromEntries: Entries, to: DirectoryNode, toEntries: Entries): void {
    to.change(toEntries)
    from.change(fromEntries)
    const [source, target] = [from.#moves.at(-1) as Move, to.#moves.at(-1) as Move]
    source.other = { directory: to, sequence: to.sequence }
    target.other = { directory: from, sequence: from.sequence }
  }

  /** Makes the moves up to this one durable, and with them their other halves. */
  persist(sequence: number): void {
    const count = Math.max(0, sequence - this.#persisted)
    const moves = this.#moves.splice(0, count)
    this.#persisted += count
    for (const { entries, other } of moves) {
      apply(this.#durable, entries)
      other?.directory.persist(other.sequence)
    }
  }

  /** Decides up to which move this directory survives a power cut, and all those with which it shares moves. */
  #decide(fates: Fates): number {
    const decided = fates.sequences.get(this)
    if (decided !== undefined) return decided
    fates.sequences.set(this, this.#persisted + fates.fate.prefix(this.#moves.length))
    for (const { other } of this.#moves) if (other) other.directory.#decide(fates)
    let isSettled = false
    while (!isSettled) isSettled = [...fates.sequences.keys()].every((directory) => directory.#keepsHalves(fates))
    return fates.sequences.get(this) as number
  }

  /** False if a move survived here and its other half did not: now neither does. */
  #keepsHalves({ sequences }: Fates): boolean {
    const last = sequences.get(this) as number
    const torn = this.#moves.findIndex(
      ({ other }, index) =>
        other !== undefined &&
        this.#persisted + index < last &&
        other.sequence > (sequences.get(other.directory) ?? Infinity),
    )
    if (torn !== -1) sequences.set(this, this.#persisted + torn)
    return torn === -1
  }

  /** The directory as it is after a power cut; `survivorOf` says what becomes of what it names. */
  survivor(
    parent: DirectoryNode | undefined,
    fates: Fates,
    survivorOf: (node: Node, parent: DirectoryNode) => Node,
  ): DirectoryNode {
    const copy = new DirectoryNode(this.identity, parent, this.attributes.now)
    const names = new Map(this.#durable)
    const survivors = this.#decide(fates) - this.#persisted
    for (const { entries } of this.#moves.slice(0, survivors)) apply(names, entries)
    for (const [name, node] of names) names.set(name, survivorOf(node, copy))
    copy.#names = names
    copy.#durable = new Map(names)
    return copy
  }
}

function apply(names: Map<string, Node>, entries: Entries): void {
  for (const [name, node] of entries) {
    if (node === undefined) names.delete(name)
    else names.set(name, node)
  }
}
