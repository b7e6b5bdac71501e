import { errnoOf } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { Storage, StorageFile } from '../storage/storage.js'
import { readWhole, writeWhole } from '../storage/whole.js'

/** What a journal in direct mode writes with. */
export interface DirectFiles {
  readonly waiting: StorageFile
  /** Each write is a sync of its own bytes. Undefined where `waiting` can do that too. */
  readonly through: StorageFile | undefined
  /** Of positions, lengths and memory, in bytes. */
  readonly alignment: number
  /** The beginning of the sector in which the records end. */
  readonly carried: Uint8Array
}

/** Smallest first: a sync writes at least so much. Every device's sectors divide a page. */
const ALIGNMENTS = [512, 4096]

/**
 * Opens the journal's file past the page cache, or says why there is no such thing here. What the alignment must be is found by trying:
 * the sector in which the records end is written once more as it is, padded with zeros. `memory` is a page or more, and
 * begins at one.
 */
export function* openDirect(
  storage: Storage,
  path: string,
  file: StorageFile,
  cleanEnd: number,
  memory: Buffer,
): Steps<DirectFiles | string> {
  let waiting: StorageFile | undefined
  let through: StorageFile | undefined
  try {
    waiting = yield* call(storage, 'open', path, 'direct')
    const alignment = yield* findAlignment(waiting, file, cleanEnd, memory)
    if (waiting.writeThrough === undefined) through = yield* call(storage, 'open', path, 'direct-through')
    const carried = new Uint8Array(cleanEnd % alignment)
    yield* readWhole(file, carried, cleanEnd - carried.length)
    return { waiting, through, alignment, carried }
  } catch (error) {
    yield* close(through)
    yield* close(waiting)
    if (!REFUSALS.has(errnoOf(error))) throw error
    return `it cannot be written past the page cache: ${(error as Error).message}`
  }
}

/** How systems say that there is no such thing. A disk that fails is another matter. */
const REFUSALS: ReadonlySet<string | undefined> = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

function* findAlignment(direct: StorageFile, file: StorageFile, cleanEnd: number, memory: Buffer): Steps<number> {
  let refusal: unknown
  for (const alignment of ALIGNMENTS) {
    const position = cleanEnd - (cleanEnd % alignment)
    // On an address that is a multiple of this alignment, and of no larger one that is tried.
    const sector = memory.subarray(alignment % PAGE_BYTES, (alignment % PAGE_BYTES) + alignment).fill(0)
    yield* readWhole(file, sector.subarray(0, cleanEnd - position), position)
    try {
      yield* writeWhole(direct, sector, position)
      return alignment
    } catch (error) {
      if (errnoOf(error) !== 'EINVAL') throw error
      refusal = error
    }
  }
  throw refusal
}

const PAGE_BYTES = 4096

function* close(file: StorageFile | undefined): Steps<void> {
  try {
    if (file !== undefined) yield* call(file, 'close')
  } catch {
    // What led here is the thing to tell.
  }
}
