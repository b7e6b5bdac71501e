import { fstatSync } from 'node:fs'

import { sharedKernelPool } from '../checksum/kernel-pool.js'
import type { Kernel } from '../checksum/kernel.js'
import { FsysError, storageFailure } from '../errors.js'
import { HEADER_BYTES, type TailState, judgeHeader } from '../frame/frame.js'
import { CHUNK_BYTES, FrameCursor } from '../journal/frame-cursor.js'
import { type MarkReading, gapLimit, readMark } from '../journal/mark.js'
import { markPath } from '../journal/names.js'
import { type Findings, type GapPolicy, examine, looksForeign } from '../journal/recovery.js'
import { nodeStorage } from '../storage/node-storage.js'
import { run } from '../storage/steps.js'
import type { FileFacts, StorageFile } from '../storage/storage.js'
import { readWhole } from '../storage/whole.js'
import { quote } from './text.js'
import { UsageError } from './usage.js'

interface WalkOptions {
  readonly from?: number
  /** Goes no further, whatever stands there. */
  readonly to?: number
  readonly gaps?: Exclude<GapPolicy, 'cut'>
  /** Give the payloads of records that are longer than a chunk. */
  readonly wantsLargePayloads: boolean
}

/**
 * A journal to look at: no lock is taken and nothing is written. Unlike `openReader` it consults the mark, as an open for
 * writing does: gaps that are known to be history are crossed, and an end below what was confirmed is noticed.
 */
export class JournalSource {
  /** Its real path, which its lock and its mark are named after. */
  readonly path: string
  readonly file: StorageFile
  readonly facts: FileFacts
  /**
   * What the mark said before anything else was read. It lags behind a writer, so that whatever it vouches for had been
   * written by then.
   */
  readonly mark: MarkReading
  readonly kernel: Kernel

  constructor(path: string, file: StorageFile, facts: FileFacts, mark: MarkReading) {
    this.path = path
    this.file = file
    this.facts = facts
    this.mark = mark
    this.kernel = sharedKernelPool.acquire(CHUNK_BYTES)
  }

  static async open(givenPath: string): Promise<JournalSource> {
    const attempt = `cannot read journal ${quote(givenPath)}`
    try {
      const path = await nodeStorage.realPath(givenPath)
      const there = await nodeStorage.stat(path)
      // Opening a pipe would wait for somebody to write to it.
      if (there?.isFile === false) throw notAFile(attempt, path)
      const file = await nodeStorage.open(path, 'read')
      try {
        const facts = await file.stat()
        if (!facts.isFile) throw notAFile(attempt, path)
        return new JournalSource(path, file, facts, await run(readMark(nodeStorage, markPath(path), facts)))
      } catch (error) {
        await file.close()
        throw error
      }
    } catch (error) {
      throw storageFailure(error, attempt, { path: givenPath })
    }
  }

  /** A walk over the records that are there now. */
  async walk({ from = 0, to = Infinity, gaps = 'refuse', wantsLargePayloads }: WalkOptions): Promise<FrameCursor> {
    const { size } = await this.file.stat()
    return new FrameCursor(this.file, this.kernel, {
      from,
      fileSize: Math.min(size, to),
      skipGapsBelow: gapLimit(this.mark, gaps === 'skip'),
      wantsLargePayloads,
    })
  }

  /** Moves a walk on. */
  async advance(cursor: FrameCursor): Promise<boolean> {
    try {
      return await run(cursor.advance())
    } catch (error) {
      throw storageFailure(error, `cannot read journal ${quote(this.path)}`, { path: this.path })
    }
  }

  /** What a walk that has come to its end has found. */
  async findings(cursor: FrameCursor, records: number): Promise<Findings> {
    const head = Buffer.alloc(HEADER_BYTES)
    const headBytes = await run(readWhole(this.file, head, 0))
    const tailState = cursor.tailState as TailState
    return {
      fileSize: cursor.fileSize,
      cleanEnd: cursor.position,
      tailState,
      records,
      gaps: cursor.gapCount,
      isGapSuspected: cursor.isGapSuspected,
      isForeign: looksForeign(judgeHeader(head.subarray(0, headBytes), 0, cursor.fileSize), tailState),
      mark: this.mark,
    }
  }

  /** Reads all of it, as an open for writing does. */
  async examine(gaps: GapPolicy): Promise<Findings> {
    const { path, file, kernel, mark } = this
    try {
      const { size } = await file.stat()
      return await run(examine({ storage: nodeStorage, path, file, origin: 0 }, kernel, size, mark, gaps))
    } catch (error) {
      throw storageFailure(error, `cannot read journal ${quote(path)}`, { path })
    }
  }

  async close(): Promise<void> {
    sharedKernelPool.release(this.kernel)
    await this.file.close()
  }
}

function notAFile(attempt: string, path: string): FsysError {
  return new FsysError('ERR_FSYS_NOT_A_FILE', `${attempt}: it is not a regular file`, { path })
}

/** Refuses what would feed a journal with its own records, without end. */
export function refuseSameFile(fd: number, journal: FileFacts, what: string): void {
  const { dev, ino } = fstatSync(fd, { bigint: true })
  if (dev === journal.device && ino === journal.inode) throw new UsageError(`${what} is the journal itself`)
}
