import { crc32c } from '../checksum/crc32c.js'
import { errnoOf } from '../errors.js'
import { call, type Steps } from '../storage/steps.js'
import type { FileFacts, OpenMode, Storage, StorageFile } from '../storage/storage.js'
import { unlinkQuietly } from '../storage/unlink-quietly.js'
import { readWhole, writeWhole } from '../storage/whole.js'
import { markPath } from './names.js'

/*
 * The durable mark, `<name>.mark` (FORMAT.md, "The mark"): two slots, written in turn, so that a torn write leaves the
 * other one whole.
 *
 *      slot      0          4096         8192
 *                | slot 0 ...| slot 1 ... |
 *
 *      in a slot 0         8         16        24           32          40        48      56    60       64
 *                | magic   | sequence| inode   | birth time | gap-free  | durable | 0     | 0   | checksum |
 *                "FSYSMARK"  u64       u64       i64 (ns)     u64 (LSN)   u64 (LSN)              CRC-32C of 0..59
 *
 * All numbers are little-endian; u64 that hold LSNs stay below 2^53.
 */
export const MARK_BYTES = 8192
const SLOT_BYTES = 64
const SUMMED_BYTES = 60
const SLOT_DISTANCE_BYTES = 4096
const MARK_READ_BYTES = SLOT_DISTANCE_BYTES + SLOT_BYTES
const MARK_MAGIC = Buffer.from('FSYSMARK', 'latin1')
/** Leaves a double room to count on from. At ten marks a second, no journal comes near it. */
const SEQUENCE_MAX = 2 ** 52

/** What a slot says. */
export interface Mark {
  /** The slot with the higher number is the newer. It stands in slot `sequence % 2`. */
  readonly sequence: number
  /** The journal that it speaks of. */
  readonly inode: bigint
  readonly birthTime: bigint
  /** From here on this project has written the file, and left no gap. */
  readonly gapFreeLsn: number
  /** Everything below was once confirmed. It may lag behind, never run ahead. */
  readonly durableLsn: number
}

/** Slots are made and read here, because a view on other memory costs as much as all the rest. */
const scratch = Buffer.alloc(SLOT_BYTES)
const summed = scratch.subarray(0, SUMMED_BYTES)
const view = new DataView(scratch.buffer, scratch.byteOffset, SLOT_BYTES)

export function encodeMark(mark: Mark): Buffer {
  scratch.fill(0)
  MARK_MAGIC.copy(scratch, 0)
  view.setBigUint64(8, BigInt(mark.sequence), true)
  view.setBigUint64(16, mark.inode, true)
  view.setBigInt64(24, mark.birthTime, true)
  view.setBigUint64(32, BigInt(mark.gapFreeLsn), true)
  view.setBigUint64(40, BigInt(mark.durableLsn), true)
  view.setUint32(SUMMED_BYTES, crc32c(summed), true)
  return Buffer.from(scratch)
}

/** What a slot says, or undefined if it is not whole, or not ours: its checksum is right, but its numbers cannot be. */
export function decodeMark(slot: Buffer): Mark | undefined {
  if (slot.length < SLOT_BYTES || !slot.subarray(0, 8).equals(MARK_MAGIC)) return undefined
  slot.copy(scratch, 0, 0, SLOT_BYTES)
  if (view.getUint32(SUMMED_BYTES, true) !== crc32c(summed)) return undefined
  const sequence = Number(view.getBigUint64(8, true))
  const gapFreeLsn = Number(view.getBigUint64(32, true))
  const durableLsn = Number(view.getBigUint64(40, true))
  if (Math.max(sequence, gapFreeLsn, durableLsn) > Number.MAX_SAFE_INTEGER) return undefined
  return {
    sequence,
    inode: view.getBigUint64(16, true),
    birthTime: view.getBigInt64(24, true),
    gapFreeLsn,
    durableLsn,
  }
}

/** What a mark file says of a journal, and why it says nothing. Only `bound` proves something. */
export type MarkReading =
  | { readonly state: 'bound'; readonly mark: Mark }
  | { readonly state: 'absent' | 'broken' | 'of-another-file' | 'no-birth-time' }

/**
 * Reads the mark of the journal whose facts are given. Never fails because of what stands in the file. `memory` serves as
 * room for it if there is enough of it; its content is lost.
 */
export function* readMark(storage: Storage, path: string, journal: FileFacts, memory?: Buffer): Steps<MarkReading> {
  const { reading, file } = yield* readOpening(storage, path, journal, 'read', memory)
  if (file !== undefined) yield* call(file, 'close')
  return reading
}

/** What was read, and the file if that is bound: it is still open. */
interface Opened {
  readonly reading: MarkReading
  readonly file: StorageFile | undefined
}

