import { AttributeStore, type Attributes } from './attributes.js'
import type { DirectoryNode } from './directory-node.js'
import { fateBy, type Fate } from './fate.js'
import type { FileDescription } from './file-description.js'
import type { Identity } from './inode-table.js'
import type { Medium } from './medium.js'
import { allocate } from './memory.js'
import { PageRanges } from './page-ranges.js'
import { systemError } from './sim-errors.js'
import { PAGE_BYTES, SparseBytes } from './sparse-bytes.js'
import { applyChange, changesAfterFailure, changesOutside, survivingContent, type Change } from './survival.js'

/**
 * A file: what reads see (the page cache), what is on stable storage, and the changes in between.
 *
 * Errors of writing back are counted as Linux counts them (`errseq_t`): each open file description remembers how many it
 * has seen.
 */
export class FileNode {
  readonly kind = 'file'
  readonly identity: Identity
  readonly attributes: AttributeStore
  links = 0
  openings = 0
  /** Which open file has it locked. */
  lockHolder: FileDescription | undefined
  /** The only directory that has ever held a name of the file; undefined once there were two. */
  home: DirectoryNode | undefined
  readonly #medium: Medium
  #cached: SparseBytes
  #durable: SparseBytes
  #changes: Change[] = []
  /** Pages that are set aside; those with memory can be among them. */
  #reserved = new PageRanges()
  #sequence = 0
  #errors = 0
  #isErrorSeen = true

  /** A file whose content and attributes are durable. */
  constructor(medium: Medium, identity: Identity, attributes: Attributes, content: SparseBytes = new SparseBytes()) {
    this.#medium = medium
    this.identity = identity
    this.attributes = new AttributeStore(attributes)
    this.#durable = content
    this.#cached = content.clone()
  }

  get permissions(): number {
    return this.attributes.now.permissions
  }

  get size(): number {
    return this.#cached.size
  }

  /** The number of the last change. */
  get sequence(): number {
    return this.#sequence
  }

  get isReadOnly(): boolean {
    return this.#medium.isReadOnly
  }

  /** How many pages it takes of the disk. */
  get pageCount(): number {
    const { pageCount, pages } = this.#cached
    return this.#reserved.isEmpty ? pageCount : pageCount + this.#reserved.countWithout(pages)
  }

  read(target: Uint8Array, position: number): number {
    const length = Math.max(0, Math.min(target.length, this.size - position))
    this.#cached.copyTo(target, position, 0, length)
    return length
  }

  /** Writes as much as there is room for, and returns how much that was. */
  write(source: Uint8Array, position: number): number {
    const length = this.#roomFor(position, source.length)
    if (length === 0) return 0
    this.#touch()
    const pagesBefore = this.pageCount
    const sizeBefore = this.size
    const size = Math.max(sizeBefore, position + length)
    const { sectorBytes } = this.#medium.rules
    const start = position - (position % sectorBytes)
    const image = this.#sectorsWith(length === source.length ? source : source.subarray(0, length), position, start)
    this.#cached.place(image, start)
    this.#cached.resize(size)
    this.#medium.usedBytes += (this.pageCount - pagesBefore) * PAGE_BYTES
    this.#sequence += 1
    this.#changes.push({ sequence: this.#sequence, sizeBefore, size, isCut: false, position: start, image })
    return length
  }

