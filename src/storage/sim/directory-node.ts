import { AttributeStore, initialAttributes } from './attributes.js'
import type { Survival } from './disk-rules.js'
import { fateBy, type Fate } from './fate.js'
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
type Move = readonly (readonly [name: string, node: Node | undefined])[]

/** A directory: the names as they are, the durable ones, and the moves in between, which survive in their order. */
export class DirectoryNode {
  readonly kind = 'directory'
  readonly identity: Identity
  readonly attributes: AttributeStore
  parent: DirectoryNode | undefined
  /** Removed: nothing more can be made in it. */
  isRemoved = false
  readonly #names: Map<string, Node> = new Map()
  readonly #durable: Map<string, Node> = new Map()
  readonly #moves: Move[] = []
  /** How many moves there were before those that wait. */
  #persisted = 0

  constructor(identity: Identity, parent: DirectoryNode | undefined, permissions = 0o700) {
    this.identity = identity
    this.parent = parent
    this.attributes = new AttributeStore(initialAttributes(permissions, identity))
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

  change(move: Move): void {
    apply(this.#names, move)
    this.#moves.push(move)
  }

  /** Makes the moves up to this one durable. */
  persist(sequence: number): void {
    const count = Math.max(0, sequence - this.#persisted)
    for (const move of this.#moves.splice(0, count)) apply(this.#durable, move)
    this.#persisted += count
  }

  /** The directory as it is after a power cut; `survivorOf` says what becomes of what it names. */
  survivor(
    parent: DirectoryNode | undefined,
    fate: Fate,
    unsyncedNames: Survival,
    survivorOf: (node: Node, parent: DirectoryNode) => Node,
  ): DirectoryNode {
    const copy = new DirectoryNode(this.identity, parent)
    copy.attributes.become(this.attributes.now)
    const names = new Map(this.#durable)
    const survivors = fateBy(unsyncedNames, fate).prefix(this.#moves.length)
    for (const move of this.#moves.slice(0, survivors)) apply(names, move)
    for (const [name, node] of names) {
      const survivor = survivorOf(node, copy)
      copy.#names.set(name, survivor)
      copy.#durable.set(name, survivor)
    }
    return copy
  }
}

function apply(names: Map<string, Node>, move: Move): void {
  for (const [name, node] of move) {
    if (node === undefined) names.delete(name)
    else names.set(name, node)
  }
}