function* readOpening(
  storage: Storage,
  path: string,
  journal: FileFacts,
  mode: OpenMode,
  memory?: Buffer,
): Steps<Opened> {
  if (journal.birthTime === 0n) return { reading: { state: 'no-birth-time' }, file: undefined }
  const facts = yield* call(storage, 'stat', path)
  if (facts === undefined) return { reading: { state: 'absent' }, file: undefined }
  // Opening a pipe would wait for somebody to write to it.
  if (!facts.isFile) return { reading: { state: 'broken' }, file: undefined }
  const file = yield* call(storage, 'open', path, mode)
  const bytes = roomFor(MARK_READ_BYTES, memory)
  let reading: MarkReading | undefined
  try {
    const count = yield* readWhole(file, bytes, 0)
    const read = bytes.subarray(0, count)
    reading = judgeSlots([decodeMark(read), decodeMark(read.subarray(SLOT_DISTANCE_BYTES))], journal)
  } finally {
    if (reading?.state !== 'bound') yield* call(file, 'close')
  }
  return { reading, file: reading.state === 'bound' ? file : undefined }
}

/** One that may only be read will do if it is not bound: another one takes its place. */
function* readToGoOn(storage: Storage, path: string, journal: FileFacts, memory?: Buffer): Steps<Opened> {
  try {
    return yield* readOpening(storage, path, journal, 'write', memory)
  } catch (error) {
    if (!WRITE_REFUSALS.has(errnoOf(error))) throw error
    const reading = yield* readMark(storage, path, journal, memory)
    if (reading.state === 'bound') throw error
    return { reading, file: undefined }
  }
}

const WRITE_REFUSALS: ReadonlySet<string | undefined> = new Set(['EACCES', 'EPERM', 'EROFS'])

/** In the memory that was given, if there is enough of it. */
function roomFor(bytes: number, memory: Buffer | undefined): Buffer {
  return memory !== undefined && memory.length >= bytes ? memory.subarray(0, bytes) : Buffer.allocUnsafe(bytes)
}

function judgeSlots(found: readonly (Mark | undefined)[], journal: FileFacts): MarkReading {
  const slots = found.filter((slot) => slot !== undefined)
  if (slots.length === 0) return { state: 'broken' }
  const ours = slots.filter((slot) => slot.inode === journal.inode && slot.birthTime === journal.birthTime)
  if (ours.length === 0) return { state: 'of-another-file' }
  const mark = ours.reduce((newest, slot) => (slot.sequence > newest.sequence ? slot : newest))
  return mark.sequence > SEQUENCE_MAX ? { state: 'broken' } : { state: 'bound', mark }
}

/**
 * Below which LSN zero gaps of older writers may be skipped: the mark knows; without one, `isAllowed` is what the caller
 * was told.
 */
export function gapLimit(reading: MarkReading, isAllowed: boolean): number {
  if (reading.state === 'bound') return reading.mark.gapFreeLsn
  return isAllowed ? Infinity : 0
}

/**
 * The same for a reader of the open `file`, at the `path` by which it was opened. A journal that this project has taken over
 * knows its own gaps, and has no others.
 */
