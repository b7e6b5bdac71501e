import type { Change, FileHistory, History, NameMove, Span } from './history.js'
import type { Luck } from './luck.js'

/** What a power cut left: the files by their paths. */
export type CrashState = ReadonlyMap<string, SurvivingFile>

export interface SurvivingFile {
  readonly bytes: Buffer
  readonly permissions: number
  /** Which one it was. */
  readonly file: FileHistory
}

/**
 * A directory as a power cut in front of the log's entry `at` could leave it.
 *
 * Certain is what a sync covers that had ended by then and had begun after the change had ended: of a file, its data and its
 * size; of a directory, its names. Of the rest,
 * - changes of size survive in their order, up to one of them, and a growth in part;
 * - of each sector, or of each page where luck has it so, any version since the certain one survives;
 * - a write that was not over has filled the page cache up to any byte, and the sector in which that is may survive so; past
 *   the page cache, each of its sectors is there or not;
 * - a write that is its own sync makes certain, when it is over, its sectors and a size that reaches to them, and nothing else;
 * - permission bits survive up to one of their changes; a sync of the data alone is none of them;
 * - moves of names survive in their order up to one of them, or now and then each for itself.
 */
export function stateAt(history: History, at: number, luck: Luck, sectorBytes: number): CrashState {
  const names = new Map<string, FileHistory>()
  for (const move of survivingMoves(history, at, luck)) {
    for (const [path, file] of move.names) {
      if (file === undefined) names.delete(path)
      else names.set(path, file)
    }
  }
  const contents = new Map<FileHistory, SurvivingFile>()
  const state = new Map<string, SurvivingFile>()
  for (const [path, file] of names) {
    const content = contents.get(file) ?? survivorOf(file, at, luck.ofFile(), sectorBytes)
    contents.set(file, content)
    state.set(path, content)
  }
  return state
}

function survivorOf(file: FileHistory, at: number, luck: Luck, sectorBytes: number): SurvivingFile {
  const [made, ...changes] = file.modes
  const { certain, unsure } = divide(changes, file.fullSyncs, at)
  const { permissions = 0 } = [made, ...certain, ...unsure.slice(0, luck.upTo(unsure.length))].at(-1) ?? {}
  return { bytes: contentAt(file, at, luck, sectorBytes), permissions, file }
}

/** How many sectors, of 512 bytes, and names are not certain. */
export function sectorsAtStake({ moves, directorySyncs }: History, at: number): number {
  const files = new Set(moves.flatMap(({ names }) => names.map(([, file]) => file)))
  let sectors = 0
  for (const file of files) {
    for (const { data } of divide(file?.changes ?? [], file?.syncs ?? [], at).unsure) {
      sectors += Math.ceil((data?.length ?? 1) / 512)
    }
  }
  return sectors + divide(moves, [...directorySyncs.values()].flat(), at).unsure.length
}

/** What the page cache held of a file when this change began, of those that had ended. */
export function contentBefore({ changes }: FileHistory, { begun }: Change): Buffer {
  const content = new Content()
  for (const change of changes) if (change.ended < begun) content.apply(change)
  return content.bytes
}

function survivingMoves({ moves, directorySyncs }: History, at: number, luck: Luck): NameMove[] {
  const isSingly = luck.isSo() && luck.isSo()
  const survivors = new Set<NameMove>()
  for (const directory of new Set(moves.map((move) => move.directory))) {
    const ours = moves.filter((move) => move.directory === directory)
    const { certain, unsure } = divide(ours, directorySyncs.get(directory) ?? [], at)
    const lucky = isSingly ? unsure.filter(() => luck.isSo()) : unsure.slice(0, luck.upTo(unsure.length))
    for (const move of [...certain, ...lucky]) survivors.add(move)
  }
  // In the order in which they were made, whatever the directory: one may lead from one directory to another.
  return moves.filter((move) => survivors.has(move))
}

/** Of what had begun, what a sync covers, and what not. */
function divide<Kind extends Span>(
  spans: readonly Kind[],
  syncs: readonly Span[],
  at: number,
): { certain: Kind[]; unsure: Kind[] } {
  const covered = Math.max(-1, ...syncs.filter(({ ended }) => ended < at).map(({ begun }) => begun))
  const begun = spans.filter((span) => span.begun < at).toSorted((one, other) => one.begun - other.begun)
  return {
    certain: begun.filter(({ ended }) => ended < covered),
    unsure: begun.filter(({ ended }) => ended >= covered),
  }
}

/** One version of a sector that is not certain. */
interface Version {
  /** The number of the change that made it. */
  readonly change: number
  readonly bytes: Buffer
  /** It was written by a write that is its own sync: no older one survives. */
  readonly isCertain: boolean
}

/** One that is over, and where it ends. */
interface SyncedWrite {
  readonly change: number
  readonly end: number
}

interface Resize {
  readonly change: number
  readonly from: number
  readonly to: number
}

