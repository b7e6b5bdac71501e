import type { Fate } from './fate.js'
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
  sectorBytes: number,
): SparseBytes {
  const content = durable.clone()
  const cuts = resize(content, changes, fate, sectorBytes)
  const size = content.size
  for (const [page, versions] of versionsByPage(changes)) {
    const start = page * PAGE_BYTES
    const atOnce = fate.isPageWhole() ? fate.version(versions.length) : undefined
    for (let sector = start; sector < start + PAGE_BYTES; sector += sectorBytes) {
      placeSector(content, sector, sectorBytes, versions, atOnce ?? fate, cuts)
    }
  }
  content.zeroFrom(size)
  return content
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

/** Places one version of a sector, or leaves the durable one; `choice` says how many of the page's changes may be seen. */
function placeSector(
  content: SparseBytes,
  sector: number,
  sectorBytes: number,
  changes: readonly Change[],
  choice: Fate | number,
  cuts: readonly Change[],
): void {
  const versions = (typeof choice === 'number' ? changes.slice(0, choice) : changes).filter(
    ({ position, image }) => image && position <= sector && sector < position + image.length,
  )
  const survivors = typeof choice === 'number' ? versions.length : choice.version(versions.length)
  const version = versions[survivors - 1]
  if (version?.image === undefined) return
  const offset = sector - version.position
  const bytes = version.image.slice(offset, offset + sectorBytes)
  for (const cut of cuts) {
    // A truncation that came later and survived takes away what lies past it.
    if (cut.sequence > version.sequence && cut.size < sector + sectorBytes)
      bytes.fill(0, Math.max(0, cut.size - sector))
  }
  content.copyFrom(bytes, sector)
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