export function* readGapLimit(storage: Storage, path: string, file: StorageFile, isAllowed: boolean): Steps<number> {
  let reading: MarkReading = { state: 'absent' }
  try {
    const mark = markPath(yield* call(storage, 'realPath', path))
    reading = yield* readMark(storage, mark, yield* call(file, 'stat'))
  } catch (error) {
    // Renamed or removed since it was opened: then nothing is known of it.
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  return gapLimit(reading, isAllowed)
}

/** At most this long, or this many bytes, does the mark lag behind a busy journal. */
const MARK_INTERVAL_MS = 100
const MARK_INTERVAL_BYTES = 16 * 2 ** 20

/**
 * Keeps the mark of an open journal up to date, without syncs of its own and never in the way of a commit: what goes wrong
 * here turns the mark off, visibly, and the mark that stands lags from then on, which proves less but nothing false.
 */
export class MarkKeeper {
  readonly #storage: Storage
  readonly #binding: Pick<Mark, 'inode' | 'birthTime'>
  #file: StorageFile | undefined
  #offReason: string | undefined
  #gapFreeLsn: number
  #sequence: number
  #durableLsn: number
  #markedLsn: number
  #markedAt: number
  #cancelTimer: (() => void) | undefined
  #writes = 0

  constructor(storage: Storage, file: StorageFile | undefined, mark: Mark, offReason?: string) {
    this.#storage = storage
    this.#file = file
    this.#offReason = offReason
    this.#binding = { inode: mark.inode, birthTime: mark.birthTime }
    this.#gapFreeLsn = mark.gapFreeLsn
    this.#sequence = mark.sequence
    this.#durableLsn = mark.durableLsn
    this.#markedLsn = mark.durableLsn
    this.#markedAt = storage.clock.now()
  }

  /** For a journal on a file system without birth times: a mark there could be taken for that of another file. */
  static off(storage: Storage, reason: string): MarkKeeper {
    const nothing: Mark = { sequence: 0, inode: 0n, birthTime: 0n, gapFreeLsn: 0, durableLsn: 0 }
    return new MarkKeeper(storage, undefined, nothing, reason)
  }

  /**
   * Makes a new mark in place of whatever stands there, whole or not at all. Its name is durable only once the directory
   * is synced. The caller vouches for what the mark says. `memory` serves as for `readMark`.
   */
  static *create(
    storage: Storage,
    path: string,
    mark: Omit<Mark, 'sequence'>,
    permissions: number,
    memory?: Buffer,
  ): Steps<MarkKeeper> {
    const draft = `${path}.new`
    const file = yield* call(storage, 'open', draft, 'replace', permissions)
    try {
      const bytes = roomFor(MARK_BYTES, memory).fill(0)
      encodeMark({ sequence: 0, ...mark }).copy(bytes, 0)
      encodeMark({ sequence: 1, ...mark }).copy(bytes, SLOT_DISTANCE_BYTES)
      yield* writeWhole(file, bytes, 0)
      yield* call(file, 'sync')
      yield* call(storage, 'rename', draft, path)
    } catch (error) {
      yield* call(file, 'close')
      yield* unlinkQuietly(storage, draft)
      throw error
    }
    return new MarkKeeper(storage, file, { sequence: 1, ...mark })
  }

  /**
   * Reads the mark as `readMark` does, and goes on with it if it is bound to the journal; then it must be one that may be
   * written to.
   */
  static *resume(
    storage: Storage,
    path: string,
    journal: FileFacts,
    memory?: Buffer,
  ): Steps<{ reading: MarkReading; resumed: MarkKeeper | undefined }> {
    const { reading, file } = yield* readToGoOn(storage, path, journal, memory)
    const resumed = reading.state === 'bound' ? new MarkKeeper(storage, file, reading.mark) : undefined
    return { reading, resumed }
  }

  /** Why there is no mark, or undefined while there is. */
  get offReason(): string | undefined {
    return this.#offReason
  }

  /** How often `note` and `closeSync` have written it. */
  get writes(): number {
    return this.#writes
  }

  /** Everything below `lsn` has been confirmed, and may be marked so: now, or a little later. */
  note(lsn: number, now: number): void {
    this.#durableLsn = lsn
    if (this.#file === undefined || lsn === this.#markedLsn) return
    const sinceMs = now - this.#markedAt
    if (sinceMs >= MARK_INTERVAL_MS || lsn - this.#markedLsn >= MARK_INTERVAL_BYTES) {
      this.#write()
    } else {
      this.#cancelTimer ??= this.#storage.clock.startTimer(MARK_INTERVAL_MS - sinceMs, () => {
        this.#cancelTimer = undefined
        this.#write()
      })
    }
  }

  /**
   * Sets both slots, durably: before confirmed but damaged records are cut off because the user said so. What is appended
   * from `lsn` on is written by this project, so no gap is history there, unless `gapFreeLsn` says otherwise.
   */
  *lowerTo(lsn: number, gapFreeLsn: number = Math.min(this.#gapFreeLsn, lsn)): Steps<void> {
    const file = this.#file
    if (file === undefined) return
    this.#gapFreeLsn = gapFreeLsn
    for (let slot = 0; slot < 2; slot++) {
      this.#sequence++
      const bytes = encodeMark(this.#mark(lsn))
      yield* writeWhole(file, bytes, (this.#sequence % 2) * SLOT_DISTANCE_BYTES)
    }
    yield* call(file, 'sync')
    this.#durableLsn = lsn
    this.#markedLsn = lsn
  }

  /** Writes what is still to be written, and lets go. */
  closeSync(): void {
    this.#write()
    this.#turnOff('the journal is closed')
  }

  #write(): void {
    if (this.#file === undefined || this.#durableLsn === this.#markedLsn) return
    this.#sequence++
    try {
      const bytes = encodeMark(this.#mark(this.#durableLsn))
      const count = this.#file.writeSync(bytes, (this.#sequence % 2) * SLOT_DISTANCE_BYTES)
      if (count < bytes.length) throw new Error(`wrote ${count} of ${bytes.length} bytes`)
      this.#writes++
      this.#markedLsn = this.#durableLsn
      this.#markedAt = this.#storage.clock.now()
    } catch (error) {
      this.#turnOff(`a write to it failed: ${(error as Error).message}`)
    }
  }

  #mark(durableLsn: number): Mark {
    return { sequence: this.#sequence, gapFreeLsn: this.#gapFreeLsn, durableLsn, ...this.#binding }
  }

  #turnOff(reason: string): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#offReason ??= reason
    try {
      this.#file?.closeSync()
    } catch {
      // It only lags from here on, which is what an unclosed mark does too.
    }
    this.#file = undefined
  }
}
