import type { DiskRules } from './disk-rules.js'
import { fateBy, type Fate } from './fate.js'
import { PAGE_BYTES, type SparseBytes } from './sparse-bytes.js'

/** One write or change of size that no sync has made durable yet. */
export interface Change {
  /** Grows from change to change; parts of one write have the same. */
  readonly sequence: number
  readonly sizeBefore: number
  readonly size: number
  /** A truncation to a smaller size. */
  readonly isCut: boolean
  readonly position: number
  /** The sectors from `position` on as the write left them; none for a truncation, or if the disk has lost them. */
  readonly image: Uint8Array | undefined
}

/**
 * What a power cut leaves of a file. Changes of size survive in their order, data in any: of each sector, or of each page
 * where the fate says so, some version since the last sync survives or the durable one.
 */
export function survivingContent(
  durable: SparseBytes,
  changes: readonly Change[],
  fate: Fate,
  rules: DiskRules,
): SparseBytes {
  const content = durable.clone()
  if (rules.writeOrder === 'in-order') return survivingPrefix(content, changes, fateBy(rules.unsyncedData, fate), rules)
  const { sectorBytes } = rules
  const cuts = resize(content, changes, fateBy(rules.unsyncedSizes, fate), sectorBytes)
  const size = content.size
  const dataFate = fateBy(rules.unsyncedData, fate)
  for (const [page, versions] of versionsByPage(changes)) {
    const start = page * PAGE_BYTES
    const atOnce = dataFate.isPageWhole() ? dataFate.version(versions.length) : undefined
    for (let sector = start; sector < start + PAGE_BYTES; sector += sectorBytes) {
      placeSector(content, sector, versions, dataFate, atOnce, cuts, rules)
    }
  }
  content.zeroFrom(size)
  return content
}

/** The same where writes survive in their order: the first ones, and of the next one the first sectors. */
function survivingPrefix(
  content: SparseBytes,
  changes: readonly Change[],
  fate: Fate,
  { sectorBytes, tornSectorChance }: DiskRules,
): SparseBytes {
  const count = fate.prefix(changes.length)
  for (const change of changes.slice(0, count)) applyChange(content, change)
  const next = changes[count]
  if (next?.image === undefined) return content
  const { image, position } = next
  const whole = fate.prefix(image.length / sectorBytes) * sectorBytes
  const torn = whole < image.length ? (fate.tear(tornSectorChance, sectorBytes) ?? 0) : 0
  if (whole + torn === 0) return content
  const end = position + whole + torn
  const size = Math.max(content.size, Math.min(next.size, end))
  content.copyFrom(image.subarray(0, whole + torn), position)
  content.zeroFrom(size)
  content.resize(size)
  return content
}

/** Lets a change take effect. */
export function applyChange(bytes: SparseBytes, { image, position, size, sizeBefore }: Change): void {
  if (image) bytes.place(image, position)
  if (size !== sizeBefore) bytes.resize(size)
}

/** Lets a prefix of the changes of size take effect. Returns the truncations among them. */
function resize(content: SparseBytes, changes: readonly Change[], fate: Fate, sectorBytes: number): Change[] {
  const resizes = changes.filter((change) => change.size !== change.sizeBefore)
  const count = fate.prefix(resizes.length)
  const cuts: Change[] = []
  for (const change of resizes.slice(0, count)) {
    content.resize(change.size)
    if (change.isCut) cuts.push(change)
  }
  // File systems grow a file as its pages get written, so the first growth that is lost can be there in part.
  const next = resizes[count]
  if (next && !next.isCut) {
    const sectors = Math.floor((next.size - next.sizeBefore) / sectorBytes)
    const grown = next.sizeBefore + fate.prefix(sectors) * sectorBytes
    if (grown > next.sizeBefore) content.resize(Math.min(grown - (grown % sectorBytes), next.size))
  }
  return cuts
}