  truncate(size: number): void {
    const sizeBefore = this.size
    if (size > this.#medium.rules.fileBytesMax) throw systemError('EFBIG', 'ftruncate')
    this.#touch()
    const pagesBefore = this.pageCount
    if (size <= sizeBefore) this.#reserved.cutFrom(Math.ceil(size / PAGE_BYTES))
    this.#cached.resize(size)
    this.#medium.usedBytes -= (pagesBefore - this.pageCount) * PAGE_BYTES
    if (size === sizeBefore) return
    this.#sequence += 1
    const isCut = size < sizeBefore
    this.#changes.push({ sequence: this.#sequence, sizeBefore, size, isCut, position: size, image: undefined })
  }

  /** Makes a range read as zeros, as far as the file reaches. Where they lie, the room is not given back here. */
  punchHole(position: number, length: number): void {
    const end = Math.min(position + length, this.size)
    if (end > position) this.write(allocate(end - position).fill(0), position)
  }

  /** Sets pages aside. A power cut gives them back. */
  preallocate(position: number, length: number): void {
    if (length === 0) throw systemError('EINVAL', 'fallocate')
    if (position + length > this.#medium.rules.fileBytesMax) throw systemError('EFBIG', 'fallocate')
    const before = this.#reserved.clone()
    const pagesBefore = this.pageCount
    this.#reserved.add(Math.floor(position / PAGE_BYTES), Math.ceil((position + length) / PAGE_BYTES))
    const bytes = (this.pageCount - pagesBefore) * PAGE_BYTES
    if (this.#medium.usedBytes + bytes > this.#medium.capacityBytes) {
      this.#reserved = before
      throw systemError('ENOSPC', 'fallocate')
    }
    this.#medium.usedBytes += bytes
  }

  /** Makes durable what had changed up to this change; later ones wait. */
  persist(sequence: number): void {
    let count = 0
    for (const change of this.#changes) {
      if (change.sequence > sequence) break
      applyChange(this.#durable, change)
      count += 1
    }
    if (count === this.#changes.length) this.#changes = []
    else this.#changes.splice(0, count)
  }

  /** Makes the sectors of a write durable, and the size; what else has changed waits. */
  persistBytes(position: number, length: number): void {
    const { sectorBytes } = this.#medium.rules
    const start = position - (position % sectorBytes)
    const end = Math.ceil((position + length) / sectorBytes) * sectorBytes
    this.#changes = changesOutside(this.#changes, start, end)
    this.#durable.resize(this.size)
    const bytes = allocate(end - start)
    this.#cached.copyTo(bytes, start)
    this.#durable.copyFrom(bytes, start)
  }

  /** As `loseUnsynced`; each open description hears of it at its next sync. */
  failWriteback(sequence: number, fate: Fate): void {
    this.loseUnsynced(sequence, fate)
    this.#errors += 1
    this.#isErrorSeen = false
  }

  /** Loses some of what had changed up to this change, behind the back of the page cache. */
  loseUnsynced(sequence: number, fate: Fate): void {
    const split = this.#changes.findIndex((change) => change.sequence > sequence)
    const count = split === -1 ? this.#changes.length : split
    const { failedSyncKeeps, failedSyncCache, sectorBytes } = this.#medium.rules
    const left = changesAfterFailure(this.#changes.slice(0, count), fateBy(failedSyncKeeps, fate).ofFile(), sectorBytes)
    this.#changes.splice(0, count, ...left)
    if (failedSyncCache === 'dropped') this.evict()
  }

  /** How many errors a new file description counts as seen: one that nobody has seen yet is for it too. */
  get errorsSeenAtOpen(): number {
    return this.#isErrorSeen ? this.#errors : this.#errors - 1
  }

  /** How many errors there were until now; who asks has seen them. */
  seeErrors(): number {
    this.#isErrorSeen = true
    return this.#errors
  }

  hasErrorsSince(seen: number): boolean {
    return this.#errors > seen
  }

  /** Forgets what is cached and need not be: reads see again what the disk has. */
  evict(): void {
    const pagesBefore = this.pageCount
    this.#cached = this.#durable.clone()
    for (const change of this.#changes) applyChange(this.#cached, change)
    this.#medium.usedBytes += (this.pageCount - pagesBefore) * PAGE_BYTES
  }

  /** The bits of one byte rot; where that is not seen before the disk is read again, the cache is well. */
  corrupt(position: number, xor: number, isSeenAtOnce: boolean): void {
    for (const bytes of isSeenAtOnce ? [this.#cached, this.#durable] : [this.#durable]) {
      const byte = new Uint8Array(1)
      bytes.copyTo(byte, position)
      byte[0] = (byte[0] ?? 0) ^ xor
      if (position < bytes.size) bytes.copyFrom(byte, position)
    }
  }

  /** What has been synced. */
  durableImage(): Uint8Array {
    const bytes = allocate(this.#durable.size)
    this.#durable.copyTo(bytes, 0)
    return bytes
  }

  /** The file as it is after a power cut. */
  survivor(medium: Medium, fate: Fate): FileNode {
    const attributes = this.attributes.survivor(fate)
    const changes = this.#changes
    const content =
      changes.length === 0
        ? this.#durable.clone()
        : survivingContent(this.#durable, changes, fate.ofFile(), medium.rules)
    return new FileNode(medium, this.identity, attributes, content)
  }

  /** The sectors from `start` on, as they are when the bytes have been written. */
  #sectorsWith(bytes: Uint8Array, position: number, start: number): Uint8Array {
    const { sectorBytes } = this.#medium.rules
    const [before, length] = [position - start, bytes.length]
    const over = (before + length) % sectorBytes
    const after = over === 0 ? 0 : sectorBytes - over
    const image = allocate(before + length + after)
    if (before > 0) this.#cached.copyTo(image, start, 0, before)
    image.set(bytes, before)
    if (after > 0) this.#cached.copyTo(image, position + length, before + length)
    return image
  }

  #touch(): void {
    this.attributes.touch(this.#medium.now())
  }

  #roomFor(position: number, asked: number): number {
    const { fileBytesMax } = this.#medium.rules
    if (position >= fileBytesMax && asked > 0) throw systemError('EFBIG', 'write')
    const length = Math.min(asked, fileBytesMax - position)
    let free = this.#medium.capacityBytes - this.#medium.usedBytes
    if (free === Infinity) return length
    for (let at = position - (position % PAGE_BYTES); at < position + length; at += PAGE_BYTES) {
      if (this.#cached.hasPage(at / PAGE_BYTES) || this.#reserved.has(at / PAGE_BYTES)) continue
      free -= PAGE_BYTES
      if (free < 0) return Math.max(0, at - position)
    }
    return length
  }
}