function contentAt(file: FileHistory, at: number, luck: Luck, sectorBytes: number): Buffer {
  const { certain, unsure } = divide(file.changes, file.syncs, at)
  const content = new Content()
  for (const change of certain) content.apply(change)
  if (unsure.length === 0) return content.bytes
  const cache = new Content(content.bytes)
  const versions = new Map<number, Version[]>()
  const resizes: Resize[] = []
  const synced: SyncedWrite[] = []
  for (const [number, whole] of unsure.entries()) {
    const from = cache.size
    const isOver = whole.ended < at
    const change = isOver ? whole : begunOnly(whole, luck)
    const isCertain = isOver && change.isSynced
    cache.apply(change)
    if (cache.size !== from) resizes.push({ change: number, from, to: cache.size })
    if (isCertain) synced.push({ change: number, end: change.position + (change.data?.length ?? 0) })
    for (const sector of sectorsOf(change, sectorBytes)) {
      const version = { change: number, bytes: cache.sector(sector, sectorBytes), isCertain }
      versions.set(sector, [...(versions.get(sector) ?? []), version])
    }
  }
  const cuts = resize(content, resizes, synced, luck, sectorBytes)
  place(content, versions, unsure.length, cuts, luck, sectorBytes)
  return content.bytes
}

/** A write that has not ended has come up to some byte of the page cache. */
function begunOnly(change: Change, luck: Luck): Change {
  return change.data === undefined || change.isDirect
    ? change
    : { ...change, data: change.data.subarray(0, luck.upTo(change.data.length)) }
}

function* sectorsOf({ position, data }: Change, sectorBytes: number): Generator<number> {
  if (data === undefined) return
  for (let sector = position - (position % sectorBytes); sector < position + data.length; sector += sectorBytes)
    yield sector
}

/** Lets changes of size take effect, up to one of them. Returns the cuts among them. */
function resize(
  content: Content,
  resizes: readonly Resize[],
  synced: readonly SyncedWrite[],
  luck: Luck,
  sectorBytes: number,
): Resize[] {
  const last = resizes.findLastIndex(({ change }) => synced.some((write) => write.change === change))
  const count = Math.max(last + 1, luck.upTo(resizes.length))
  for (const { to } of resizes.slice(0, count)) content.resize(to)
  const next = resizes[count]
  if (next !== undefined && next.to > next.from) {
    const sectors = Math.floor(next.to / sectorBytes) - Math.floor(next.from / sectorBytes)
    const grown = luck.upTo(sectors)
    if (grown > 0) content.resize((Math.floor(next.from / sectorBytes) + grown) * sectorBytes)
  }
  const cuts = resizes.slice(0, count).filter(({ from, to }) => to < from)
  // A write that is its own sync, and did not itself lengthen the file, is reached all the same.
  for (const { change, end } of synced) {
    const isCut = cuts.some((cut) => cut.change > change && cut.to < end)
    if (!isCut && end > content.size) content.resize(end)
  }
  return cuts
}

function place(
  content: Content,
  versions: ReadonlyMap<number, readonly Version[]>,
  changes: number,
  cuts: readonly Resize[],
  luck: Luck,
  sectorBytes: number,
): void {
  const { size } = content
  /** Of a page that is written as a whole: behind which change. */
  const pages = new Map<number, number | undefined>()
  for (const [sector, choice] of versions) {
    const page = Math.floor(sector / PAGE_BYTES)
    if (!pages.has(page)) pages.set(page, luck.isSo() ? luck.upTo(changes) : undefined)
    const behind = pages.get(page)
    const there = behind === undefined ? choice : choice.filter(({ change }) => change < behind)
    const chosen = there[(behind === undefined ? luck.upTo(there.length) : there.length) - 1]
    const certain = choice.findLast(({ isCertain }) => isCertain)
    const version = (chosen?.change ?? -1) < (certain?.change ?? -1) ? certain : chosen
    if (version === undefined) continue
    const bytes = Buffer.from(version.bytes)
    // What was cut off after it had been written does not come back.
    for (const { change, to } of cuts)
      if (change > version.change) bytes.fill(0, Math.min(Math.max(0, to - sector), sectorBytes))
    content.place(bytes, sector)
  }
  content.resize(size)
}

const PAGE_BYTES = 4096

/** Bytes that grow. */
class Content {
  #memory: Buffer
  #size: number

  constructor(bytes: Uint8Array = Buffer.alloc(0)) {
    this.#memory = Buffer.from(bytes)
    this.#size = bytes.length
  }

  get size(): number {
    return this.#size
  }

  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#size)
  }

  apply({ position, data }: Change): void {
    if (data === undefined) this.resize(position)
    else if (data.length > 0) this.place(data, position)
  }

  place(data: Uint8Array, position: number): void {
    if (position + data.length > this.#size) this.resize(position + data.length)
    this.#memory.set(data, position)
  }

  resize(size: number): void {
    if (size > this.#memory.length) this.#memory = Buffer.concat([this.#memory, Buffer.alloc(size)])
    // What lies past the end is zero when the file grows again.
    if (size < this.#size) this.#memory.fill(0, size, this.#size)
    this.#size = size
  }

  /** A copy of a sector, with zeros past the end. */
  sector(start: number, bytes: number): Buffer {
    const sector = Buffer.alloc(bytes)
    sector.set(this.bytes.subarray(start, start + bytes))
    return sector
  }
}