/** Places one version of a sector, or leaves the durable one; of a page that survives at once, the first `atOnce` changes. */
function placeSector(
  content: SparseBytes,
  sector: number,
  changes: readonly Change[],
  fate: Fate,
  atOnce: number | undefined,
  cuts: readonly Change[],
  { sectorBytes, tornSectorChance }: DiskRules,
): void {
  const versions = (atOnce === undefined ? changes : changes.slice(0, atOnce)).filter(
    ({ position, image }) => image && position <= sector && sector < position + image.length,
  )
  const survivors = atOnce === undefined ? fate.version(versions.length) : versions.length
  const version = versions[survivors - 1]
  if (version?.image === undefined) return
  const offset = sector - version.position
  const bytes = version.image.slice(offset, offset + sectorBytes)
  for (const cut of cuts) {
    // A truncation that came later and survived takes away what lies past it.
    if (cut.sequence > version.sequence && cut.size < sector + sectorBytes)
      bytes.fill(0, Math.max(0, cut.size - sector))
  }
  content.copyFrom(tornSectorChance > 0 ? bytes.subarray(0, fate.tear(tornSectorChance, sectorBytes)) : bytes, sector)
}

/** What is left to write when these sectors have been, and the size: the data of other sectors. */
export function changesOutside(changes: readonly Change[], start: number, end: number): Change[] {
  return changes.flatMap((change, index) => {
    const { position, image, size } = change
    if (image === undefined) return []
    // What a later truncation has taken away does not come back.
    const sizes = changes.slice(index).map((later) => later.size)
    const stop = Math.min(position + image.length, ...sizes.map((cut) => Math.max(cut, position)))
    const bytes = new Uint8Array(image)
    bytes.fill(0, stop - position)
    const part = (from: number, to: number): Change[] =>
      from < to
        ? [{ ...change, sizeBefore: size, position: from, image: bytes.subarray(from - position, to - position) }]
        : []
    return [
      ...part(position, Math.min(position + image.length, start)),
      ...part(Math.max(position, end), position + image.length),
    ]
  })
}

function versionsByPage(changes: readonly Change[]): Map<number, Change[]> {
  const pages = new Map<number, Change[]>()
  for (const change of changes) {
    if (change.image === undefined) continue
    const end = change.position + change.image.length
    for (let page = Math.floor(change.position / PAGE_BYTES); page * PAGE_BYTES < end; page += 1) {
      const versions = pages.get(page)
      if (versions) versions.push(change)
      else pages.set(page, [change])
    }
  }
  return pages
}

/**
 * What is left to write after a sync has failed: the sectors that reached the device all the same. The others are gone
 * from here, though the page cache goes on showing them. Changes of size wait for the next sync.
 */
export function changesAfterFailure(changes: readonly Change[], fate: Fate, sectorBytes: number): Change[] {
  const pages = new Map<number, boolean | undefined>()
  const sectors = new Map<number, boolean>()
  const isKept = (sector: number): boolean => {
    const page = Math.floor(sector / PAGE_BYTES)
    if (!pages.has(page)) pages.set(page, fate.isPageWhole() ? fate.version(1) === 1 : undefined)
    let kept = pages.get(page) ?? sectors.get(sector)
    if (kept === undefined) sectors.set(sector, (kept = fate.version(1) === 1))
    return kept
  }
  return changes.flatMap((change) => splitChange(change, isKept, sectorBytes))
}

function splitChange(change: Change, isKept: (sector: number) => boolean, sectorBytes: number): Change[] {
  const { position, image, size } = change
  if (image === undefined) return [change]
  const left: Change[] = [{ ...change, image: undefined }]
  for (let offset = 0; offset < image.length; offset += sectorBytes) {
    if (!isKept(position + offset)) continue
    const part = image.subarray(offset, offset + sectorBytes)
    left.push({ ...change, sizeBefore: size, position: position + offset, image: part })
  }
  return left
}
